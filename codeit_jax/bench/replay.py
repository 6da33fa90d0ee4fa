"""Times of the replay beside every peer that is installed: `codeit-jax bench replay [--json]`.

All contenders of a case are alive in one process and take turns, so caches are as cold as in training; a figure is the
minimum over repeats of the process's CPU time. Only ratios within one run mean anything.
"""

import gc
import itertools
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from codeit_jax.bench.replay_buffers import ALPHA, BETA, BUFFERS, CHECKPOINTS, DISTINCT_DRAWS, PeerBuffer, available
from codeit_jax.bench.replay_goals import GOALS, Goal
from codeit_jax.bench.replay_loop import BATCH, LOOPS, STEP_DRAWS, STEPS, OurLoop, OurSteps, turns
from codeit_jax.bench.replay_peers import DRAWS_ONLY, NEAREST, PeerTree, available_trees
from codeit_jax.replay import LowestPriority, PrioritizedReplayBuffer, ReplayMixture, SumTree, TokenArena
from codeit_jax.replay.store.persistence import write_state
from codeit_jax.replay.tree.arrays import FloatArray, IntArray

OURS = "ours"
"""Name of the contender that is ours."""

Figures = dict[str, dict[str, float]]
"""Case to contender to nanoseconds (or bytes)."""


def interleave(contenders: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the least CPU time of each contender in nanoseconds; they take turns, after one call that isn't timed."""
    best = dict.fromkeys(contenders, float("inf"))
    for call in contenders.values():
        call()
    gc.disable()  # a collection would hit whoever's turn it is
    for _ in range(repeats):
        for name, call in contenders.items():
            start = time.process_time_ns()
            call()
            best[name] = min(best[name], time.process_time_ns() - start)
    gc.enable()
    return best


class _OurTree:
    """Our tree behind the peers' interface."""

    def __init__(self, num_slots: int, rng: np.random.Generator) -> None:
        self.tree = SumTree(num_slots, rng=rng)

    def fill(self, priorities: Any) -> object:
        self.tree[:] = priorities
        return self.tree.total()

    def update(self, indices: Any, priorities: Any) -> object:
        self.tree[indices] = priorities
        return self.tree.total()  # or the inner nodes would be left for the next draw

    def sample(self, n: int) -> object:
        return self.tree.sample(n)


class _OurTreeAscending(_OurTree):
    def sample(self, n: int) -> object:
        return self.tree.sample(n, sort=True)


class _OurTreeStratified(_OurTree):
    def sample(self, n: int) -> object:
        return self.tree.sample(n, method="stratified", sort=True)  # the order in which the peers return them


_OUR_TREES = {"": _OurTree, "ascending ": _OurTreeAscending, "stratified ": _OurTreeStratified}
"""Prefix of the case to the tree that is timed for it."""


def tree_cases(num_slots: int, batches: tuple[int, ...], repeats: int, missing: dict[str, str]) -> Figures:
    """Time bare trees: draws, updates, both in turn, and setting all slots."""
    rng = np.random.default_rng(0)
    priorities = rng.random(num_slots)
    peers, missing_here = available_trees(num_slots, rng)
    missing |= missing_here
    trees: dict[str, PeerTree] = {OURS + prefix: make(num_slots, rng) for prefix, make in _OUR_TREES.items()}
    trees |= peers
    for tree in trees.values():
        tree.fill(priorities)
    label = f"{num_slots:.0e}".replace("e+0", "e")
    figures: Figures = {}
    for batch in batches:
        indices = [rng.integers(0, num_slots, batch) for _ in range(16)]
        values = rng.random(batch)
        for name in ("sample", "update", "mixed"):
            able = [peer for peer in trees if name == "sample" or peer not in DRAWS_ONLY]
            calls = {peer: _action(name, trees[peer], indices, values) for peer in able}
            times = _in_two_groups(calls, repeats if batch >= 512 else 4 * repeats)
            ours = {prefix: times.pop(OURS + prefix) for prefix in _OUR_TREES}
            figures |= {f"{prefix}{name} {batch} of {label}": times | {OURS: ours[prefix]} for prefix in ours}
    fast = {name: tree for name, tree in trees.items() if name in (OURS, "torchrl", "cumsum", "flashbax")}
    fills = {name: partial(tree.fill, priorities) for name, tree in fast.items()}
    figures[f"set all of {label}"] = _in_two_groups(fills, min(repeats, 9))
    return figures


def _in_two_groups(calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Time our trees and the compiled peers in turns, then the others: Python objects leave no cache to the next."""
    near = {name: call for name, call in calls.items() if name.startswith(OURS) or name in NEAREST}
    others = {name: call for name, call in calls.items() if name not in near}
    return interleave(near, repeats) | interleave(others, repeats)


def _action(name: str, tree: PeerTree, indices: list[IntArray], values: FloatArray) -> Callable[[], object]:
    """Return a call that draws, updates or both; it goes round the index batches, so that none is in the cache."""
    turn = itertools.cycle(indices)

    def act() -> None:
        if name != "update":
            tree.sample(len(values))
        if name != "sample":
            tree.update(next(turn), values)

    return act


def buffer_cases(num_slots: int, repeats: int, missing: dict[str, str]) -> Figures:
    """Time whole buffers beside one peer at a time: draws with weights and payload, then updates too."""
    priorities = np.random.default_rng(1).random(num_slots)
    peers, missing_here = available(BUFFERS, priorities)
    missing |= missing_here
    ours: PeerBuffer = _OurBuffer(priorities)
    figures: Figures = {}
    for (name, peer), batch in itertools.product(peers.items(), (32, 512, 8192)):
        values = np.random.default_rng(2).random(batch)
        draws = {OURS: partial(ours.sample, batch), name: partial(peer.sample, batch)}
        rounds = {OURS: partial(ours.sample_and_update, values), name: partial(peer.sample_and_update, values)}
        figures[f"buffer sample {batch} of 1e6, {name}"] = interleave(draws, repeats)
        figures[f"buffer mixed {batch} of 1e6, {name}"] = interleave(rounds, repeats)
    return figures


class _OurBuffer:
    """Our buffer behind the peers' interface."""

    def __init__(self, priorities: FloatArray) -> None:
        num_slots = len(priorities)
        self._buffer = PrioritizedReplayBuffer(num_slots, {"x": np.int32}, alpha=ALPHA, beta=BETA)
        self._buffer.add({"x": np.arange(num_slots)}, priorities)

    def sample(self, n: int) -> object:
        return self._buffer.sample(n)

    def sample_and_update(self, values: FloatArray) -> object:
        drawn = self._buffer.sample(len(values))
        return self._buffer.update_priorities(drawn.indices, values, drawn.generation)


def loop_cases(sizes: tuple[int, ...], repeats: int, missing: dict[str, str]) -> Figures:
    """Time the loop of reinforcement learning, and adding alone, per step, beside one peer at a time."""
    figures: Figures = {}
    values = np.random.default_rng(5).random(BATCH)
    for num_slots in sizes:
        priorities = np.random.default_rng(6).random(num_slots)
        peers, missing_here = available(LOOPS, priorities)
        missing |= missing_here
        ours = turns(OurLoop(priorities), values)
        label = f"{num_slots:.0e}".replace("e+0", "e")
        for name, peer in peers.items():
            for kind, call in turns(peer, values).items():
                times = interleave({OURS: ours[kind], name: call}, repeats)
                figures[f"{kind} of {label}, {name}"] = {who: time / STEPS for who, time in times.items()}
    return figures


def step_cases(num_steps: int, repeats: int, missing: dict[str, str]) -> Figures:
    """Time draws of n-step transitions and of windows from steps that are stored once."""
    steps = OurSteps(num_steps)
    ours = {"n-step": steps.n_step, "windows": steps.windows}
    figures: Figures = {}
    for name, make in STEP_DRAWS.items():
        try:
            peer = make(num_steps)
        except (ImportError, OSError) as error:
            missing[name] = str(error).splitlines()[0]
            continue
        for kind, draw in peer.items():
            for n in (32, 512):
                calls = {OURS: partial(ours[kind], n), name: partial(draw, n)}
                figures[f"{kind} {n}, {name}"] = interleave(calls, repeats)
    for n in (32, 512):
        figures[f"windows {n}"] = interleave({OURS: partial(steps.windows, n)}, repeats)
    return figures


def distinct_cases(sizes: tuple[tuple[int, int], ...], missing: dict[str, str]) -> Figures:
    """Time draws without replacement."""
    figures: Figures = {}
    for k, num_slots in sizes:
        weights = np.random.default_rng(2).random(num_slots)
        tree = SumTree(num_slots)
        tree[:] = weights
        peers, missing_here = available(DISTINCT_DRAWS, weights)
        missing |= missing_here
        calls: dict[str, Callable[[], object]] = {OURS: partial(tree.sample, k, replacement=False)}
        calls |= {name: partial(draw, k) for name, draw in peers.items()}
        label = str(num_slots) if num_slots < 1e6 else f"{num_slots:.0e}".replace("e+0", "e")
        figures[f"{k} of {label} without replacement"] = interleave(calls, 5 if num_slots > 1e6 else 15)
    return figures


def codeit_cases() -> Figures:
    """Time CodeIt's draw, 90,000 of 1,000,000 and 10,000 of 19,600, beside a loop that lists all keys for each item."""
    rng = np.random.default_rng(3)
    settings: dict[str, Any] = {"eps": 1e-19, "eviction": LowestPriority(0.5)}
    partitions = ("policy", "train")
    mixture = ReplayMixture(
        {name: PrioritizedReplayBuffer(1_000_000, {"x": np.int32}, **settings) for name in partitions}
    )
    mixture["policy"].add({"x": np.arange(1_000_000)}, rng.choice([0.0, 0.5, 1.0], 1_000_000, p=[0.95, 0.03, 0.02]))
    mixture["train"].add({"x": np.arange(19_600)}, 0.0)
    counts = {"policy": 90_000, "train": 10_000}
    times = interleave({OURS: lambda: mixture.sample(counts, replacement=False)}, 5)
    entries = dict.fromkeys(range(1_000_000))
    one_draw = interleave({"list": lambda: list(entries.keys())[500_000]}, 5)["list"]
    return {"CodeIt's draw": times | {"key list per draw": one_draw * counts["policy"]}}


def checkpoint_cases(missing: dict[str, str]) -> Figures:
    """Time writing 1,000,000 priorities beside one peer at a time; flushing to disk would time the disk."""
    priorities = np.random.default_rng(4).random(1_000_000)
    tree = SumTree(1_000_000)
    tree[:] = priorities
    state = tree.state_dict()
    peers, missing_here = available(CHECKPOINTS, priorities)
    missing |= missing_here
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, write in peers.items():
            calls = {OURS: partial(_write, Path(directory) / "state", state), name: partial(write, Path(directory))}
            figures[f"checkpoint of 1e6, {name}"] = interleave(calls, 15)
    return figures


def _write(path: Path, state: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        write_state(file, state)


def memory_cases() -> Figures:
    """Measure bytes per slot, where the peer takes the next power of two above the size, and per experience."""
    figures: Figures = {}
    for label, num_slots in (("1e6", 1_000_000), ("2^20", 1 << 20)):
        ours = sum(level.nbytes for level in SumTree(num_slots).levels.flat) / num_slots
        torchrl = 2 * 8 * (1 << num_slots.bit_length()) / num_slots
        figures[f"bytes per slot of {label}"] = {OURS: ours, "torchrl": torchrl}
    arena = TokenArena()
    num_rows, num_tokens = 1000, 750
    arena.add([np.zeros(num_tokens, np.uint16)] * num_rows)
    row = list(range(1000, 1000 + num_tokens))
    list_bytes = sys.getsizeof(row) + sum(map(sys.getsizeof, row))
    arena_bytes = arena.state_dict()["tokens"].nbytes / num_rows
    figures["bytes per experience"] = {OURS: arena_bytes, "lists": float(list_bytes)}
    return figures


def import_cases() -> Figures:
    """Measure the CPU time of importing the library once NumPy is there, in a process of its own."""
    code = "import time, numpy; start = time.process_time_ns(); import codeit_jax.replay; "
    code += "print(time.process_time_ns() - start)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    return {"import": {OURS: min(float(run.stdout) for run in runs)}}


def run(max_slots: int = 10_000_000, repeats: int = 25) -> dict[str, Any]:
    """Return all figures, in the form of the other benches of this package."""
    missing: dict[str, str] = {}
    figures: Figures = {}
    if max_slots >= 1_000_000:  # first, while no other library's thread pools are about
        figures |= loop_cases((100_000, 1_000_000), repeats, missing)
        figures |= buffer_cases(1_000_000, repeats, missing) | codeit_cases()
    figures |= step_cases(min(max_slots // 10, 10_000), repeats, missing)
    for num_slots in (10_000, 100_000, 1_000_000, 10_000_000):
        if num_slots <= max_slots:
            batches = (1, 32, 512, 8192) if num_slots == 1_000_000 else (512, 8192)
            figures |= tree_cases(num_slots, batches, repeats, missing)
    figures |= distinct_cases(
        tuple(size for size in ((10_000, 19_600), (90_000, 1_000_000), (90_000, 10_000_000)) if size[1] <= max_slots),
        missing,
    )
    figures |= checkpoint_cases(missing) | memory_cases() | import_cases()
    return report(figures, missing)


def report(figures: Figures, missing: dict[str, str]) -> dict[str, Any]:
    """Return figures by contender, ratios to each peer, and which goals are reached."""
    peers: Figures = {}
    ratios: Figures = {}
    for case, times in figures.items():
        for name, value in times.items():
            if name != OURS:
                peers.setdefault(name, {})[case] = value
                ratios.setdefault(name, {})[case] = round(value / times[OURS], 3)
    goals = [
        {"case": case, **goal._asdict(), "ratio": ratios[goal.peer][case], "reached": _reached(goal, ratios, case)}
        for case, case_goals in GOALS.items()
        for goal in case_goals
        if case in ratios.get(goal.peer, {})
    ]
    return {
        "bench": "replay",
        "device": f"{platform.machine()} {platform.system()}, NumPy {np.__version__}, CPU time, nanoseconds",
        "work": {"cases": len(figures), "not_installed": missing},
        "ours": {case: times[OURS] for case, times in figures.items()},
        "peers": peers,
        "ratio": ratios,
        "goals": goals,
        "compile_seconds": 0.0,
    }


def _reached(goal: Goal, ratios: Figures, case: str) -> str:
    ratio = ratios[goal.peer][case]
    return "stretch" if ratio >= goal.stretch else "must" if ratio >= goal.must else "no"


def print_report(result: dict[str, Any], file: TextIO) -> None:
    """Print one line for each goal and each peer that is not installed."""
    for goal in result["goals"]:
        bar = f"must {goal['must']:.2f}, stretch {goal['stretch']:.2f}"
        print(f"{goal['case']:36} {goal['ratio']:12.2f}x {goal['peer']:20} {bar:32} {goal['reached']}", file=file)
    for name, reason in result["work"]["not_installed"].items():
        print(f"not measured: {name}: {reason}", file=file)
