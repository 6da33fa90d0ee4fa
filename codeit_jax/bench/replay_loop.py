"""What the replay bench compares with in the loop of reinforcement learning: add one, draw 32, update 32."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from codeit_jax.replay import Column, PrioritizedReplayBuffer, StepReplay
from codeit_jax.replay.tree.arrays import FloatArray

BATCH = 32
STEPS = 64
"""Steps of one call that is timed: a learner doesn't change its library from step to step."""
_WIDTH, _ALPHA, _BETA, _GAMMA, _N_STEP, _WINDOW = 4, 0.6, 0.4, 0.99, 3, 8


class Loop(Protocol):
    """A full buffer of transitions with observations of four floats."""

    def add(self) -> object:
        """Add one transition; its priority is the library's default."""

    def sample(self) -> Any:
        """Draw a batch."""

    def update(self, batch: Any, values: FloatArray) -> object:
        """Set the priorities of a batch."""


class OurLoop:
    """Ours, as its documentation shows it."""

    def __init__(self, priorities: FloatArray) -> None:
        size, row = len(priorities), Column(np.float32, (_WIDTH,))
        schema = {"observation": row, "action": np.float32, "reward": np.float32, "next": row, "done": np.float32}
        self._buffer = PrioritizedReplayBuffer(size, schema, alpha=_ALPHA, beta=_BETA)
        rows, numbers = np.zeros((size, _WIDTH), np.float32), np.zeros(size, np.float32)
        columns = {"observation": rows, "action": numbers, "reward": numbers, "next": rows, "done": numbers}
        self._buffer.add(columns, priorities)
        self._one = {"observation": rows[0], "action": 1.0, "reward": 1.0, "next": rows[0], "done": 0.0}

    def add(self) -> object:
        """Add one transition."""
        return self._buffer.add(self._one)

    def sample(self) -> Any:
        """Draw a batch."""
        return self._buffer.sample(BATCH)

    def update(self, batch: Any, values: FloatArray) -> object:
        """Set the priorities of a batch."""
        return self._buffer.update_priorities(batch.indices, values, batch.generation)


class _CpprbLoop:
    """C++, float32."""

    def __init__(self, priorities: FloatArray) -> None:
        from cpprb import PrioritizedReplayBuffer as Peer

        rows = {"observation": {"shape": _WIDTH}, "next": {"shape": _WIDTH}}
        self._buffer = Peer(len(priorities), {**rows, "action": {}, "reward": {}, "done": {}}, alpha=_ALPHA, eps=0.0)
        step = 1 << 14
        for start in range(0, len(priorities), step):
            chunk = priorities[start : start + step]
            blank, numbers = np.zeros((len(chunk), _WIDTH)), np.zeros(len(chunk))
            self._buffer.add(
                observation=blank, next=blank, action=numbers, reward=numbers, done=numbers, priorities=chunk
            )
        self._row = np.zeros(_WIDTH, np.float32)

    def add(self) -> object:
        return self._buffer.add(observation=self._row, next=self._row, action=1.0, reward=1.0, done=0.0)

    def sample(self) -> Any:
        return self._buffer.sample(BATCH, _BETA)

    def update(self, batch: Any, values: FloatArray) -> object:
        return self._buffer.update_priorities(batch["indexes"], values)


LOOPS: Mapping[str, Callable[[FloatArray], Loop]] = {"cpprb": _CpprbLoop}
"""Name to a function of priorities that makes a full buffer."""


def turns(loop: Loop, values: FloatArray) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name: adding, and the whole loop; each call makes `STEPS` steps."""

    def add() -> None:
        for _ in range(STEPS):
            loop.add()

    def whole() -> None:
        for _ in range(STEPS):
            loop.add()
            loop.update(loop.sample(), values)

    return {"add": add, "loop": whole}


class OurSteps:
    """Ours: steps stored once."""

    def __init__(self, num_steps: int) -> None:
        schema = {"observation": Column(np.float32, (_WIDTH,)), "action": np.float32, "reward": np.float32}
        self._replay = StepReplay(num_steps, schema, n_step=_N_STEP, gamma=_GAMMA)
        rng = np.random.default_rng(0)
        observations = rng.random((num_steps + 1, _WIDTH), np.float32)
        for k in range(num_steps):
            step = {"observation": observations[k], "action": 0.0, "reward": 1.0}
            self._replay.add(step, observations[k + 1], k % 100 == 99, False)

    def n_step(self, n: int) -> object:
        """Draw n transitions over several steps."""
        return self._replay.sample(n)

    def windows(self, n: int) -> object:
        """Draw n windows."""
        return self._replay.sample_windows(n, _WINDOW)


def _sb3_steps(num_steps: int) -> dict[str, Callable[[int], object]]:
    import gymnasium
    from stable_baselines3.common.buffers import NStepReplayBuffer

    space = gymnasium.spaces.Box(-1, 1, (_WIDTH,))
    buffer = NStepReplayBuffer(num_steps, space, space, n_steps=_N_STEP, gamma=_GAMMA, device="cpu")
    observations = np.random.default_rng(0).random((num_steps + 1, 1, _WIDTH), np.float32)
    for k in range(num_steps):
        done = np.array([k % 100 == 99])
        buffer.add(observations[k], observations[k + 1], observations[k], np.ones(1), done, [{}])
    return {"n-step": buffer.sample}


def _cpprb_steps(num_steps: int) -> dict[str, Callable[[int], object]]:
    """Sums when added; its draws are those of plain transitions."""
    from cpprb import PrioritizedReplayBuffer as Peer

    rows = {"observation": {"shape": _WIDTH}, "next_obs": {"shape": _WIDTH}}
    nstep = {"size": _N_STEP, "gamma": _GAMMA, "rew": "rew", "next": "next_obs"}
    buffer = Peer(num_steps, {**rows, "act": {}, "rew": {}, "done": {}}, alpha=1.0, eps=0.0, Nstep=nstep)
    observations = np.random.default_rng(0).random((num_steps + 1, _WIDTH), np.float32)
    for k in range(num_steps):
        done = float(k % 100 == 99)
        buffer.add(observation=observations[k], next_obs=observations[k + 1], act=0.0, rew=1.0, done=done)
        if done:
            buffer.on_episode_end()
    return {"n-step": lambda n: buffer.sample(n, 0.0)}


STEP_DRAWS: Mapping[str, Callable[[int], dict[str, Callable[[int], object]]]] = {
    "cpprb": _cpprb_steps,
    "stable-baselines3": _sb3_steps,
}
"""Name to a function of the number of steps that fills a replay; it returns draws by kind."""
