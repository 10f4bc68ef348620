"""Writes what `scripts/eval-demo.mjs` compares the engine with: held-out prompts and the figures of
this framework in float32 on the CPU, from the exported checkpoint.

    python golden.py --model ../../models/demo --out ../../test/golden/demo
"""

import argparse
import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F

import checkpoint
import tokenizer as bpe
from data.chat import Encoder, story_request
from data.skills import SKILLS, example
from data.stories import story

SEED = "held-out"  # no training batch uses it
N_PER_SKILL = 100
N_STORIES = 80
N_GREEDY = 64
N_GREEDY_TOKENS = 64
GREEDY_START_TOKENS = (8, 40)  # of a story, which the model is to go on with
N_REQUESTS = 40


def skill_prompts():
    """{skill: [[question, answer], ...]}, without repetitions."""
    prompts = {}
    for skill in SKILLS:
        rng = random.Random(f"{SEED}:{skill}")
        found = {}
        while len(found) < N_PER_SKILL:
            question, answer = example(rng, skill, held_out=True)
            found[question] = answer
        prompts[skill] = [list(item) for item in found.items()]
    return prompts


def held_out_stories(encoder):
    rng = random.Random(f"{SEED}:stories")
    return [encoder.plain(story(rng)[0])[0] for _ in range(N_STORIES)]


def requests():
    """Prompts that ask for a story."""
    rng = random.Random(f"{SEED}:requests")
    return [story_request(rng, story(rng)[1]) for _ in range(N_REQUESTS)]


def perplexity(net, documents, device="cpu"):
    """Perplexity over all tokens after the first ones, and how many they are."""
    total, count = 0.0, 0
    for ids in documents:
        row = torch.tensor([ids], device=device)
        logits = net.logits(row[:, :-1]).double()
        total += F.cross_entropy(logits[0], row[0, 1:], reduction="sum").item()
        count += len(ids) - 1
    return math.exp(total / count), count


def greedy_prompts(documents, encoder):
    """Three quarters story beginnings, one quarter requests in a chat."""
    rng = random.Random(f"{SEED}:greedy")
    n_chat = N_GREEDY // 4
    prompts = [ids[: rng.randint(*GREEDY_START_TOKENS)] for ids in documents[: N_GREEDY - n_chat]]
    return prompts + [encoder.prompt([("user", text)]) for text in requests()[:n_chat]]


def greedy(net, prompts):
    """The next N_GREEDY_TOKENS tokens of every prompt, stop tokens included, in each the smallest
    lead of a chosen token over the next best."""
    rows = [list(ids) for ids in prompts]
    leads = [math.inf] * len(rows)
    for _ in range(N_GREEDY_TOKENS):
        longest = max(map(len, rows))
        batch = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        hidden, table = net(batch)
        last = hidden[range(len(rows)), [len(row) - 1 for row in rows]]
        best = F.linear(last, table).topk(2)
        for i, row in enumerate(rows):
            row.append(best.indices[i, 0].item())
            leads[i] = min(leads[i], (best.values[i, 0] - best.values[i, 1]).item())
    return [row[-N_GREEDY_TOKENS:] for row in rows], leads


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(bpe.load(Path(args.model) / "tokenizer.json"))
    net = checkpoint.read(args.model)
    documents = held_out_stories(encoder)
    ppl, scored = perplexity(net, documents)
    prompts = greedy_prompts(documents, encoder)
    answers, leads = greedy(net, prompts)
    bpe.write_json(out / "skills.json", skill_prompts())
    bpe.write_json(out / "requests.json", requests())
    compact(out / "stories.json", {"perplexity": ppl, "scored": scored, "ids": documents})
    compact(
        out / "greedy.json",
        [
            {"prompt": prompt, "ids": ids, "smallestLead": round(lead, 6)}
            for prompt, ids, lead in zip(prompts, answers, leads)
        ],
    )
    print(f"perplexity {ppl:.4f} over {scored} tokens")


def compact(path, value):
    """JSON with one line per document, so that changes can be read."""
    import json

    text = json.dumps(value, separators=(",", ":"))
    path.write_text(text.replace("],[", "],\n[").replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
