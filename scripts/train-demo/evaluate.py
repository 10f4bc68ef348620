"""Evaluates a training run in this framework, float32: held-out stories and skills, for runs that no
checkpoint can hold (full precision) and for a first look at those that one can.

    python evaluate.py --work /tmp/bitnet-demo
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F

import tokenizer as bpe
from data.chat import Encoder
from export import load_training
from golden import held_out_stories, perplexity, skill_prompts

MAX_ANSWER_TOKENS = 64


def answers(net, encoder, prompts, device):
    """What the network says, greedily, for each prompt; None where it does not end."""
    rows = [list(ids) for ids in prompts]
    said = [None] * len(rows)
    open_rows = range(len(rows))
    for _ in range(MAX_ANSWER_TOKENS):
        longest = max(len(rows[i]) for i in open_rows)
        batch = [rows[i] + [0] * (longest - len(rows[i])) for i in open_rows]
        hidden, table = net(torch.tensor(batch, device=device))
        last = hidden[range(len(batch)), [len(rows[i]) - 1 for i in open_rows]]
        still_open = []
        for i, token in zip(open_rows, F.linear(last, table).argmax(dim=-1).tolist()):
            if token == encoder.eot:
                said[i] = rows[i][len(prompts[i]) :]
            else:
                rows[i].append(token)
                still_open.append(i)
        open_rows = still_open
        if not open_rows:
            break
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", default="/tmp/bitnet-demo")
    parser.add_argument("--out", help="JSON of the figures")
    args = parser.parse_args()
    work = Path(args.work)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net, step, seconds = load_training(work / "last.pt")
    net.to(device)
    tokenizer = bpe.load(work / "tokenizer.json")
    encoder = Encoder(tokenizer)
    ppl, scored = perplexity(net, held_out_stories(encoder), device)
    figures = {
        "ternary": net.shape.ternary,
        "steps": step,
        "seconds": round(seconds, 1),
        "perplexity": ppl,
        "scored": scored,
        "skills": {},
    }
    print(f"step {step}: perplexity {ppl:.4f} over {scored} tokens")
    for skill, examples in skill_prompts().items():
        prompts = [encoder.prompt([("user", question)]) for question, _ in examples]
        said = answers(net, encoder, prompts, device)
        texts = [None if ids is None else tokenizer.decode(ids) for ids in said]
        share = sum(text == answer for text, (_, answer) in zip(texts, examples)) / len(examples)
        figures["skills"][skill] = share
        print(f"{skill}: {share:.0%}", flush=True)
    if args.out:
        bpe.write_json(args.out, figures)


if __name__ == "__main__":
    main()
