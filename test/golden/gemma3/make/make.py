"""Gemma 3 golden: a tiny checkpoint with ternary weights written as numbers, and what transformers computes.

    python3 make.py OUT      (torch, transformers 5, safetensors)

Weights are trits times one f16 scale for every row, so that transformers' floats are what an engine computes with
`--activations none`. All in float32 but the weights, which the file has as float16. One kind of layer: attention
to the whole text. The norms that BitNet's embedding models have in front of their projections are not in
transformers' graph.

  model/      config.json and model.safetensors.gz
  logits.json ids; logits.npy [positions, vocabulary] and hidden.npy [positions, width], float32
"""

import gzip
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

IDS = [2, 17, 201, 5, 5, 140, 99, 254, 31, 8, 77]
ROPE = {"rope_type": "default", "rope_theta": 50000.0}


def ternary(rows, cols, generator):
    trits = torch.randint(-1, 2, (rows, cols), generator=generator).float()
    scales = (0.5 + torch.rand(rows, 1, generator=generator)) / (0.8165 * cols**0.5)
    return (trits * scales.half().float()).half()


def main(out):
    out = Path(out)
    config = Gemma3TextConfig(
        vocab_size=256, hidden_size=128, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=64, query_pre_attn_scalar=64, max_position_embeddings=256,
        layer_types=["full_attention", "full_attention"], sliding_window=256, rms_norm_eps=1e-6,
        rope_parameters={"full_attention": ROPE, "sliding_attention": ROPE},
        attn_logit_softcapping=None, final_logit_softcapping=None, tie_word_embeddings=True,
        bos_token_id=2, eos_token_id=1, pad_token_id=0, attn_implementation="eager",
    )
    model = Gemma3ForCausalLM(config).float().eval()
    generator = torch.Generator().manual_seed(3)
    state = {}
    for name, value in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        if name.endswith("_proj.weight"):
            state[name] = ternary(*value.shape, generator)
        elif "norm" in name:
            state[name] = (0.2 * torch.randn(value.shape, generator=generator)).half()
        else:
            state[name] = (torch.randn(value.shape, generator=generator) / value.shape[1] ** 0.5).half()
    model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    model.tie_weights()
    model.config.architectures = ["Gemma3ForCausalLM"]
    folder = out / "model"
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    path = folder / "model.safetensors"
    save_file({k: v.contiguous() for k, v in state.items()}, path, metadata={"format": "pt"})
    with open(path, "rb") as plain, gzip.GzipFile(f"{path}.gz", "wb", 9, mtime=0) as packed:
        shutil.copyfileobj(plain, packed)
    path.unlink()
    with torch.no_grad():
        result = model(torch.tensor([IDS]), output_hidden_states=True)
    np.save(out / "logits.npy", result.logits[0].numpy())
    np.save(out / "hidden.npy", result.hidden_states[-1][0].numpy())
    (out / "logits.json").write_text(json.dumps({"ids": IDS}) + "\n")
    print(result.logits[0].std(), result.hidden_states[-1][0].std())


main(sys.argv[1])
