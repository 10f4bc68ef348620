"""Trains the demonstration model: one command, fixed seeds, resumable.

    python train.py --work /tmp/bitnet-demo            (two workers of one thread each)
    python export.py --work /tmp/bitnet-demo --out ../../models/demo

Workers split every batch and add their gradients; on a machine with a GPU there is one worker.
"""

import argparse
import csv
import json
import os
import random
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import tokenizer as bpe
from batches import Batches
from data.skills import SKILLS, example
from data.stories import story
from model import Net, Shape
from optimizer import make_optimizers, set_schedule

SEED = 158
TOKENIZER_STORIES = 6000
TOKENIZER_EXAMPLES = 500
SAVE_EVERY = 100
LOG_EVERY = 10
MAX_GRADIENT_NORM = 1.0


def tokenizer_texts():
    rng = random.Random(SEED)
    for _ in range(TOKENIZER_STORIES):
        yield story(rng)[0]
    for skill in SKILLS:
        for _ in range(TOKENIZER_EXAMPLES):
            question, answer = example(rng, skill, held_out=False)
            yield f"User: {question}"
            yield f"Assistant: {answer}"


def prepare_tokenizer(work, vocab_size):
    path = work / "tokenizer.json"
    if not path.exists():
        bpe.write_json(path, bpe.train(tokenizer_texts(), vocab_size))
    return bpe.load(path)


def add_gradients(params, n_workers):
    """Averages the gradients over the workers, in one message."""
    if n_workers == 1:
        return
    flat = torch.cat([p.grad.flatten() for p in params])
    dist.all_reduce(flat)
    flat /= n_workers
    at = 0
    for p in params:
        p.grad.copy_(flat[at : at + p.numel()].view_as(p))
        at += p.numel()


def save(path, step, seconds, net, optimizers):
    state = {
        "step": step,
        "seconds": seconds,
        "net": net.state_dict(),
        "shape": net.shape.as_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


class Log:
    """Losses as CSV; a resumed run goes on in the same file, from the step it was saved at."""

    HEAD = ["step", "tokens", "seconds", "learning_rate", "story_loss", "chat_loss"]

    def __init__(self, path, first):
        rows = list(csv.reader(path.open()))[1:] if path.exists() else []
        self.file = path.open("w", newline="")
        self.writer = csv.writer(self.file)
        self.writer.writerows([self.HEAD, *(row for row in rows if int(row[0]) <= first)])

    def row(self, step, tokens, seconds, rate, story_loss, chat_loss):
        self.writer.writerow(
            [
                step,
                tokens,
                round(seconds, 1),
                f"{rate:.6f}",
                f"{story_loss:.4f}",
                f"{chat_loss:.4f}",
            ]
        )
        self.file.flush()


def worker(rank, args, n_workers, device):
    work = Path(args.work)
    if n_workers > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(args.port))
        dist.init_process_group("gloo", rank=rank, world_size=n_workers)
    if device == "cpu":
        torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)
    shape = Shape(**json.loads(args.shape))
    net = Net(shape).to(device)
    optimizers = make_optimizers(net, args.optimizer, rank, n_workers)
    params = list(net.parameters())
    loss_of = torch.compile(net.loss, dynamic=False)
    batches = Batches(bpe.load(work / "tokenizer.json"), SEED, args.tokens // n_workers)
    checkpoint = work / "last.pt"
    first, before = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device)
        net.load_state_dict(state["net"])
        for optimizer, saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        first, before = state["step"], state["seconds"]
    log = Log(work / "loss.csv", first) if rank == 0 else None
    begin = time.time()
    sums, count = [0.0, 0.0], 0
    for step in range(first, args.steps):
        rate = set_schedule(optimizers, args.rate, step / args.steps)
        for part, (ids, targets) in enumerate(batches.at(step, rank)):
            loss = loss_of(ids.to(device), targets.to(device), torch.bfloat16)
            (loss / 2).backward()
            sums[part] += loss.item()
        count += 1
        add_gradients(params, n_workers)
        torch.nn.utils.clip_grad_norm_(params, MAX_GRADIENT_NORM)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if rank == 0 and (step + 1) % LOG_EVERY == 0:
            seconds = before + time.time() - begin
            log.row(step + 1, (step + 1) * args.tokens, seconds, rate, *(s / count for s in sums))
            sums, count = [0.0, 0.0], 0
        if rank == 0 and ((step + 1) % SAVE_EVERY == 0 or step + 1 == args.steps):
            save(checkpoint, step + 1, before + time.time() - begin, net, optimizers)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", default="/tmp/bitnet-demo", help="folder of checkpoints and logs")
    parser.add_argument("--steps", type=int, default=2350)
    parser.add_argument("--tokens", type=int, default=8192, help="tokens per step")
    parser.add_argument("--rate", type=float, default=4e-3, help="peak learning rate")
    parser.add_argument("--optimizer", choices=["muon", "adamw"], default="muon")
    parser.add_argument("--shape", default="{}", help="JSON of changes to the shape")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="threads of a worker")
    parser.add_argument("--port", type=int, default=29517)
    args = parser.parse_args()
    work = Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    prepare_tokenizer(work, Shape(**json.loads(args.shape)).vocab_size)
    if torch.cuda.is_available():
        worker(0, args, 1, "cuda")
    elif args.workers == 1:
        worker(0, args, 1, "cpu")
    else:
        mp.spawn(worker, (args, args.workers, "cpu"), nprocs=args.workers)


if __name__ == "__main__":
    main()
