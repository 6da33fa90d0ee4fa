"""Times of this package beside every peer that is installed: `python -m codeit_jax.replay.bench [--json]`.

All contenders of a case are alive in one process and take turns, so caches are as cold as in training; a figure is the
minimum over repeats of the process's CPU time. Only ratios within one run mean anything.
"""

import argparse
import gc
import importlib.util
import itertools
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from codeit_jax.replay.bench_peers import PeerTree, available_trees, cpprb_buffer
from codeit_jax.replay.buffer import PrioritizedReplayBuffer
from codeit_jax.replay.mixture import ReplayMixture
from codeit_jax.replay.persistence import save_state
from codeit_jax.replay.recipes import RECIPES
from codeit_jax.replay.sum_tree import SumTree
from codeit_jax.replay.token_arena import TokenArena
from codeit_jax.replay.tree_levels import FloatArray, IntArray

OURS = "ours"


class Goal(NamedTuple):
    """How many times faster than a peer a case should be, at least and at best."""

    peer: str
    must: float
    stretch: float


GOALS: dict[str, tuple[Goal, ...]] = {
    "sample 8192 of 1e6": (Goal("torchrl", 1.5, 2.5),),
    "stratified sample 8192 of 1e6": (Goal("torchrl stratified", 1.5, 2.2),),
    "sample 8192 of 1e7": (Goal("torchrl", 2.0, 3.0), Goal("tianshou", 1.3, 1.8)),
    "update 8192 of 1e6": (Goal("torchrl", 1.3, 2.0),),
    "update 8192 of 1e7": (Goal("torchrl", 1.2, 1.6),),
    "mixed 8192 of 1e6": (Goal("torchrl", 1.5, 2.5), Goal("tianshou", 1.5, 2.0)),
    "mixed 8192 of 1e7": (Goal("torchrl", 1.5, 2.5), Goal("tianshou", 1.5, 2.0)),
    "set all of 1e6": (Goal("torchrl", 8.0, 15.0),),
    "set all of 1e7": (Goal("torchrl", 8.0, 15.0),),
    "stratified sample 8192 of 1e5": (Goal("torchrl stratified", 0.9, 1.5),),
    "update 8192 of 1e5": (Goal("torchrl", 0.7, 1.0),),
    "stratified mixed 8192 of 1e5": (Goal("torchrl stratified", 0.8, 1.3),),
    "stratified sample 8192 of 1e4": (Goal("torchrl stratified", 0.9, 1.5),),
    "update 8192 of 1e4": (Goal("torchrl", 0.7, 1.0),),
    "stratified mixed 8192 of 1e4": (Goal("torchrl stratified", 0.8, 1.3),),
    "mixed 512 of 1e6": (Goal("torchrl", 0.9, 1.4),),
    "mixed 32 of 1e6": (Goal("torchrl", 0.15, 0.3),),
    "mixed 1 of 1e6": (Goal("torchrl", 0.4, 0.6),),
    "buffer sample 32 of 1e6": (Goal("cpprb", 0.8, 1.3),),
    "buffer sample 512 of 1e6": (Goal("cpprb", 3.0, 6.0),),
    "buffer sample 8192 of 1e6": (Goal("cpprb", 5.0, 10.0),),
    "buffer mixed 32 of 1e6": (Goal("cpprb", 0.5, 1.0),),
    "buffer mixed 512 of 1e6": (Goal("cpprb", 3.0, 6.0),),
    "buffer mixed 8192 of 1e6": (Goal("cpprb", 5.0, 10.0),),
    "90000 of 1e6 without replacement": (Goal("torch.multinomial", 3.0, 6.0),),
    "90000 of 1e7 without replacement": (Goal("torch.multinomial", 2.5, 5.0),),
    "10000 of 19600 without replacement": (Goal("torch.multinomial", 3.0, 7.0),),
    "CodeIt's draw": (Goal("key list per draw", 10_000.0, 100_000.0),),
    "checkpoint of 1e6": (Goal("np.savez", 1.0, 3.0),),
    "bytes per slot": (Goal("binary tree, capacity doubled", 1 / 0.6, 1 / 0.3),),
    "bytes per experience": (Goal("lists", 15.0, 23.0),),
}

Figures = dict[str, dict[str, float]]
"""Case to contender to nanoseconds (or bytes)."""


def interleave(contenders: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
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
    """The tree of this package behind the peers' interface."""

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


class _OurTreeStratified(_OurTree):
    def sample(self, n: int) -> object:
        return self.tree.sample(n, method="stratified", sort=True)  # the order in which the peers return them


def tree_cases(num_slots: int, batches: tuple[int, ...], repeats: int, missing: dict[str, str]) -> Figures:
    """Time bare trees: draws, updates, both in turn, and setting all slots."""
    rng = np.random.default_rng(0)
    priorities = rng.random(num_slots)
    peers, missing_here = available_trees(num_slots, rng)
    missing |= missing_here
    trees: dict[str, PeerTree] = {OURS: _OurTree(num_slots, rng), "ours stratified": _OurTreeStratified(num_slots, rng)}
    trees |= peers
    for tree in trees.values():
        tree.fill(priorities)
    label = f"{num_slots:.0e}".replace("e+0", "e")
    figures: Figures = {}
    for batch in batches:
        indices = [rng.integers(0, num_slots, batch) for _ in range(16)]
        values = rng.random(batch)
        for name in ("sample", "update", "mixed"):
            calls = {peer: _action(name, tree, indices, values) for peer, tree in trees.items()}
            times = interleave(calls, repeats if batch >= 512 else 4 * repeats)
            stratified = times.pop("ours stratified")
            figures[f"{name} {batch} of {label}"] = times
            figures[f"stratified {name} {batch} of {label}"] = times | {OURS: stratified}
    fast = {name: tree for name, tree in trees.items() if name in (OURS, "torchrl", "tianshou", "cumsum", "flashbax")}
    figures[f"set all of {label}"] = interleave(
        {name: partial(tree.fill, priorities) for name, tree in fast.items()}, 3
    )
    return figures


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
    """Time whole buffers: draws with weights and payload, then updates too."""
    rng = np.random.default_rng(1)
    priorities = rng.random(num_slots)
    ours = PrioritizedReplayBuffer(num_slots, {"x": np.int32}, alpha=0.6, beta=0.4)
    ours.add({"x": np.arange(num_slots)}, priorities)
    try:
        peer = cpprb_buffer(num_slots, 0.6, priorities)
    except ImportError as error:
        missing["cpprb"] = str(error)
        return {}
    figures: Figures = {}
    for batch in (32, 512, 8192):
        values = rng.random(batch)

        def our_round(n: int = batch, v: Any = values) -> None:
            drawn = ours.sample(n)
            ours.update_priorities(drawn.indices, v, drawn.generation)

        def peer_round(n: int = batch, v: Any = values) -> None:
            peer.update_priorities(peer.sample(n, 0.4)["indexes"], v)

        draws: dict[str, Callable[[], object]] = {
            OURS: partial(ours.sample, batch),
            "cpprb": partial(peer.sample, batch, 0.4),
        }
        figures[f"buffer sample {batch} of 1e6"] = interleave(draws, repeats)
        figures[f"buffer mixed {batch} of 1e6"] = interleave({OURS: our_round, "cpprb": peer_round}, repeats)
    return figures


def distinct_cases(sizes: tuple[tuple[int, int], ...], missing: dict[str, str]) -> Figures:
    """Time draws without replacement."""
    figures: Figures = {}
    rng = np.random.default_rng(2)
    if importlib.util.find_spec("torch") is None:
        missing["torch.multinomial"] = "torch is not installed"
    for k, num_slots in sizes:
        weights = rng.random(num_slots)
        probabilities = weights / weights.sum()
        tree = SumTree(num_slots, rng=rng)
        tree[:] = weights
        calls: dict[str, Callable[[], object]] = {
            OURS: partial(tree.sample, k, replacement=False),
            "Generator.choice": partial(rng.choice, num_slots, k, replace=False, p=probabilities),
        }
        if "torch.multinomial" not in missing:
            import torch

            torch.set_num_threads(1)
            calls["torch.multinomial"] = partial(torch.multinomial, torch.from_numpy(weights), k)
        label = str(num_slots) if num_slots < 1e6 else f"{num_slots:.0e}".replace("e+0", "e")
        figures[f"{k} of {label} without replacement"] = interleave(calls, 5)
    return figures


def codeit_cases() -> Figures:
    """Time CodeIt's draw, 90,000 of 1,000,000 and 10,000 of 19,600, beside a loop that lists all keys for each item."""
    recipe = RECIPES["released"]
    rng = np.random.default_rng(3)
    mixture = ReplayMixture({name: recipe.make_buffer(1_000_000, {"x": np.int32}) for name in ("policy", "train")})
    mixture["policy"].add({"x": np.arange(1_000_000)}, rng.choice([0.0, 0.5, 1.0], 1_000_000, p=[0.95, 0.03, 0.02]))
    mixture["train"].add({"x": np.arange(19_600)}, 0.0)
    counts = {"policy": 90_000, "train": 10_000}
    times = interleave({OURS: lambda: recipe.sample(mixture, counts)}, 5)
    entries = dict.fromkeys(range(1_000_000))
    one_draw = interleave({"list": lambda: list(entries.keys())[500_000]}, 5)["list"]
    return {"CodeIt's draw": times | {"key list per draw": one_draw * counts["policy"]}}


def storage_cases() -> Figures:
    """Measure a checkpoint of 1,000,000 slots, and bytes per slot and per experience."""
    tree = SumTree(1_000_000)
    tree[:] = np.random.default_rng(4).random(1_000_000)
    state = tree.state_dict()
    with tempfile.TemporaryDirectory() as directory:
        checkpoint = interleave(
            {
                OURS: lambda: save_state(Path(directory) / "ours", state),
                "np.savez": lambda: np.savez(Path(directory) / "peer.npz", priorities=state["priorities"]),
            },
            5,
        )
    tree_bytes = sum(level.nbytes for level in tree._levels.flat) / len(tree)
    arena = TokenArena()
    num_rows, num_tokens = 1000, 750
    arena.add([np.zeros(num_tokens, np.uint16)] * num_rows)
    row = list(range(1000, 1000 + num_tokens))
    list_bytes = sys.getsizeof(row) + sum(map(sys.getsizeof, row))
    return {
        "checkpoint of 1e6": checkpoint,
        "bytes per slot": {OURS: tree_bytes, "binary tree, capacity doubled": 2 * 8 * 2**20 / 1e6},
        "bytes per experience": {OURS: arena.state_dict()["tokens"].nbytes / num_rows, "lists": float(list_bytes)},
    }


def run(max_slots: int = 10_000_000, repeats: int = 25) -> dict[str, Any]:
    """Return all figures, in the form of the other benches of this package."""
    missing: dict[str, str] = {}
    figures: Figures = {}
    for num_slots in (10_000, 100_000, 1_000_000, 10_000_000):
        if num_slots <= max_slots:
            batches = (1, 32, 512, 8192) if num_slots == 1_000_000 else (512, 8192)
            figures |= tree_cases(num_slots, batches, repeats, missing)
    figures |= distinct_cases(
        tuple(size for size in ((10_000, 19_600), (90_000, 1_000_000), (90_000, 10_000_000)) if size[1] <= max_slots),
        missing,
    )
    if max_slots >= 1_000_000:
        figures |= buffer_cases(1_000_000, repeats, missing) | codeit_cases()
    figures |= storage_cases()
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


def main(arguments: list[str] | None = None) -> None:
    """Print the goals and how near we are, or everything as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m codeit_jax.replay.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--max-slots", type=int, default=10_000_000, help="leave out larger trees")
    parser.add_argument("--repeats", type=int, default=25, help="turns of each contender")
    options = parser.parse_args(arguments)
    result = run(options.max_slots, options.repeats)
    if options.json:
        print(json.dumps(result))
        return
    for goal in result["goals"]:
        bar = f"must {goal['must']:.2f}, stretch {goal['stretch']:.2f}"
        print(f"{goal['case']:36} {goal['ratio']:12.2f}x {goal['peer']:30} {bar:32} {goal['reached']}")
    for name, reason in result["work"]["not_installed"].items():
        print(f"not measured: {name}: {reason}")


if __name__ == "__main__":
    main()
