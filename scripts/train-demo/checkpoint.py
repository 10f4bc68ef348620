"""The network as a Hugging Face checkpoint in Microsoft's packed layout, both ways."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import tokenizer as bpe
from model import Net, Shape, absmean_scale, storable

GROUPS = (  # our fused projections and their Hugging Face names
    ("qkv", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
    ("out", ("self_attn.o_proj",)),
    ("gate_up", ("mlp.gate_proj", "mlp.up_proj")),
    ("down", ("mlp.down_proj",)),
)
NORMS = (
    ("attn_norm", "input_layernorm"),
    ("attn_sub_norm", "self_attn.attn_sub_norm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_sub_norm", "mlp.ffn_sub_norm"),
)


def pack(trits):
    """[m, k] of -1, 0, 1 -> uint8 [m/4, k]: bits 2g, 2g+1 are of the g-th quarter of rows."""
    quarters = (trits + 1).to(torch.uint8).chunk(4)
    return sum(quarter << (2 * g) for g, quarter in enumerate(quarters))


def unpack(packed):
    return torch.cat([((packed >> (2 * g)) & 3).float() - 1 for g in range(4)])


def trits_of(weight):
    """What the forward pass uses: (trits [m, k], the scale as stored)."""
    scale, stored = absmean_scale(weight)
    return torch.round(weight / scale).clamp(-1, 1), stored


def state_dict(net):
    tensors = {
        "model.embed_tokens.weight": storable(net.embedding).bfloat16(),
        "model.norm.weight": storable(net.norm.weight).bfloat16(),
    }
    for i, block in enumerate(net.blocks):
        prefix = f"model.layers.{i}."
        for ours, theirs in NORMS:
            tensors[f"{prefix}{theirs}.weight"] = storable(getattr(block, ours).weight).bfloat16()
        for ours, names in GROUPS:
            for weight, name in zip(getattr(block, ours).weights, names):
                trits, scale = trits_of(weight)
                tensors[f"{prefix}{name}.weight"] = pack(trits)
                tensors[f"{prefix}{name}.weight_scale"] = scale.reshape(1).bfloat16()
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}


def config(shape, bos, eos):
    return {
        "architectures": ["BitNetForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": bos,
        "eos_token_id": eos,
        "hidden_act": "relu2",
        "hidden_size": shape.d_model,
        "initializer_range": 0.02,
        "intermediate_size": shape.d_ff,
        "max_position_embeddings": shape.context_length,
        "model_type": "bitnet",
        "num_attention_heads": shape.n_heads,
        "num_hidden_layers": shape.n_layers,
        "num_key_value_heads": shape.n_kv_heads,
        "quantization_config": {
            "linear_class": "autobitlinear",
            "quant_method": "bitnet",
            "quantization_mode": "offline",
        },
        "rms_norm_eps": shape.norm_eps,
        "rope_theta": shape.rope_theta,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": shape.vocab_size,
    }


def write(net, tokenizer_path, folder):
    """Writes the checkpoint folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = bpe.load(tokenizer_path)
    bos, eos, eot = (tokenizer.token_to_id(bpe.SPECIAL[i]) for i in (0, 1, 9))
    save_file(state_dict(net), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_bytes(Path(tokenizer_path).read_bytes())
    bpe.write_config(folder, tokenizer)
    bpe.write_json(folder / "config.json", config(net.shape, bos, eos))
    bpe.write_json(
        folder / "generation_config.json",
        {"_from_model_config": True, "bos_token_id": bos, "eos_token_id": [eos, eot]},
    )


def read(folder):
    """The network of a checkpoint folder, as the framework's model of record (float32)."""
    folder = Path(folder)
    c = json.loads((folder / "config.json").read_text())
    net = Net(
        Shape(
            c["vocab_size"],
            c["hidden_size"],
            c["num_hidden_layers"],
            c["num_attention_heads"],
            c["num_key_value_heads"],
            c["intermediate_size"],
            c["max_position_embeddings"],
            c["rope_theta"],
            c["rms_norm_eps"],
        )
    )
    tensors = load_file(folder / "model.safetensors")
    net.embedding.data = tensors["model.embed_tokens.weight"].float()
    net.norm.weight.data = tensors["model.norm.weight"].float()
    for i, block in enumerate(net.blocks):
        prefix = f"model.layers.{i}."
        for ours, theirs in NORMS:
            getattr(block, ours).weight.data = tensors[f"{prefix}{theirs}.weight"].float()
        for ours, names in GROUPS:
            trits = [unpack(tensors[f"{prefix}{name}.weight"]) for name in names]
            scales = [
                tensors[f"{prefix}{name}.weight_scale"].float().expand(t.shape[0])
                for name, t in zip(names, trits)
            ]
            getattr(block, ours).stored = torch.cat(trits), torch.cat(scales)
    return net.eval().requires_grad_(False)
