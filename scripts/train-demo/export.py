"""Writes the trained network as a checkpoint folder, with its loss curve.

python export.py --work /tmp/bitnet-demo --out ../../models/demo
"""

import argparse
import csv
import shutil
from pathlib import Path

import torch

import checkpoint
from model import Net, Shape

RESULTS = Path(__file__).parent / "results"


def load_training(path):
    state = torch.load(path, map_location="cpu")
    net = Net(Shape(**state["shape"]))
    net.load_state_dict(state["net"])
    net.requires_grad_(False)
    return net, state["step"], state["seconds"]


def check(net, folder):
    """The checkpoint must compute what was trained, to the bit."""
    ids = torch.randint(
        0, net.shape.vocab_size, (2, 64), generator=torch.Generator().manual_seed(1)
    )
    with torch.no_grad():
        if not torch.equal(net.logits(ids), checkpoint.read(folder).logits(ids)):
            raise SystemExit("the exported network differs from the trained one")


def draw_curve(csv_path, png_path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with open(csv_path) as file:
        rows = list(csv.DictReader(file))
    tokens = [int(row["tokens"]) / 1e6 for row in rows]
    figure, axes = pyplot.subplots(figsize=(6, 3.2), dpi=100)
    for name, label in (("story_loss", "stories"), ("chat_loss", "chat answers")):
        axes.plot(tokens, [float(row[name]) for row in rows], linewidth=1, label=label)
    axes.set(xlabel="tokens, millions", ylabel="loss, nats per token", yscale="log")
    axes.grid(True, alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(png_path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", default="/tmp/bitnet-demo")
    parser.add_argument("--out", required=True)
    parser.add_argument(
        "--results", action="store_true", help="also write the loss curve to results/"
    )
    args = parser.parse_args()
    work = Path(args.work)
    net, step, seconds = load_training(work / "last.pt")
    if not net.shape.ternary:
        raise SystemExit("checkpoints of this format are ternary; evaluate.py takes such a run")
    checkpoint.write(net, work / "tokenizer.json", args.out)
    check(net, args.out)
    if args.results:
        RESULTS.mkdir(exist_ok=True)
        shutil.copy(work / "loss.csv", RESULTS / "loss.csv")
        draw_curve(work / "loss.csv", RESULTS / "loss.png")
    print(f"step {step}, {seconds / 60:.1f} minutes -> {args.out}")


if __name__ == "__main__":
    main()
