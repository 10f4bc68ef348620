"""Goldens of every family by transformers, in float32.

    pip install torch "transformers>=5.2,<6" safetensors numpy
    TORCHDYNAMO_DISABLE=1 python3 make.py ../../../..     (the repository, built)

Makes the checkpoints of ../cases.json with scripts/make-model.mjs, and computes their logits (of embedding
models the states after the last norm) with the model classes of transformers, whose linear layers are
replaced by its own BitLinear and AutoBitLinear, with the norm of their inputs where the checkpoint has one.

  ../goldens.json  ids; SHA-256 of the checkpoint's weights, which the tests make again from the same seed;
                   the distance of the activation that is nearest to the border of two int8 codes
  ../NAME.npy      [positions, vocabulary or width] float32

Of many random sequences the one is taken whose nearest activation is farthest from a border: there,
programs that add in another order still compute the same codes.
"""
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from torch import nn
from transformers.integrations.bitnet import AutoBitLinear, BitLinear, unpack_weights

REPOSITORY = Path(sys.argv[1]).resolve()
OUT = Path(__file__).resolve().parent.parent
SHAPE = {"vocabSize": 288}
LENGTH = 7
TRIES = 200


def make_checkpoint(case: dict, folder: Path) -> None:
    options = {"output": str(folder), "seed": 1, **case, "shape": {**SHAPE, **case.get("shape", {})}}
    script = f"import {{ makeModel }} from 'file://{REPOSITORY}/scripts/make-model.mjs'; await makeModel({json.dumps(options)});"
    subprocess.run(["node", "--input-type=module", "-e", script], check=True)


def bit_linear(linear: nn.Linear, form: str, config: dict, has_norm: bool) -> nn.Module:
    options = dict(in_features=linear.in_features, out_features=linear.out_features, bias=False, dtype=torch.float32,
                   use_rms_norm=has_norm, rms_norm_eps=config["rms_norm_eps"])
    if form == "packed" and config["quantization_config"]["linear_class"] == "bitlinear":
        return BitLinear(**options)
    return AutoBitLinear(**options, online_quant=form == "masters")


def load(folder: Path, form: str) -> nn.Module:
    config = json.loads((folder / "config.json").read_text())
    model_class = getattr(transformers, config["architectures"][0])
    plain = {key: value for key, value in config.items() if key != "quantization_config"}
    model_config = model_class.config_class.from_dict(plain)
    model_config._attn_implementation = "eager"
    model = model_class(model_config).to(torch.float32)
    stored = load_file(folder / "model.safetensors")
    state = {}
    for name, module in list(model.named_modules()):
        if form != "unpacked" and isinstance(module, nn.Linear) and name.endswith("_proj"):
            model.set_submodule(name, bit_linear(module, form, config, f"{name}.norm.weight" in stored))
    for name, tensor in stored.items():
        if tensor.dtype == torch.uint8 and not isinstance(model.get_submodule(name.removesuffix(".weight")), BitLinear):
            tensor = unpack_weights(tensor, dtype=torch.float32)
        name = name.replace("_proj.norm.", "_proj.rms_norm.")
        state[name] = tensor if tensor.dtype == torch.uint8 else tensor.to(torch.float32)
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or [name for name in missing if name != "lm_head.weight"]:
        sys.exit(f"{folder}: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    return model.eval()


class Borders:
    """The least distance of an activation to the border of two int8 codes, in codes."""

    def __init__(self, model: nn.Module):
        self.least = 0.5
        for module in model.modules():
            if isinstance(module, (AutoBitLinear, BitLinear)):
                module.register_forward_pre_hook(self.see)

    def see(self, module: nn.Module, inputs: tuple) -> None:
        (x,) = inputs
        x = (module.rms_norm(x) if module.rms_norm is not None else x).double()
        codes = x * (127 / x.abs().amax(dim=-1, keepdim=True).clamp(min=1e-5))
        self.least = min(self.least, float((codes - codes.floor() - 0.5).abs().min()))


def compute(model: nn.Module, ids: list) -> np.ndarray:
    output = model(torch.tensor([ids]))
    rows = output.logits if "logits" in output else output.last_hidden_state
    return rows[0].numpy().astype(np.float32)


def golden(case: dict, work: Path) -> dict:
    folder = work / case["name"]
    make_checkpoint(case, folder)
    model = load(folder, case["format"])
    borders = Borders(model)
    rng = np.random.default_rng(7)
    best = (-1.0, [], np.zeros(0))
    for _ in range(TRIES if case["format"] != "unpacked" else 1):
        borders.least = 0.5
        ids = [int(i) for i in rng.integers(0, SHAPE["vocabSize"], LENGTH)]
        rows = compute(model, ids)
        if borders.least > best[0]:
            best = (borders.least, ids, rows)
    distance, ids, rows = best
    np.save(OUT / f"{case['name']}.npy", rows)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    return {"name": case["name"], "ids": ids, "border": round(distance, 6), "weights": digest,
            "std": round(float(rows.std()), 4)}


def main() -> None:
    torch.set_num_threads(1)
    cases = json.loads((OUT / "cases.json").read_text())
    with tempfile.TemporaryDirectory() as work, torch.no_grad():
        goldens = [golden(case, Path(work)) for case in cases]
    made_with = {"torch": torch.__version__, "transformers": transformers.__version__}
    (OUT / "goldens.json").write_text(json.dumps({"shape": SHAPE, "made_with": made_with, "goldens": goldens}, indent=1) + "\n")
    for one in goldens:
        print(one)


main()
