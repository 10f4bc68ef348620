"""The network: BitNet b1.58 2B4T in miniature, quantised in the loop from the first step.

One definition serves training (bfloat16 products) and the final figures (float32 products). The
int8 activation codes and the trits are exact in bfloat16, so both see the same integers; only what
is rounded after the products differs.
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

ACTIVATION_MAX = 127.0
MIN_ABSMAX = 1e-5
F16_MIN_NORMAL = 2.0**-14


@dataclass(frozen=True)
class Shape:
    """Hyper-parameters; every inner dimension is a multiple of 256, as K-quant blocks want it."""

    vocab_size: int = 2048
    d_model: int = 256
    n_layers: int = 8
    n_heads: int = 4
    n_kv_heads: int = 2
    d_ff: int = 768
    context_length: int = 512
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    ternary: bool = True

    @property
    def head_dim(self):
        return self.d_model // self.n_heads

    def as_dict(self):
        return asdict(self)


class RoundStraightThrough(torch.autograd.Function):
    """Round half to even; the gradient passes as if nothing had happened."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, grad):
        return grad


class ClampedTrits(torch.autograd.Function):
    """Nearest trit; the gradient passes, also outside the clamp, as in the BitNet notes."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x).clamp(-1, 1)

    @staticmethod
    def backward(ctx, grad):
        return grad


class Bf16StraightThrough(torch.autograd.Function):
    """The nearest value that bfloat16 and (normal) float16 both hold, kept in float32.

    Checkpoints store embeddings and norms in bfloat16, GGUF files embeddings in float16. With this
    in the loop both are what was trained."""

    @staticmethod
    def forward(ctx, x):
        rounded = x.bfloat16().float()
        return torch.where(rounded.abs() < F16_MIN_NORMAL, torch.zeros_like(rounded), rounded)

    @staticmethod
    def backward(ctx, grad):
        return grad


storable = Bf16StraightThrough.apply


def absmean_scale(weight):
    """The scale of a ternary matrix, mean |W|, and the same rounded as checkpoints store it."""
    scale = weight.detach().abs().mean().clamp(min=MIN_ABSMAX)
    return scale, scale.bfloat16().float()


class BitLinear(nn.Module):
    """One or more ternary projections of the same input, each with a scale of its own; for
    comparison also unquantised ones."""

    def __init__(self, d_in, d_outs, init_std, ternary=True):
        super().__init__()
        self.is_ternary = ternary
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(d_out, d_in) * init_std) for d_out in d_outs
        )
        self.stored = None  # trits and scales of a checkpoint, instead of those of the weights

    def ternary(self):
        """Trits [sum(d_outs), d_in] and their scales, one per row."""
        if self.stored is not None:
            return self.stored
        trits, scales = [], []
        for weight in self.weights:
            scale, stored = absmean_scale(weight)
            trits.append(ClampedTrits.apply(weight / scale))
            scales.append(stored.expand(weight.shape[0]))
        return torch.cat(trits), torch.cat(scales)

    def forward(self, x, dtype):
        if not self.is_ternary:
            return F.linear(x.to(dtype), torch.cat(tuple(self.weights)).to(dtype)).float()
        trits, scales = self.ternary()
        absmax = x.detach().abs().amax(dim=-1, keepdim=True).clamp(min=MIN_ABSMAX)
        s = ACTIVATION_MAX / absmax
        codes = RoundStraightThrough.apply(
            x * s
        )  # |x * s| <= 127 but for rounding: no clamp needed
        product = F.linear(codes.to(dtype), trits.to(dtype)).float()
        return product / s * scales


class RmsNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return (
            x
            * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.eps)
            * storable(self.weight)
        )


def rotate(x, cos, sin):
    """NEOX rotary embedding: pairs are (i, i + head_dim / 2)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def attention(q, k, v):
    """Causal attention, [batch, heads, tokens, head_dim] each. Written out for CPUs: at these sizes
    that makes a step a quarter faster there than the library's fused one."""
    if q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    t = q.shape[-2]
    scores = (q @ k.transpose(-2, -1)).float() * q.shape[-1] ** -0.5
    visible = torch.ones(t, t, dtype=torch.bool, device=q.device).tril()
    weights = scores.masked_fill(~visible, -math.inf).softmax(dim=-1)
    return weights.to(q.dtype) @ v


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        d, kv = shape.d_model, shape.n_kv_heads * shape.head_dim
        std = 0.02
        self.shape = shape
        ternary = shape.ternary
        self.attn_norm = RmsNorm(d, shape.norm_eps)
        self.qkv = BitLinear(d, (d, kv, kv), std, ternary)
        self.attn_sub_norm = RmsNorm(d, shape.norm_eps)
        self.out = BitLinear(d, (d,), std / math.sqrt(2 * shape.n_layers), ternary)
        self.ffn_norm = RmsNorm(d, shape.norm_eps)
        self.gate_up = BitLinear(d, (shape.d_ff, shape.d_ff), std, ternary)
        self.ffn_sub_norm = RmsNorm(shape.d_ff, shape.norm_eps)
        self.down = BitLinear(shape.d_ff, (d,), std / math.sqrt(2 * shape.n_layers), ternary)

    def forward(self, x, cos, sin, dtype):
        b, t, d = x.shape
        s = self.shape
        kv = s.n_kv_heads * s.head_dim
        q, k, v = self.qkv(self.attn_norm(x), dtype).split((d, kv, kv), dim=-1)
        q = rotate(q.view(b, t, s.n_heads, s.head_dim).transpose(1, 2), cos, sin)
        k = rotate(k.view(b, t, s.n_kv_heads, s.head_dim).transpose(1, 2), cos, sin)
        v = v.view(b, t, s.n_kv_heads, s.head_dim).transpose(1, 2)
        groups = s.n_heads // s.n_kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        a = attention(q.to(dtype), k.to(dtype), v.to(dtype))
        a = a.transpose(1, 2).reshape(b, t, d).float()
        x = x + self.out(self.attn_sub_norm(a), dtype)
        g, u = self.gate_up(self.ffn_norm(x), dtype).chunk(2, dim=-1)
        f = self.ffn_sub_norm(F.relu(g).square() * u)
        return x + self.down(f, dtype)


class Net(nn.Module):
    """ids [batch, tokens] -> final hidden states [batch, tokens, d_model] and the tied table."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Parameter(torch.randn(shape.vocab_size, shape.d_model) * 0.02)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.norm = RmsNorm(shape.d_model, shape.norm_eps)
        half = shape.head_dim // 2
        frequencies = shape.rope_theta ** (-torch.arange(half, dtype=torch.float64) / half)
        angles = torch.arange(shape.context_length, dtype=torch.float64)[:, None] * frequencies
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, ids, dtype=torch.float32):
        t = ids.shape[1]
        table = storable(self.embedding)
        x = F.embedding(ids, table)
        for block in self.blocks:
            x = block(x, self.cos[:t], self.sin[:t], dtype)
        return self.norm(x), table

    def losses(self, ids, targets, n_story_rows, dtype):
        """Mean cross-entropies [2] of the targets that are not -1: of the first rows, which hold
        stories, and of the others."""
        hidden, table = self(ids, dtype)
        return self.head_losses(hidden, table, targets, n_story_rows, dtype)

    def head_losses(self, hidden, table, targets, n_story_rows, dtype):
        logits = F.linear(hidden.to(dtype), table.to(dtype)).float()
        losses = F.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=-1, reduction="none"
        ).view_as(targets)
        learnt = targets >= 0
        story, chat = (
            losses[rows].sum() / learnt[rows].sum()
            for rows in (slice(None, n_story_rows), slice(n_story_rows, None))
        )
        return torch.stack((story, chat))

    def compile_parts(self):
        """Compiles a block and the head; all blocks share the code of one, which takes a fraction of
        the time that the whole network takes."""
        for block in self.blocks:
            block.compile(dynamic=False)
        self.head_losses = torch.compile(self.head_losses, dynamic=False)

    def logits(self, ids):
        """Float32 logits [batch, tokens, vocab]: the figures of record."""
        hidden, table = self(ids, torch.float32)
        return F.linear(hidden, table)

    def ternary_weights(self):
        return [
            w
            for block in self.blocks
            for name in ("qkv", "out", "gate_up", "down")
            for w in getattr(block, name).weights
        ]
