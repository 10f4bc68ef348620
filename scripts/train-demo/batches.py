"""Batches made on the fly: step and worker decide all of them, so a resumed run sees the same."""

import random
from functools import cached_property

import torch
from torch.utils.data import DataLoader, Dataset

import tokenizer as bpe
from data.chat import Encoder, skill_conversation, story_conversation
from data.stories import story

ROW_TOKENS = 512
CHAT_STORY_SHARE = 0.3
STORY_PART = 3 / 8  # of the rows of a step; stories are learnt sooner than arithmetic
STEPS_AHEAD = 8  # that every generator process may be


def story_document(rng, encoder):
    if rng.random() < CHAT_STORY_SHARE:
        return story_conversation(rng, encoder)
    return encoder.plain(story(rng)[0])


def pack(rng, encoder, make_document):
    """A row of ids and one of targets: documents end to end, the last one cut; targets that are not
    to be learnt are -1."""
    ids, mask = [], []
    while len(ids) <= ROW_TOKENS:
        new_ids, new_mask = make_document(rng, encoder)
        ids += new_ids
        mask += new_mask
    targets = [i if m else -1 for i, m in zip(ids[1 : ROW_TOKENS + 1], mask[1:])]
    return ids[:ROW_TOKENS], targets


class Batches(Dataset):
    """The batches of one worker, by step: int16 [ids or targets, rows, tokens]; the first
    `n_story_rows` rows are stories, the others chat turns."""

    def __init__(self, tokenizer_path, seed, tokens, worker):
        self.tokenizer_path = tokenizer_path
        self.seed = seed
        self.worker = worker
        n_rows = tokens // ROW_TOKENS
        self.n_story_rows = round(n_rows * STORY_PART)
        self.n_chat_rows = n_rows - self.n_story_rows

    @cached_property
    def encoder(self):
        return Encoder(bpe.load(self.tokenizer_path))

    def __getitem__(self, step):
        rng = random.Random(f"{self.seed}:{step}:{self.worker}")
        makers = [story_document] * self.n_story_rows + [skill_conversation] * self.n_chat_rows
        rows = [pack(rng, self.encoder, make) for make in makers]
        return torch.tensor(rows, dtype=torch.int16).transpose(0, 1).contiguous()


def in_order(batches, steps, n_generators, device):
    """The batches of `steps`; with generators, processes that prepare them ahead."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=steps,
        num_workers=n_generators,
        prefetch_factor=STEPS_AHEAD if n_generators else None,
        pin_memory=device == "cuda",
    )
