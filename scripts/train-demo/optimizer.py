"""Optimisers and their schedule.

The latent weights of ternary matrices go by Muon (momentum, then the nearest orthogonal matrix),
everything else by AdamW. Muon's step is scaled to the size that AdamW's would have, so that one
learning rate serves both (arXiv:2502.16982, section 2.2).

The schedule is that of the BitNet b1.58 notes: a high rate with weight decay, then from the middle
on a lower rate without.
"""

import torch
import torch.distributed as dist

MOMENTUM = 0.95
ADAMW_RMS = 0.2  # usual root mean square of an AdamW step, in learning rates
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
N_NEWTON_SCHULZ = 5


def orthogonalised(matrix):
    """Roughly U V^T of the singular value decomposition U S V^T."""
    a, b, c = NEWTON_SCHULZ
    x = matrix.bfloat16()
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(N_NEWTON_SCHULZ):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x if wide else x.T).float()


class Muon(torch.optim.Optimizer):
    """Every worker keeps all momenta; the orthogonal matrices, a third of a small step's work, are
    shared out among them."""

    def __init__(self, params, lr, weight_decay, rank=0, n_workers=1):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.rank, self.n_workers = rank, n_workers

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            weights = group["params"]
            for weight, update in zip(weights, self.updates(weights)):
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                size = ADAMW_RMS * max(weight.shape) ** 0.5
                weight.add_(update, alpha=-group["lr"] * size)

    def updates(self, weights):
        flat = torch.zeros(sum(w.numel() for w in weights), device=weights[0].device)
        updates = [part.view_as(w) for part, w in zip(flat.split([w.numel() for w in weights]), weights)]
        for i, weight in enumerate(weights):
            state = self.state[weight]
            if not state:
                state["momentum"] = torch.zeros_like(weight)
            momentum = state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
            if i % self.n_workers == self.rank:
                updates[i].copy_(orthogonalised(weight.grad.lerp(momentum, MOMENTUM)))
        if self.n_workers > 1:
            dist.all_reduce(flat)  # each part is zero but at its owner
        return updates


def make_optimizers(net, kind, rank=0, n_workers=1):
    """`kind`: "muon", or "adamw" for AdamW alone."""
    ternary = net.ternary_weights()
    ids = {id(w) for w in ternary}
    other = [w for w in net.parameters() if id(w) not in ids]
    vectors = [w for w in other if w.dim() == 1]
    tables = [w for w in other if w.dim() > 1]
    betas = (0.9, 0.95)
    adam_groups = [{"params": vectors, "decays": False}, {"params": tables, "decays": True}]
    if kind == "adamw":
        adam_groups.append({"params": ternary, "decays": True})
        return [torch.optim.AdamW(adam_groups, lr=0.0, betas=betas, weight_decay=0.0, fused=True)]
    muon = Muon([{"params": ternary, "decays": True}], 0.0, 0.0, rank, n_workers)
    return [muon, torch.optim.AdamW(adam_groups, lr=0.0, betas=betas, weight_decay=0.0, fused=True)]


WARM_UP = 0.02
STAGE_TWO = 0.5
FIRST_STAGE_END = 0.6
SECOND_STAGE_START = 0.4
WEIGHT_DECAY = 0.1


def schedule(progress):
    """(share of the peak learning rate, weight decay) at `progress` of the run, 0 to 1."""
    if progress < WARM_UP:
        return progress / WARM_UP, WEIGHT_DECAY
    if progress < STAGE_TWO:
        along = (progress - WARM_UP) / (STAGE_TWO - WARM_UP)
        return 1 + (FIRST_STAGE_END - 1) * along, WEIGHT_DECAY
    along = (progress - STAGE_TWO) / (1 - STAGE_TWO)
    return SECOND_STAGE_START * (1 - along), 0.0


def set_schedule(optimizers, peak, progress):
    share, decay = schedule(progress)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = peak * share
            group["weight_decay"] = decay if group["decays"] else 0.0
    return peak * share
