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


def orthogonalised(matrices):
    """Roughly U V^T of the singular value decompositions U S V^T; [n, rows, columns]."""
    a, b, c = NEWTON_SCHULZ
    x = matrices.bfloat16()
    wide = x.shape[1] <= x.shape[2]
    x = x if wide else x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(N_NEWTON_SCHULZ):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.mT).float()


class Muon(torch.optim.Optimizer):
    """Matrices of one shape go together. Every worker keeps all momenta; the orthogonal matrices, a
    third of a small step's work, are shared out among them."""

    def __init__(self, params, lr, weight_decay, rank=0, n_workers=1):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.rank, self.n_workers = rank, n_workers

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            rate, decay = group["lr"], group["weight_decay"]
            for shape, weights in by_shape(group["params"]).items():
                updates = self.updates(weights)
                torch._foreach_mul_(weights, 1 - rate * decay)
                size = ADAMW_RMS * max(shape) ** 0.5
                torch._foreach_add_(weights, list(updates.unbind()), alpha=-rate * size)

    def updates(self, weights):
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["momentum"] = torch.zeros_like(weight)
        grads = [weight.grad for weight in weights]
        momenta = [self.state[weight]["momentum"] for weight in weights]
        torch._foreach_lerp_(momenta, grads, 1 - MOMENTUM)
        ahead = torch.stack(torch._foreach_lerp(grads, momenta, MOMENTUM))
        if self.n_workers == 1:
            return orthogonalised(ahead)
        updates = torch.zeros_like(ahead)
        mine = slice(self.rank, None, self.n_workers)
        updates[mine] = orthogonalised(ahead[mine])
        dist.all_reduce(updates)  # each is zero but at its owner
        return updates


def by_shape(weights):
    groups = {}
    for weight in weights:
        groups.setdefault(tuple(weight.shape), []).append(weight)
    return groups


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
