"""Contenders at the same work, timed in turns, and the report of their times.

Machines are shared and noisy, so a figure is the least over several turns and only ratios within one run mean anything.
"""

import gc
import math
import platform
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO, TypeVar

OURS = "ours"

Figures = dict[str, dict[str, float]]
"""Case to contender to seconds."""

_Name = TypeVar("_Name", bound=Hashable)


@dataclass(frozen=True)
class Times:
    """The least seconds of one contender over its turns, by the wall and of the processor (all threads)."""

    wall: float
    cpu: float


def interleave(
    contenders: Mapping[_Name, Callable[[], object]], turns: int, *, warm_up: bool = True, collecting: bool = False
) -> dict[_Name, Times]:
    """Time each contender `turns` times, one call of each after another.

    Args:
        contenders: what to call, by name.
        turns: how often.
        warm_up: call each once before, untimed.
        collecting: leave Python's garbage collector on, as it is by default, from a clean start at each turn; else it
            is off, because a collection hits one turn in hundreds if the work is small.

    Returns:
        The least times of each contender.
    """
    best = {name: Times(math.inf, math.inf) for name in contenders}
    if warm_up:
        for call in contenders.values():
            call()
    # What the warm-up left is collected now, at nobody's expense.
    gc.collect()
    gc.disable()
    try:
        # Contenders inside turns: a busy minute of the machine hits all of them alike.
        for _ in range(turns):
            for name, call in contenders.items():
                if collecting:
                    gc.collect()
                    gc.enable()
                # The processor's time counts all threads of this process, and moves less on a shared machine.
                wall, cpu = time.perf_counter(), time.process_time()
                call()
                taken = Times(time.perf_counter() - wall, time.process_time() - cpu)
                gc.disable()
                # The least, not the mean: noise only ever adds.
                best[name] = Times(min(best[name].wall, taken.wall), min(best[name].cpu, taken.cpu))
    finally:
        gc.enable()
    return best


@dataclass(kw_only=True)
class BenchReport:
    """What a benchmark measured.

    Attributes:
        bench: which.
        work: sizes, seeds, how many.
        device: where.
        figures: seconds (or what the case's name says) by case and contender; `OURS` is in every case.
        units: case to the unit of its figures, where it isn't seconds.
        goals: case and peer to the ratio that must be reached and the one that is wished for.
        notes: case or peer to what is to be known about it, such as why it is missing.
        compile_seconds: spent compiling, in no other figure; None where nothing is compiled.
    """

    bench: str
    work: dict[str, Any]
    device: str = field(default_factory=lambda: f"{platform.machine()} CPU, Python {platform.python_version()}")
    figures: Figures = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    goals: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    compile_seconds: float | None = None

    def add(self, case: str, figure: float, unit: str) -> None:
        """Add a figure of ours alone that isn't in seconds."""
        self.figures[case] = {OURS: figure}
        self.units[case] = unit

    def ratios(self) -> Figures:
        """Return how many times as long each peer takes, by peer and case: above 1 we are faster."""
        ratios: Figures = {}
        for case, figures in self.figures.items():
            for peer, figure in figures.items():
                if peer != OURS:
                    ratios.setdefault(peer, {})[case] = figure / figures[OURS]
        return ratios

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values: bench, device, work, ours, peers, ratio, units, notes, compile_seconds."""
        peers: Figures = {}
        for case, figures in self.figures.items():
            for peer, figure in figures.items():
                peers.setdefault(peer, {})[case] = figure
        return {
            "bench": self.bench,
            "device": self.device,
            "work": self.work,
            "ours": peers.pop(OURS, {}),
            "peers": peers,
            "ratio": self.ratios(),
            "units": self.units,
            "notes": self.notes,
            "compile_seconds": self.compile_seconds,
        }

    def print(self, file: TextIO) -> None:
        """Write a table for people, as Markdown."""
        print(f"{self.bench} on {self.device}", file=file)
        print(", ".join(f"{key} {value}" for key, value in self.work.items()) + "\n", file=file)
        print("| case | ours | peer | peer's | ratio | must | goal | reached |\n" + "|---" * 8 + "|", file=file)
        ratios = self.ratios()
        for case, figures in self.figures.items():
            # A case without peers still has a row.
            for peer in [name for name in figures if name != OURS] or [""]:
                ratio = ratios[peer][case] if peer else None
                print("| " + " | ".join(self._row(case, peer, ratio)) + " |", file=file)
        for subject, note in self.notes.items():
            print(f"- {subject}: {note}", file=file)
        if self.compile_seconds is not None:
            print(f"- compiling took {self.compile_seconds:.1f} s", file=file)

    def _row(self, case: str, peer: str, ratio: float | None) -> list[str]:
        figures = self.figures[case]
        must, goal = self.goals.get((case, peer), (None, None))
        reached = ""
        if ratio is not None and must is not None and goal is not None:
            reached = "goal" if ratio >= goal else "must" if ratio >= must else "no"
        return [
            case,
            _format(figures[OURS], self.units.get(case)),
            peer,
            _format(figures.get(peer), self.units.get(case)),
            "" if ratio is None else f"{ratio:.2f}",
            "" if must is None else f"{must:g}",
            "" if goal is None else f"{goal:g}",
            reached,
        ]


def _format(seconds: float | None, unit: str | None = None) -> str:
    """Return a time with a unit that suits it, or the figure with its own unit."""
    if seconds is None:
        return ""
    if unit is not None:
        return f"{seconds:.4g} {unit}"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
