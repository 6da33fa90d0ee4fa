"""Exact and contract tests of sharding: one rule for each parameter, meshes that fit the devices."""

import re

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import HardwareConfig, ModelConfig, TrainingConfig
from codeit_jax.model import T5Model, build_model
from codeit_jax.parallel import make_mesh, param_shardings
from codeit_jax.parallel.mesh import num_batch_shards
from codeit_jax.parallel.sharding_rules import RULES, param_path, param_spec
from codeit_jax.training import make_optimizer
from codeit_jax.training.train_step import abstract_state

SMALL = {"d_model": 16, "d_ff": 32, "d_kv": 4, "num_heads": 4, "num_encoder_layers": 2, "num_decoder_layers": 2}
CONFIGS = {
    "relu, tied": ModelConfig(**SMALL),
    "gated, head of its own": ModelConfig(**SMALL, feed_forward="gated-gelu", tie_embeddings=False),
}


@pytest.fixture(params=CONFIGS)
def model(request):
    """Both kinds of network; 20 tokens, which 8 doesn't divide."""
    return T5Model(CONFIGS[request.param], 20)


def leaves(tree):
    return {param_path(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def test_every_parameter_matches_exactly_one_rule_of_its_rank(model):
    for path, leaf in leaves(model.abstract_params()).items():
        matching = [spec for pattern, spec in RULES if re.fullmatch(pattern, path)]
        assert matching == [param_spec(path)], path
        assert len(matching[0]) in (0, leaf.ndim), path


def test_every_rule_is_used():
    matrices = ("query", "key", "value", "output", "inner", "gate", "outer")
    decoder = ModelConfig(
        family="llama", attention_bias=True, feed_forward_bias=True, lora_rank=2, lora_targets=matrices, **SMALL
    )
    configs = (*CONFIGS.values(), decoder)
    paths = {path for config in configs for path in leaves(build_model(config, 20).abstract_params())}
    for pattern, _ in RULES:
        assert any(re.fullmatch(pattern, path) for path in paths), pattern


@pytest.mark.parametrize("path", ["encoder/layers/attention/bias", "embeddings", "head/kernel", ""])
def test_a_parameter_without_a_rule_is_an_error(path):
    with pytest.raises(ValueError, match=f"^no sharding rule matches the parameter {path!r}$"):
        param_spec(path)


def test_layers_are_never_split(model):
    assert all(param_spec(path)[:1] in ((), (None,)) for path in leaves(model.abstract_params()) if "/layers/" in path)


def test_an_axis_that_its_mesh_axis_does_not_divide_stays_whole():
    mesh = make_mesh(HardwareConfig(tensor=8))
    model = T5Model(CONFIGS["relu, tied"], 20)
    specs = {path: sharding.spec for path, sharding in leaves(param_shardings(mesh, model.abstract_params())).items()}
    assert specs["embedding"] == PartitionSpec(None, "fsdp")  # 20 rows, 8 devices
    assert specs["encoder/layers/feed_forward/inner"] == PartitionSpec(None, "fsdp", "tensor")
    assert specs["encoder/layers/attention/query"] == PartitionSpec(None, "fsdp", None, None)  # 4 heads


@pytest.mark.parametrize("axes", [{"tensor": 2, "fsdp": 2}, {"fsdp": 8}, {"tensor": 8}, {}])
def test_the_optimizers_copies_lie_where_their_parameters_do(model, axes):
    mesh = make_mesh(HardwareConfig(**axes))
    state = abstract_state(model, make_optimizer(TrainingConfig(warmup_steps=3, clip_norm=1.0)), mesh)
    params, moments = leaves(state.params), jax.tree_util.tree_leaves_with_path(state.opt_state)
    copies = [(param_path(path), leaf) for path, leaf in moments if param_path(path)]
    assert sorted(path for path, _ in copies) == sorted([*params, *params])
    for path, leaf in copies:
        assert (leaf.shape, leaf.sharding) == (params[path].shape, params[path].sharding)
    assert all(leaf.sharding.spec == PartitionSpec() for path, leaf in moments if not param_path(path))
    for leaf in jax.tree.leaves(state):
        leaf.sharding.shard_shape(leaf.shape)  # raises for an axis that can't be divided


@pytest.mark.parametrize(
    ("axes", "shape"),
    [({}, (8, 1, 1)), ({"fsdp": 2}, (4, 2, 1)), ({"fsdp": 2, "tensor": 4}, (1, 2, 4)), ({"data": 8}, (8, 1, 1))],
)
def test_a_mesh_takes_all_devices_in_order(axes, shape):
    mesh = make_mesh(HardwareConfig(**axes))
    assert (mesh.axis_names, mesh.devices.shape) == (("data", "fsdp", "tensor"), shape)
    assert mesh.devices.ravel().tolist() == jax.devices()
    assert num_batch_shards(mesh) == shape[0] * shape[1]


@pytest.mark.parametrize(
    ("axes", "found"),
    [
        ({"data": 3}, "3 x 1 x 1"),
        ({"tensor": 3}, "-1 x 1 x 3"),
        ({"tensor": 16}, "-1 x 1 x 16"),
        ({"data": 2, "fsdp": 8}, "2 x 8 x 1"),
        ({"data": 0}, "0 x 1 x 1"),
    ],
)
def test_a_mesh_that_does_not_fit_the_devices_is_a_user_error(axes, found):
    with pytest.raises(UserError) as caught:
        make_mesh(HardwareConfig(**axes))
    assert str(caught.value) == (
        f"hardware.data x fsdp x tensor is {found}, expected a product of 8, the number of devices"
    )


def test_a_mesh_of_chosen_devices():
    mesh = make_mesh(HardwareConfig(), jax.devices()[:3])
    assert np.array_equal(mesh.devices.ravel(), jax.devices()[:3])
