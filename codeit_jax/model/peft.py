"""Adapters in and out, in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codeit_jax.config.errors import UserError
from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.model.adapters import Params, leaves
from codeit_jax.model.families import FAMILIES
from codeit_jax.model.huggingface import get_leaf, refuse_rest, set_leaf, take, write_tensors
from codeit_jax.model.policy import PolicyModel
from codeit_jax.model.published_config import PublishedTensor, compare, read_config
from codeit_jax.model.weight_files import read_safetensors

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"


def save_adapters(folder: Path, params: Params, model: PolicyModel) -> None:
    """Write a folder that `peft.PeftModel.from_pretrained` loads onto the base model.

    Args:
        folder: created if missing.
        params: nested dict of arrays in which the adapters are.
        model: whose parameters these are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, NDArray[np.float32]] = {}
    for published in _adapted(model):
        outputs, inputs = published.shape
        rank = model.config.lora_rank
        # Back to outputs first, with heads folded into one axis.
        for suffix, name, shape in (("a", "A", (inputs, rank)), ("b", "B", (rank, outputs))):
            array = np.asarray(get_leaf(params, f"{published.path}_lora_{suffix}"), np.float32)
            rows = array if published.is_stacked else [array]
            for place, row in zip(published.names, rows, strict=True):
                tensors[_name(place, name)] = np.ascontiguousarray(row.reshape(shape).T)
    write_tensors(folder / WEIGHTS_FILE, tensors)
    (folder / CONFIG_FILE).write_text(json.dumps(_describe(model), indent=2) + "\n", encoding="utf-8")


def load_adapters(folder: Path, model: PolicyModel) -> Params:
    """Read adapters for a model of this configuration.

    Args:
        folder: holds the two files.
        model: rank, alpha and targets of the file may not differ from its own.

    Returns:
        Nested dict of float32 NumPy arrays, layers stacked: the adapters alone.

    Raises:
        UserError: a file is missing or damaged, of another configuration, or doesn't hold exactly these adapters.
    """
    path = folder / CONFIG_FILE
    stored = read_config(path)
    wanted = _describe(model)
    targets = stored.get("target_modules")
    if isinstance(targets, list):
        stored |= {"target_modules": sorted(targets)}
    keys = ("peft_type", "r", "lora_alpha", "target_modules", "use_rslora", "use_dora", "bias")
    defaults = {"use_rslora": False, "use_dora": False, "bias": "none"}
    compare(path, stored, defaults, {key: wanted[key] for key in keys}, "as configured")
    shapes = {name: leaf.shape for name, leaf in leaves(model.abstract_params())}
    tensors, params = read_safetensors(folder / WEIGHTS_FILE), Params()
    for published in _adapted(model):
        outputs, inputs = published.shape
        rank = model.config.lora_rank
        for suffix, name, shape in (("a", "A", (rank, inputs)), ("b", "B", (outputs, rank))):
            rows = [take(tensors, _name(place, name), shape, folder).astype(np.float32).T for place in published.names]
            where = f"{published.path}_lora_{suffix}"
            set_leaf(params, where, (np.stack(rows) if published.is_stacked else rows[0]).reshape(shapes[where]))
    refuse_rest(tensors, folder)
    return params


def _adapted(model: PolicyModel) -> Iterator[PublishedTensor]:
    """Yield the matrices that have adapters.

    Raises:
        UserError: none has.
    """
    there = dict(leaves(model.abstract_params()))
    found = [
        published
        for published in FAMILIES[model.config.family].tensors(model.config, model.vocabulary_size)
        if f"{published.path}_lora_a" in there
    ]
    if not found:
        raise UserError("model.lora_rank is 0, expected a rank: there are no adapters")
    yield from found


def _name(published: str, part: str) -> str:
    return f"base_model.model.{published.removesuffix('.weight')}.lora_{part}.weight"


def _describe(model: PolicyModel) -> dict[str, Any]:
    config: ModelConfig = model.config
    modules = {name.split(".")[-2] for published in _adapted(model) for name in published.names}
    return {
        "peft_type": "LORA",
        "task_type": FAMILIES[config.family].task,
        "base_model_name_or_path": config.weights,
        "r": config.lora_rank,
        "lora_alpha": config.lora_alpha,
        "lora_dropout": config.lora_dropout,
        "target_modules": sorted(modules),
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
    }
