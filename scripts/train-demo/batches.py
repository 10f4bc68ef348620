"""Batches made on the fly: step and worker decide all of them, so a resumed run sees the same."""

import random

import torch

from data.chat import Encoder, skill_conversation, story_conversation
from data.stories import story

STORY_ROW_TOKENS = 512
CHAT_ROW_TOKENS = 256
CHAT_STORY_SHARE = 0.3
STORY_PART = 3 / 8  # of the tokens of a step; stories are learnt sooner than arithmetic


def story_document(rng, encoder):
    if rng.random() < CHAT_STORY_SHARE:
        return story_conversation(rng, encoder)
    return encoder.plain(story(rng)[0])


def pack(rng, encoder, make_document, n_rows, row_tokens):
    """(ids, targets) [n_rows, row_tokens]: documents end to end, the last one cut; targets that are
    not to be learnt are -1."""
    rows, targets = [], []
    for _ in range(n_rows):
        ids, mask = [], []
        while len(ids) <= row_tokens:
            new_ids, new_mask = make_document(rng, encoder)
            ids += new_ids
            mask += new_mask
        rows.append(ids[:row_tokens])
        targets.append([i if m else -1 for i, m in zip(ids[1 : row_tokens + 1], mask[1:])])
    return torch.tensor(rows), torch.tensor(targets)


class Batches:
    def __init__(self, tokenizer, seed, tokens):
        self.encoder = Encoder(tokenizer)
        self.seed = seed
        self.n_story_rows = round(tokens * STORY_PART) // STORY_ROW_TOKENS
        self.n_chat_rows = round(tokens * (1 - STORY_PART)) // CHAT_ROW_TOKENS

    def at(self, step, worker):
        """The two parts of a step: stories and chat turns."""
        rng = random.Random(f"{self.seed}:{step}:{worker}")
        return (
            pack(rng, self.encoder, story_document, self.n_story_rows, STORY_ROW_TOKENS),
            pack(rng, self.encoder, skill_conversation, self.n_chat_rows, CHAT_ROW_TOKENS),
        )
