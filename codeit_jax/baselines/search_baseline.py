"""The enumerative-search baseline: tasks solved by time and by programs tried, in one run that can be resumed.

All that decides where a search stands is in one line file of its directory, `searched.jsonl`: each line is what came of
one task in one round, and the seconds until then. So a long run gives the counts of all shorter ones; these are by
processor time, which is the same with any number of cores and beside other jobs.
"""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from codeit_jax.arc import TaskSet
from codeit_jax.evaluation import Candidate, solve_report
from codeit_jax.reporting.progress import Reporter, format_seconds
from codeit_jax.search import Budget, TaskSearch, search_rounds
from codeit_jax.storage.job_directory import JobDirectory

LINES_FILE = "searched.jsonl"
COMPARED_CORE_MINUTES = (2, 20, 120)  # budgets at which searches are compared


@dataclass(frozen=True, kw_only=True)
class SearchJob:
    """What is asked for.

    Attributes:
        tasks: the tasks to solve.
        budget: for all calls together; it may grow from call to call.
        max_lines: the largest size of a program.
    """

    tasks: TaskSet
    budget: Budget
    max_lines: int

    def settings(self) -> dict[str, Any]:
        """Return what a resumed search must have kept; its budget may grow."""
        return {"tasks": self.tasks.digest, "max_lines": self.max_lines}


class SearchBaseline:
    """A search of all tasks, from where its directory stands.

    Args:
        job: what to do.
        directory: opened with the job's settings; gets `summary.json`, too.
        reporter: shows progress.

    Attributes:
        is_interrupted: the last run was.
    """

    def __init__(self, job: SearchJob, directory: JobDirectory, reporter: Reporter) -> None:
        self._job = job
        self._directory = directory
        self._reporter = reporter
        # A task's rounds end with the first that finds something, so that the last one has all that was found.
        self._last: dict[str, TaskSearch] = {}
        self._tried = 0
        self._seconds = 0.0
        self._core_seconds = 0.0
        self._curve: list[tuple[float, int, int]] = [(0.0, 0, 0)]
        self.is_interrupted = False
        for row in directory.rows(LINES_FILE):
            self._note(_read_search(row), row["t_seconds"])

    @property
    def candidates(self) -> list[Candidate]:
        """The programs found, by task and then in the order of finding."""
        return [candidate for task_id in sorted(self._last) for candidate in self._last[task_id].candidates]

    def run(self, num_workers: int, interrupt_if_asked: Callable[[], None] = lambda: None) -> None:
        """Search until the budget is spent, or until interrupted.

        Args:
            num_workers: processes that search, a task each.
            interrupt_if_asked: called when a task is done; raises KeyboardInterrupt to stop there.

        Raises:
            StorageError: the directory can't be written.
        """
        before, start = self._seconds, perf_counter()
        budget = self._job.budget
        if budget.seconds is not None:
            # The seconds of earlier calls are spent; their programs `search_rounds` counts by `known`.
            budget = Budget(seconds=max(0.0, budget.seconds - before), programs=budget.programs)
        rounds = search_rounds(self._job.tasks, budget, self._job.max_lines, num_workers=num_workers, known=self._last)
        try:
            # Closed here, not by the garbage collector: its worker processes end before the summary is written.
            with closing(rounds):
                for limit, num_tasks, searches in rounds:
                    with self._reporter.stage(f"{limit} programs for each of {num_tasks} tasks") as advance:
                        for number, search in enumerate(searches, start=1):
                            seconds = round(before + perf_counter() - start, 3)
                            # A line as soon as a task is done: Ctrl-C loses the tasks in work, nothing else.
                            self._directory.append(LINES_FILE, [asdict(search) | {"t_seconds": seconds}])
                            self._note(search, seconds)
                            advance(number, num_tasks)
                            interrupt_if_asked()
                    self._reporter.say(self._state(limit))
        except KeyboardInterrupt:
            self.is_interrupted = True
        self._seconds = before + perf_counter() - start

    def summarize(self) -> dict[str, Any]:
        """Score what was found so far, write it, and return it.

        Raises:
            StorageError: the directory can't be written.
        """
        found, tasks = self.candidates, self._job.tasks
        solved = solve_report(found, tasks)
        summary = {
            "programs": len(found),
            "correct": sum(candidate.solves_tests for candidate in found),
            "tried": self._tried,
            "solved": solved,
            "curve": [*self._curve, (round(self._core_seconds, 3), self._tried, solved["pass@3"])],
            "solved_by_core_minute": self._solved_by_core_minute(),
            "tasks": tasks.source,
            "snapshot": f"{tasks.snapshot}, digest {tasks.digest}",
            "max_lines": self._job.max_lines,
            "seconds": round(self._seconds, 2),
            "core_seconds": round(self._core_seconds, 2),
        }
        self._directory.write("summary.json", json.dumps(summary, indent=2) + "\n")
        return summary

    def _note(self, search: TaskSearch, seconds: float) -> None:
        self._last[search.task_id] = search
        self._tried += search.tried
        self._seconds = seconds
        self._core_seconds += search.core_seconds
        if search.candidates:
            solved = solve_report(self.candidates, self._job.tasks)["pass@3"]
            # Only where the count changes: the curve is a staircase.
            if solved != self._curve[-1][-1]:
                self._curve.append((round(self._core_seconds, 3), self._tried, solved))

    def _solved_by_core_minute(self) -> list[list[int]]:
        """Return the tasks solved within the times for which searches are compared, as far as this one came."""
        reached = [minutes for minutes in COMPARED_CORE_MINUTES if 60 * minutes <= self._core_seconds]
        return [[minutes, [solved for at, _, solved in self._curve if at <= 60 * minutes][-1]] for minutes in reached]

    def _state(self, limit: int) -> str:
        solved = self._curve[-1][-1]
        return f"{limit} programs a task, {format_seconds(self._seconds)}: {solved} tasks solved (pass@3)"


def _read_search(row: dict[str, Any]) -> TaskSearch:
    return TaskSearch(
        task_id=row["task_id"],
        limit=row["limit"],
        tried=row["tried"],
        end=row["end"],
        candidates=tuple(map(Candidate.from_row, row["candidates"])),
        core_seconds=row["core_seconds"],
    )
