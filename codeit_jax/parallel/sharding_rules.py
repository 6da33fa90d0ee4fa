"""Which mesh axis splits which axis of a parameter: one ordered table, first match wins, no catch-all."""

import re
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

# Layers are stacked on the leading axis, which is never split. Heads and the feed-forward width go to `tensor` (column
# parallel in, row parallel out), the model width to `fsdp`.
RULES: tuple[tuple[str, PartitionSpec], ...] = (
    (r"embedding|head", PartitionSpec("tensor", "fsdp")),
    (r".*/relative_bias", PartitionSpec(None, "tensor")),
    (r".*norm/scale", PartitionSpec()),
    (r".*attention/(query|key|value)", PartitionSpec(None, "fsdp", "tensor", None)),
    (r".*attention/output", PartitionSpec(None, "tensor", None, "fsdp")),
    (r".*feed_forward/(inner|gate)", PartitionSpec(None, "fsdp", "tensor")),
    (r".*feed_forward/outer", PartitionSpec(None, "tensor", "fsdp")),
    (r".*attention/(query|key|value)_bias", PartitionSpec(None, "tensor", None)),
    (r".*feed_forward/(inner|gate)_bias", PartitionSpec(None, "tensor")),
    (r".*(attention/output|feed_forward/outer)_bias", PartitionSpec(None, "fsdp")),
    # An adapter is split as its matrix is, its rank stays whole.
    (r".*(attention/(query|key|value)|feed_forward/(inner|gate))_lora_a", PartitionSpec(None, "fsdp", None)),
    (r".*attention/output_lora_a", PartitionSpec(None, "tensor", None, None)),
    (r".*feed_forward/outer_lora_a", PartitionSpec(None, "tensor", None)),
    (r".*attention/(query|key|value)_lora_b", PartitionSpec(None, None, "tensor", None)),
    (r".*feed_forward/(inner|gate)_lora_b", PartitionSpec(None, None, "tensor")),
    (r".*(attention/output|feed_forward/outer)_lora_b", PartitionSpec(None, None, "fsdp")),
)


def param_path(path: tuple[Any, ...]) -> str:
    """Name a leaf of a nested dict by its keys: `encoder/layers/attention/query`."""
    return "/".join(str(entry.key) for entry in path if isinstance(entry, jax.tree_util.DictKey))


def param_spec(path: str) -> PartitionSpec:
    """Return the rule for one parameter.

    Raises:
        ValueError: no rule matches; a new parameter needs a line in `RULES`.
    """
    # No catch-all: a parameter that nobody thought of would be replicated in silence, and fill the memory.
    for pattern, spec in RULES:
        if re.fullmatch(pattern, path):
            return spec
    raise ValueError(f"no sharding rule matches the parameter {path!r}")


def param_shardings(mesh: Mesh, tree: Any) -> Any:
    """Return a tree of shardings for parameters, or for an optimizer state that holds copies of them.

    An axis that its mesh axis doesn't divide stays whole: CodeT5's 32,100 embedding rows over 8 devices, say. Leaves
    of an optimizer state that aren't parameter-shaped (step counts) have no dict key in their path and are replicated.
    """

    def sharding(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        name = param_path(path)  # a moment has its parameter's: `mu` and `nu` are attributes, not dict keys
        if not name:
            return NamedSharding(mesh, PartitionSpec())
        axes = [
            axis if axis is not None and leaf.shape[dimension] % mesh.shape[axis] == 0 else None
            for dimension, axis in enumerate(param_spec(name))
        ]
        return NamedSharding(mesh, PartitionSpec(*axes))

    return jax.tree_util.tree_map_with_path(sharding, tree)
