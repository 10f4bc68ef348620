"""LoRA goldens: adapters saved by PEFT and by gguf-py, and the logits that PEFT computes with them.

    python3 make.py MODEL_DIR OUT      (torch, transformers 4.57, peft 0.17, gguf 0.17)

MODEL_DIR is golden model d (Qwen3 dense, ternary in groups, float16 weights), whose float weights equal
the ternary ones, so that transformers computes what an engine with `--activations none` does. All in
float32. Random numbers come from torch's CPU generator with a fixed seed.

  plain/      every matrix of the layers, rank 4, alpha 8
  plain.gguf  the same as convert_lora_to_gguf.py writes it
  mixed/      some matrices, rank-stabilised, ranks and alphas of their own, saved as float16
  logits.json ids and names; NAME.npy [positions, vocabulary] float32
"""

import json
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import peft
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

IDS = [439, 485, 234, 384, 198, 154, 185]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
GGUF_NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
CONFIGS = {
    "plain": dict(r=4, lora_alpha=8, target_modules=ALL),
    "mixed": dict(
        r=4, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"],
        rank_pattern={"q_proj": 2, "model.layers.1.mlp.down_proj": 3},
        alpha_pattern={"v_proj": 3, "layers.0.mlp.down_proj": 10},
    ),
}


def adapted(model_dir: str, config: dict) -> peft.PeftModel:
    torch.manual_seed(7)
    base = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    model = peft.get_peft_model(base, peft.LoraConfig(**config, init_lora_weights=False))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            scale = 0.5 if "lora_B" in name else parameter.shape[1] ** -0.5
            values = torch.randn_like(parameter) * scale
            # Numbers that float16 holds, so that saving them so loses nothing.
            parameter.data = values.to(torch.float16).to(torch.float32)
    return model.eval()


def logits_of(model: torch.nn.Module) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0].numpy().astype(np.float32)


def write_gguf(folder: Path, path: Path) -> None:
    """As convert_lora_to_gguf.py does; the family has no permuted rows."""
    config = json.loads((folder / "adapter_config.json").read_text())
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    for name, tensor in sorted(load_file(folder / "adapter_model.safetensors").items()):
        module, half = name.removeprefix("base_model.model.model.layers.").removesuffix(".weight").rsplit(".lora_", 1)
        layer, part = module.split(".", 1)
        writer.add_tensor(f"blk.{layer}.{GGUF_NAMES[part]}.weight.lora_{half.lower()}", tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    model_dir, out = sys.argv[1], Path(sys.argv[2])
    base = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()
    np.save(out / "base.npy", logits_of(base))
    for name, config in CONFIGS.items():
        model = adapted(model_dir, config)
        logits = logits_of(model)
        np.save(out / f"{name}.npy", logits)
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        if name == "mixed":
            model.half()
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        config_file = folder / "adapter_config.json"
        saved = json.loads(config_file.read_text())
        saved["base_model_name_or_path"] = "d"
        config_file.write_text(json.dumps(saved, indent=1) + "\n")
        print(name, "moves logits by", np.abs(logits - np.load(out / "base.npy")).max())
    write_gguf(out / "plain", out / "plain.gguf")
    versions = {"torch": torch.__version__, "peft": peft.__version__}
    (out / "logits.json").write_text(
        json.dumps({"model": "d", "ids": IDS, "adapters": [*CONFIGS], "made_with": versions}, indent=1) + "\n")


main()
