"""Byte-level BPE tokenizer, trained here so that every merge obeys our rule for capitals.

The split is that of Qwen2, which GGUF files can name and which keeps digits apart. Capitals never
merge with one another, nor a lone capital with the space before it, so a word in capitals is one
token per letter: the skills that count and reverse letters depend on it.
"""

import json
import re
from collections import Counter, defaultdict
from functools import cache, lru_cache
from pathlib import Path

from tokenizers import Tokenizer, pre_tokenizers

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLIT_HERE = re.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|(?:[^\r\n\w]|_)?[^\W\d_]+|\d| ?(?:[^\s\w]|_)+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The same in Python's syntax, for texts whose digits are those of ASCII, as ours are."""

WORDS_REMEMBERED = 1 << 16
N_SPECIAL = 16
MAX_RESERVED = 11

SPECIAL = {
    0: "<|begin_of_text|>",
    1: "<|end_of_text|>",
    6: "<|start_header_id|>",
    7: "<|end_header_id|>",
    9: "<|eot_id|>",
}
"""As in Llama 3, offsets from the first special token; the rest is reserved."""

CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.index0 == 0 %}{{ bos_token }}{% endif %}"
    "{{ message['role'] | capitalize + ': ' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}"
)


def pre_tokenizer_json():
    return {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False},
            {
                "type": "ByteLevel",
                "add_prefix_space": False,
                "trim_offsets": True,
                "use_regex": False,
            },
        ],
    }


def special_tokens():
    reserved = iter(range(MAX_RESERVED))
    return [
        SPECIAL.get(i) or f"<|reserved_special_token_{next(reserved)}|>" for i in range(N_SPECIAL)
    ]


@cache
def may_merge(pair):
    """No token with two capitals, and no space with a capital alone."""
    piece = "".join(pair)
    return len(re.findall("[A-Z]", piece)) <= 1 and not re.fullmatch("Ġ[A-Z]", piece)


def train_merges(words, n_merges):
    """The most frequent allowed pairs, one after the other; ties go to the smaller pair."""
    splits = {word: list(word) for word in words}
    counts, holders = Counter(), defaultdict(set)  # of pairs, and the words that hold them
    merges, tokens = [], set()

    def count(word, sign):
        pieces = splits[word]
        for pair in zip(pieces, pieces[1:]):
            counts[pair] += sign * words[word]
            holders[pair].add(word)

    for word in words:
        count(word, 1)
    while len(merges) < n_merges:
        allowed = [
            (-n, pair)
            for pair, n in counts.items()
            if n and may_merge(pair) and "".join(pair) not in tokens
        ]
        if not allowed:
            break
        pair = min(allowed)[1]
        merged = "".join(pair)
        merges.append(pair)
        tokens.add(merged)
        for word in holders.pop(pair):
            count(word, -1)
            splits[word] = merge_pair(splits[word], pair, merged)
            count(word, 1)
        counts = +counts
    return merges


def merge_pair(pieces, pair, merged):
    out, at = [], 0
    while at < len(pieces):
        if tuple(pieces[at : at + 2]) == pair:
            out.append(merged)
            at += 2
        else:
            out.append(pieces[at])
            at += 1
    return out


def count_words(texts):
    # a tokenizer without vocabulary, for its pre-tokenizer
    split = Tokenizer.from_str(json.dumps(tokenizer_json({}, []))).pre_tokenizer
    words = Counter()
    for text in texts:
        words.update(word for word, _ in split.pre_tokenize_str(text))
    return words


def train(texts, vocab_size):
    """tokenizer.json of a vocabulary with exactly `vocab_size` entries."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = train_merges(count_words(texts), vocab_size - N_SPECIAL - len(alphabet))
    pieces = alphabet + ["".join(pair) for pair in merges]
    missing = vocab_size - N_SPECIAL - len(pieces)
    if missing:
        raise ValueError(f"the texts allow only {len(merges)} merges, {missing} too few")
    return tokenizer_json({piece: i for i, piece in enumerate(pieces)}, merges)


def tokenizer_json(vocab, merges):
    first = len(vocab)
    added = [
        {
            "id": first + i,
            "content": text,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, text in enumerate(special_tokens())
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer_json(),
        "post_processor": post_processor(first),
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [" ".join(m) for m in merges],
        },
    }


def post_processor(bos_id):
    """BOS in front of every text."""
    bos = SPECIAL[0]
    sequence = {"Sequence": {"id": "A", "type_id": 0}}
    special = {"SpecialToken": {"id": bos, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [special, sequence],
        "pair": [special, sequence, special, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {bos: {"id": bos, "ids": [bos_id], "tokens": [bos]}},
    }


def load(path):
    return Tokenizer.from_file(str(path))


def remembering_encoder(tokenizer):
    """text -> ids without special tokens. Words recur, so theirs are looked up: several times as
    fast as the tokenizer, which would be most of the work of making a batch."""

    @lru_cache(WORDS_REMEMBERED)
    def ids_of(word):
        return tokenizer.encode(word, add_special_tokens=False).ids

    def encode(text):
        ids = []
        for word in SPLIT_HERE.findall(text):
            ids += ids_of(word)
        return ids

    return encode


def write_config(folder, tokenizer):
    """tokenizer_config.json, special_tokens_map.json: as Hugging Face checkpoints have them."""
    decoder = {
        str(tokenizer.token_to_id(text)): {
            "content": text,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        for text in special_tokens()
    }
    names = {"bos_token": SPECIAL[0], "eos_token": SPECIAL[1], "pad_token": SPECIAL[1]}
    config = {
        "added_tokens_decoder": decoder,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": 512,
        "tokenizer_class": "PreTrainedTokenizerFast",
        **names,
    }
    write_json(Path(folder) / "tokenizer_config.json", config)
    write_json(Path(folder) / "special_tokens_map.json", names)


def write_json(path, value):
    Path(path).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
