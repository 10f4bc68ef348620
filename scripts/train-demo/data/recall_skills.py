"""Chat skills that recall what was learnt; their form is explained in `skills.py`."""

from . import facts
from .grammar import fix_articles, phrase
from .word_skills import any_word


def weekday(rng):
    today, n = rng.randrange(7), rng.randint(1, 7)
    back = rng.random() < 0.4
    days = "{n} day" if n == 1 else "{n} days"
    if rng.random() < 0.2:
        n = 1
        ask = (
            "[What|Which] day [comes|is] [right before|before] {d}?"
            if back
            else "[What|Which] day [comes|is] [right after|after|next after] {d}?"
        )
    elif back:
        ask = rng.choice(
            [
                f"[What|Which] day [is|comes|was] {days} before {{d}}?",
                f"[If today is|Today is|It is] {{d}}[,|.] [what|which] day was it {days} ago?",
            ]
        )
    else:
        ask = rng.choice(
            [
                f"[What|Which] day [is|comes] {days} after {{d}}?",
                (
                    "[If today is|Today is|It is] {d}[,|.] [what|which] day [is it|will it be]"
                    f" in {days}?"
                ),
                f"[What|Which] day is it {days} from {{d}}?",
            ]
        )
    question = phrase(rng, ask, n=n, d=facts.WEEKDAYS[today])
    return question, question, facts.WEEKDAYS[(today + (-n if back else n)) % 7]


def capital(rng):
    country, city = rng.choice(list(facts.CAPITALS.items()))
    question = phrase(
        rng,
        rng.choice(
            [
                (
                    "[|Please tell me: |Hello! |Quick question: ]What is the capital [city |]of"
                    " {c}[?|]"
                ),
                "[Which|What] city is the capital of {c}?",
                "[The |]Capital of {c}[?|]",
                "[Tell me|Name|Give me|Say|Please name] the capital [city |]of {c}[.|]",
                "[What is|Tell me|Name] {c}'s capital [city|]?",
                "Do you know the capital [city |]of {c}?",
                "[And what|What] about the capital of {c}?",
                "I want to know the capital of {c}.",
            ]
        ),
        c=country,
    ).replace(" ?", "?")
    return question, question, f"The capital of {country} is {city}."


def young_animal(rng):
    animal, young = rng.choice(list(facts.YOUNG.items()))
    question = phrase(
        rng,
        rng.choice(
            [
                "[|Please tell me: |Hello! |Quick question: ]What is a [young|baby] {a} called[?|]",
                "What do you call a [young|baby] {a}[?|]",
                "How do you call [the young of a|a young|a baby] {a}[?|]",
                "[Tell me|Name|Give me] the [name|word] for a [young|baby] {a}[.|]",
                "What is the [young|baby|child] of a {a} called?",
                "[What|How] is the young of a {a} called?",
                "A [young|baby] {a} is called what?",
                "Which word means a [young|baby] {a}?",
            ]
        ),
        a=animal,
    )
    return question, question, fix_articles(f"A young {animal} is called a {young}.")


def opposite(rng):
    word, other = rng.choice(list(facts.OPPOSITES.items()))
    question = phrase(
        rng,
        rng.choice(
            [
                "[|Please tell me: |Hello! |Quick question: ]What is the opposite of {w}[?|]",
                'What is the opposite of [the word |]"{w}"?',
                "[The |]Opposite of {w}[?|.|]",
                "[Tell me|Name|Give me|Say] the opposite of {w}[.|]",
                "Which word is the opposite of {w}?",
                "Do you know the opposite of {w}?",
                "[Which word|What] [means|is] the contrary of {w}?",
                "[And what|What] about the opposite of {w}?",
                "What is not {w}, but the opposite?",
            ]
        ),
        w=word,
    )
    return question, question, f"The opposite of {word} is {other}."


def from_table(table):
    def skill(rng):
        answer = rng.choice(list(table))
        question = phrase(rng, table[answer])
        if rng.random() < 0.2:
            question = question[0].lower() + question[1:]
        return question, question, answer

    return skill


def unknown(rng):
    kind = rng.random()
    if kind < 0.15:
        question = phrase(
            rng,
            "[What is|Tell me|Do you know] the capital of {c}?",
            c=any_word(rng, 4, 8).capitalize() + rng.choice(["", "", "ia", "land", "stan"]),
        )
    else:
        t, u = rng.sample(facts.UNKNOWN_TOPICS, 2)
        question = phrase(rng, rng.choice(facts.UNKNOWN_FORMS), t=t, u=u)
    if rng.random() < 0.2:
        question = question[0].lower() + question[1:]
    return question, question, "I don't know."
