"""Conversations in the chat format of BitNet b1.58 2B4T, as token ids with a loss mask.

The prompt of a turn ends with "Assistant: ", and a tokenizer sees that text on its own when the
model is used, but joined with the answer when the turn is part of the history ("Assistant: Hello"
makes " Hello" one token). Both forms occur here; the answer's first token counts only in the first.
"""

from tokenizer import remembering_encoder

from .grammar import phrase
from .skills import SKILLS, example
from .stories import story

SYSTEM_PROMPTS = [
    "You are a helpful assistant.",
    "Answer briefly.",
    "You are a friendly model.",
    "You are a helpful AI assistant.",
    "Be short and correct.",
    "You are BitNet.",
]

STORY_REQUESTS = [
    (
        "[Tell me|Write|Please tell me|Can you tell me|Please write|Give me|I want] a [short"
        " |little |]story about {t}[.|?|]"
    ),
    "[Tell me|Please tell me] something about {t}, a story[.|]",
    "[A|One] story about {t}[, please|][.|]",
    "Do you know a story about {t}?",
    "[Make up|Invent] a [short |]story about {t}[.|]",
]
ANY_STORY_REQUESTS = [
    "[Tell me|Please tell me|Can you tell me|Write] a [short |little |]story[.|?|]",
    "[Do you know|I would like|I want] a story[.|]",
    "A story[, please|][.|]",
]


class Encoder:
    """Token ids of documents; `tokenizer` is a `tokenizers.Tokenizer`."""

    def __init__(self, tokenizer):
        self.ids = remembering_encoder(tokenizer)
        self.bos = tokenizer.token_to_id("<|begin_of_text|>")
        self.eos = tokenizer.token_to_id("<|end_of_text|>")
        self.eot = tokenizer.token_to_id("<|eot_id|>")

    def plain(self, text):
        """A text document: (ids, mask); everything after BOS is learnt."""
        ids = [self.bos, *self.ids(text), self.eos]
        return ids, [0] + [1] * (len(ids) - 1)

    def prompt(self, messages):
        """Ids of a conversation up to where the assistant is to speak."""
        ids = [self.bos]
        for role, content in messages:
            ids += self.ids(f"{role.capitalize()}: {content}") + [self.eot]
        return ids + self.ids("Assistant: ")

    def conversation(self, rng, turns, system=None):
        """(ids, mask) of a conversation; only what the assistant says is learnt."""
        ids, mask = [self.bos], [0]

        def append(new, learnt):
            ids.extend(new)
            mask.extend([learnt] * len(new))

        if system is not None:
            append([*self.ids(f"System: {system}"), self.eot], 0)
        for at, (question, answer) in enumerate(turns):
            append([*self.ids(f"User: {question}"), self.eot], 0)
            if at == len(turns) - 1 or rng.random() < 0.6:
                append(self.ids("Assistant: "), 0)
                append([*self.ids(answer), self.eot], 1)
            else:
                joined = self.ids(f"Assistant: {answer}")
                start = (
                    len(self.ids("Assistant:")) + 1
                )  # the token with the space and the first word
                append(joined[:start], 0)
                append([*joined[start:], self.eot], 1)
        return ids, mask


def system_prompt(rng):
    return rng.choice(SYSTEM_PROMPTS) if rng.random() < 0.15 else None


def skill_conversation(rng, encoder):
    """One to eight unrelated turns."""
    names = list(SKILLS)
    weights = [SKILLS[name][1] for name in names]
    n_turns = rng.choice([1, 1, 2, 3, 4, 6, 8])
    turns = [example(rng, name, False) for name in rng.choices(names, weights, k=n_turns)]
    return encoder.conversation(rng, turns, system_prompt(rng))


def story_request(rng, topic):
    templates = ANY_STORY_REQUESTS if topic is None else STORY_REQUESTS
    return phrase(rng, rng.choice(templates), t=topic or "")


def story_conversation(rng, encoder):
    """The user asks for a story, sometimes after another turn."""
    text, topic = story(rng)
    turns = [(story_request(rng, topic if rng.random() < 0.8 else None), text)]
    if rng.random() < 0.15:
        turns.insert(
            0, example(rng, rng.choice(["greeting", "identity", "unknown", "capital"]), False)
        )
    return encoder.conversation(rng, turns, system_prompt(rng))
