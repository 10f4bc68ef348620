"""Trains the demonstration model: one command, fixed seeds, resumable.

    python train.py --work /tmp/bitnet-demo --minutes 4.8            (one GPU)
    python export.py --work /tmp/bitnet-demo --out ../../models/demo

With a GPU one process trains and others make its batches; without, two workers of one thread each
split every batch and add their gradients.
"""

import argparse
import csv
import json
import math
import os
import random
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import tokenizer as bpe
from batches import Batches, in_order
from data.skills import SKILLS, example
from data.stories import story
from model import Net, Shape
from optimizer import make_optimizers, set_schedule

SEED = 158
TOKENIZER_STORIES = 6000
TOKENIZER_EXAMPLES = 500
SAVE_SECONDS = 60
LOG_EVERY = 20
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


class Pace:
    """How much of a run is done: of its steps or of its time, whichever is further on. The time is
    that after the first step, which waits for compilers."""

    def __init__(self, steps, end, n_workers, done):
        self.steps, self.end, self.n_workers = steps or math.inf, end, n_workers
        self.begin, self.done = None, done

    def at(self, step):
        progress = max(step / self.steps, self.done)
        if self.end is None:
            return progress
        now = time.time()
        if self.begin is None:
            self.begin = now
        elif self.end > self.begin:
            share = (now - self.begin) / (self.end - self.begin)
            progress = max(progress, self.done + (1 - self.done) * share)
        else:
            progress = 1.0
        if self.n_workers > 1:
            agreed = torch.tensor(progress)
            dist.broadcast(agreed, 0)  # clocks differ
            progress = agreed.item()
        return progress


class Run:
    """The network with its optimisers, and what is saved of them."""

    def __init__(self, args, rank, n_workers, device):
        shape = Shape(**json.loads(args.shape), ternary=args.weights == "ternary")
        self.device = device
        self.net = Net(shape).to(device)
        self.params = list(self.net.parameters())
        self.optimizers = make_optimizers(self.net, args.optimizer, rank, n_workers)
        self.n_workers = n_workers
        self.path = Path(args.work) / "last.pt"
        self.step, self.seconds, self.progress = 0, 0.0, 0.0
        self.waited = 0.0  # for batches, since the start of this process

    def load(self):
        if not self.path.exists():
            return
        state = torch.load(self.path, map_location=self.device)
        self.net.load_state_dict(state["net"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        self.step, self.seconds, self.progress = (
            state[name] for name in ("step", "seconds", "progress")
        )

    def save(self):
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "progress": self.progress,
            "net": self.net.state_dict(),
            "shape": self.net.shape.as_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        temporary = self.path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.path)

    def gradients(self, batch, n_story_rows):
        """Adds them up; the losses (stories, chat), still on the device."""
        ids, targets = batch.to(self.device, non_blocking=True).long()
        losses = self.net.losses(ids, targets, n_story_rows, torch.bfloat16)
        losses.mean().backward()
        return losses.detach()

    def compile(self, batch, n_story_rows):
        """Compiles for batches like this one; where that fails the run goes on uncompiled."""
        self.net.compile_parts()
        try:
            self.gradients(batch, n_story_rows)
        except Exception as error:
            print(f"not compiled: {error}", file=sys.stderr)
            torch.compiler.set_stance("force_eager")
        self.net.zero_grad(set_to_none=True)

    def update(self, peak_rate):
        """A step of the optimisers; the learning rate."""
        rate = set_schedule(self.optimizers, peak_rate, self.progress)
        add_gradients(self.params, self.n_workers)
        torch.nn.utils.clip_grad_norm_(self.params, MAX_GRADIENT_NORM)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return rate


class Log:
    """Losses as CSV, and on the screen now and then; a resumed run goes on in the same file, from
    the step it was saved at."""

    HEAD = ["step", "tokens", "seconds", "learning_rate", "story_loss", "chat_loss"]
    PRINT_SECONDS = 5

    def __init__(self, path, run, tokens):
        rows = list(csv.reader(path.open()))[1:] if path.exists() else []
        self.file = path.open("w", newline="")
        self.writer = csv.writer(self.file)
        self.writer.writerows([self.HEAD, *(row for row in rows if int(row[0]) <= run.step)])
        self.run, self.tokens = run, tokens
        self.printed = run.step, run.seconds, run.waited

    def row(self, rate, losses):
        run = self.run
        tokens, losses = run.step * self.tokens, [f"{loss:.4f}" for loss in losses]
        self.writer.writerow([run.step, tokens, round(run.seconds, 1), f"{rate:.6f}", *losses])
        self.file.flush()
        now = run.step, run.seconds, run.waited
        steps, seconds, waited = (new - old for new, old in zip(now, self.printed))
        if seconds >= self.PRINT_SECONDS or run.step == LOG_EVERY:
            speed = round(steps * self.tokens / seconds)
            print(
                f"{run.progress:4.0%}  step {run.step}  {tokens / 1e6:.1f} M tokens"
                f"  {run.seconds:.0f} s  {speed:,} tokens/s, {waited / seconds:.0%} waiting for data"
                f"  losses {', '.join(losses)}",
                flush=True,
            )
            self.printed = now


def worker(rank, args, n_workers, device, started):
    work = Path(args.work)
    if n_workers > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(args.port))
        dist.init_process_group("gloo", rank=rank, world_size=n_workers)
    if device == "cpu":
        torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)
    run = Run(args, rank, n_workers, device)
    run.load()
    batches = Batches(work / "tokenizer.json", SEED, args.tokens // n_workers, rank)
    source = iter(
        in_order(batches, range(run.step, args.steps or sys.maxsize), args.generators, device)
    )
    run.compile(batches[run.step], batches.n_story_rows)
    end = started + 60 * args.minutes if args.minutes else None
    pace = Pace(args.steps, end, n_workers, run.progress)
    log = Log(work / "loss.csv", run, args.tokens) if rank == 0 else None
    begin = saved = time.time() - run.seconds
    sums, count = 0, 0
    while (before := time.time()) and (batch := next(source, None)) is not None:
        run.waited += time.time() - before
        run.progress = pace.at(run.step)
        if run.progress >= 1:
            break
        sums += run.gradients(batch, batches.n_story_rows)
        count += 1
        rate = run.update(args.rate)
        run.seconds = time.time() - begin
        if rank == 0 and run.step % LOG_EVERY == 0:
            log.row(rate, (sums / count).tolist())
            sums, count = 0, 0
        if rank == 0 and time.time() - saved > SAVE_SECONDS:
            run.save()
            saved = time.time()
    if rank == 0:
        run.progress = 1.0
        run.save()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", default="/tmp/bitnet-demo", help="folder of checkpoints and logs")
    parser.add_argument("--steps", type=int, help="how many; with --minutes at most")
    parser.add_argument("--minutes", type=float, help="end then, however many steps were made")
    parser.add_argument("--tokens", type=int, default=49152, help="tokens per step")
    parser.add_argument("--rate", type=float, default=4e-3, help="peak learning rate")
    parser.add_argument("--optimizer", choices=["muon", "adamw"], default="muon")
    parser.add_argument("--weights", choices=["ternary", "full"], default="ternary")
    parser.add_argument("--shape", default="{}", help="JSON of changes to the shape")
    parser.add_argument("--workers", type=int, default=2, help="that train, without a GPU")
    parser.add_argument("--threads", type=int, default=1, help="threads of a worker")
    parser.add_argument("--generators", type=int, help="processes that make batches ahead")
    parser.add_argument("--port", type=int, default=29517)
    args = parser.parse_args()
    if not (args.steps or args.minutes):
        parser.error("--steps or --minutes")
    if args.generators is None:
        args.generators = max(os.cpu_count() - 2, 1) if torch.cuda.is_available() else 0
    return args


def main():
    started = time.time()
    args = arguments()
    work = Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    prepare_tokenizer(work, Shape(**json.loads(args.shape)).vocab_size)
    if torch.cuda.is_available():
        worker(0, args, 1, "cuda", started)
    elif args.workers == 1:
        worker(0, args, 1, "cpu", started)
    else:
        mp.spawn(worker, (args, args.workers, "cpu", started), nprocs=args.workers)


if __name__ == "__main__":
    main()
