"""What watches a run: shows its stages, takes their numbers, and decides when to stop."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from time import perf_counter
from typing import Any

from codeit_jax.evaluation import Candidate
from codeit_jax.hindsight import Origin
from codeit_jax.reporting.progress import Advance, Reporter
from codeit_jax.run.devices import DeviceClock, out_of_memory_as_user_error
from codeit_jax.run.state import iteration_name
from codeit_jax.storage.faults import fault_point


class StageNotes:
    """What a stage reports to the monitor.

    Attributes:
        advance: to call with units done and units in all.
        numbers: for the stage's line in metrics.jsonl; None for no line.
    """

    def __init__(self, advance: Callable[[int, int], None]) -> None:
        self.advance = advance
        self.numbers: dict[str, Any] | None = None

    def note(self, **numbers: Any) -> None:
        """Add numbers; a stage that notes none, as one that was stopped does, leaves no line."""
        self.numbers = (self.numbers or {}) | numbers


class Monitor:
    """Watches the stages of a run in this process.

    Args:
        reporter: shows progress.
        should_stop: asked at named points, all processes at the same ones; once it answers yes, the run is to end at
            the next state that can be resumed.
        append: writes rows into a line file of the run directory.
    """

    def __init__(
        self,
        reporter: Reporter,
        should_stop: Callable[[str], bool],
        append: Callable[[str, Sequence[Mapping[str, Any]]], None],
    ) -> None:
        self._reporter = reporter
        self._should_stop = should_stop
        self._append = append
        self._clock = DeviceClock()
        # Written with a checkpoint, not at once: what resumes has exactly the lines of the stages that it has done.
        self._rows: list[dict[str, Any]] = []

    @contextmanager
    def stage(self, iteration: int, name: str, *, title: str | None = None) -> Iterator[StageNotes]:
        """Watch a stage of a meta-iteration; the numbers that it notes become a line of metrics.jsonl.

        Args:
            iteration: the meta-iteration.
            name: the stage's, in metrics.jsonl.
            title: for people; None for a stage that is over before anyone could read it.

        Yields:
            Where the stage notes its progress and its numbers.
        """
        start = perf_counter()
        with ExitStack() as stack:
            notes = StageNotes(lambda done, total: None)
            if title is not None:
                notes.advance = stack.enter_context(self._reporter.stage(f"{iteration_name(iteration)}: {title}"))
            yield notes
        # Not reached by a stage that raised: its numbers would be those of half of it.
        if notes.numbers is not None:
            # Fields of the clock begin with `t_`; all others are functions of configuration and seed.
            row = {"iteration": iteration, "stage": name, **notes.numbers}
            self._rows.append(row | {"t_seconds": round(perf_counter() - start, 3)})

    def progress(self, title: str) -> AbstractContextManager[Advance]:
        """Show the progress of a part of a stage; yields what to call with units done and units in all."""
        return self._reporter.stage(title)

    @contextmanager
    def devices(self, sizes: Mapping[str, Any]) -> Iterator[None]:
        """Count what is done inside as the devices' work.

        Args:
            sizes: the settings that decide how much device memory it needs, for the message if that doesn't suffice.

        Raises:
            UserError: the devices' memory doesn't suffice.
        """
        with out_of_memory_as_user_error(sizes), self._clock.busy():
            yield

    def idle_share(self, waiting_seconds: float) -> float:
        """Return in which share of the time since the last call the devices had no work; see `DeviceClock`."""
        return self._clock.idle_share(waiting_seconds)

    def should_stop(self, point: str) -> bool:
        """Return whether to stop at a named point between two batches."""
        fault_point(point)  # before the vote: a fault may be a signal, which this very vote is to see
        return self._should_stop(point)

    def say(self, line: str) -> None:
        """Print a line for people."""
        self._reporter.say(line)

    def keep_solutions(self, candidates: Sequence[Candidate]) -> None:
        """Write new candidates into solutions.jsonl; resuming from an older checkpoint drops them again."""
        self._append("solutions.jsonl", [candidate.to_row() for candidate in candidates])

    def keep_sampled(self, iteration: int, places: Sequence[int]) -> None:
        """Write which lines of solutions.jsonl, counted from 0, have programs sampled in a meta-iteration."""
        self._append("sampled_solutions.jsonl", [{"iteration": iteration, "solutions": list(places)}])

    def keep_initial_programs(self, programs: Mapping[str, Origin]) -> None:
        """Write the seeds and mutants that the run starts from, each canonical text once."""
        rows = [{"program": text, "origin": origin} for text, origin in programs.items()]
        self._append("initial_programs.jsonl", rows)

    def write_metrics(self) -> None:
        """Write the lines since the last call into metrics.jsonl."""
        rows, self._rows = self._rows, []
        self._append("metrics.jsonl", rows)
