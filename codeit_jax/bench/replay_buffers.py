"""What the replay bench compares with beyond bare trees: whole buffers, draws without replacement, checkpoints."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from codeit_jax.replay.tree.arrays import FloatArray

ALPHA, BETA = 0.6, 0.4

Peer = TypeVar("Peer")


class PeerBuffer(Protocol):
    """A buffer with one integer per item; draws come with importance weights."""

    def sample(self, n: int) -> object:
        """Draw items."""

    def sample_and_update(self, values: FloatArray) -> object:
        """Draw as many items as there are values, which become their priorities."""


class _CpprbBuffer:
    """C++, float32, stratified."""

    def __init__(self, priorities: FloatArray) -> None:
        from cpprb import PrioritizedReplayBuffer

        self._buffer = PrioritizedReplayBuffer(len(priorities), {"x": {"dtype": np.int32}}, alpha=ALPHA, eps=0.0)
        step = 1 << 16
        for start in range(0, len(priorities), step):
            chunk = priorities[start : start + step]
            self._buffer.add(x=np.arange(start, start + len(chunk)), priorities=chunk)

    def sample(self, n: int) -> object:
        return self._buffer.sample(n, BETA)

    def sample_and_update(self, values: FloatArray) -> object:
        return self._buffer.update_priorities(self._buffer.sample(len(values), BETA)["indexes"], values)


class _TorchrlBuffer:
    """C++ sum and minimum trees, float32; the storage is a tensor."""

    def __init__(self, priorities: FloatArray) -> None:
        import torch
        from tensordict import TensorDict
        from torchrl.data import LazyTensorStorage, PrioritizedSampler, ReplayBuffer

        torch.set_num_threads(1)
        self._from_numpy = torch.from_numpy
        num_slots = len(priorities)
        self._sampler = PrioritizedSampler(num_slots, ALPHA, BETA, eps=0.0)
        self._buffer = ReplayBuffer(storage=LazyTensorStorage(num_slots), sampler=self._sampler)
        self._buffer.extend(TensorDict({"x": torch.arange(num_slots, dtype=torch.int32)}, [num_slots]))
        self._sampler.update_priority(torch.arange(num_slots), torch.from_numpy(priorities).float())

    def sample(self, n: int) -> Any:
        return self._buffer.sample(n, return_info=True)

    def sample_and_update(self, values: FloatArray) -> object:
        _, info = self.sample(len(values))
        return self._sampler.update_priority(info["index"], self._from_numpy(values).float())

    def save(self, directory: Path) -> None:
        """Write the sampler without the storage; it holds both trees."""
        self._sampler.dumps(directory / "torchrl")


BUFFERS: Mapping[str, Callable[[FloatArray], PeerBuffer]] = {"cpprb": _CpprbBuffer, "torchrl": _TorchrlBuffer}
"""Name to a function of priorities that makes a buffer."""


def _choice(weights: FloatArray) -> Callable[[int], object]:
    rng, probabilities = np.random.default_rng(0), weights / weights.sum()
    return lambda k: rng.choice(len(probabilities), k, replace=False, p=probabilities)


def _multinomial(weights: FloatArray) -> Callable[[int], object]:
    import torch

    torch.set_num_threads(1)
    tensor = torch.from_numpy(weights)
    return lambda k: torch.multinomial(tensor, k)


def _rlmeta(weights: FloatArray) -> Callable[[int], object]:
    """C++ tree: what is drawn is removed, in the end everything is put back."""
    from _rlmeta_extension import PrioritizedSampler

    sampler = PrioritizedSampler(len(weights), 1.0, 0.0)
    sampler.insert(np.arange(len(weights)), weights)
    return lambda k: sampler.sample(k, False)


DISTINCT_DRAWS: Mapping[str, Callable[[FloatArray], Callable[[int], object]]] = {
    "Generator.choice": _choice,
    "torch.multinomial": _multinomial,
    "rlmeta": _rlmeta,
}
"""Weights to a function of k that draws k items without replacement."""


def _savez(priorities: FloatArray) -> Callable[[Path], None]:
    return lambda directory: np.savez(directory / "priorities.npz", priorities=priorities)


CHECKPOINTS: Mapping[str, Callable[[FloatArray], Callable[[Path], None]]] = {
    "np.savez": _savez,
    "torchrl": lambda priorities: _TorchrlBuffer(priorities).save,
}
"""Priorities to a function that writes them into a directory."""


def available(
    makers: Mapping[str, Callable[[FloatArray], Peer]], priorities: FloatArray
) -> tuple[dict[str, Peer], dict[str, str]]:
    """Return a contender of every library that can be used, and the reason for every one that can't."""
    contenders: dict[str, Peer] = {}
    missing: dict[str, str] = {}
    for name, make in makers.items():
        try:
            contenders[name] = make(priorities)
        except (ImportError, OSError) as error:  # OSError: a shared library of the peer doesn't load
            missing[name] = str(error).splitlines()[0]
    return contenders, missing
