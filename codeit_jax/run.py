"""A whole run: set up or resume, meta-iterations, checkpoints, summary."""

import json
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import jax
import numpy as np

from codeit_jax import checkpoint
from codeit_jax.config import Config
from codeit_jax.errors import PreemptedError, UserError
from codeit_jax.faults import fault_point
from codeit_jax.initial_data import initial_experiences, screen_initial_programs
from codeit_jax.loop import PRETRAINING, MetaIteration, RunState, StageRecord, stage_key
from codeit_jax.model.huggingface import load_pretrained
from codeit_jax.progress import Reporter, format_seconds
from codeit_jax.run_directory import RunDirectory, write_atomically
from codeit_jax.solutions import Solution, SolutionTable
from codeit_jax.training.experience_replay import ExperienceReplay
from codeit_jax.training.learner import Learner
from codeit_jax.training.step import StepMetrics, TrainState, abstract_state, init_state, state_from_params
from codeit_jax.workbench import Workbench, build_workbench, limits_of, prepare_runtime
from interpreter import InterpreterPool

SAMPLED_FILE = "sampled.npy"


def train(config: Config, run_directory: Path, reporter: Reporter) -> dict[str, Any]:
    """Do the main job, or go on with it where the directory's last checkpoint is.

    Args:
        config: the run's configuration.
        run_directory: created if missing.
        reporter: shows progress.

    Returns:
        The summary that is also written to `summary.json`.

    Raises:
        CodeitError: see its subclasses for what can go wrong and how the command exits.
    """
    directory = RunDirectory(run_directory)
    try:
        changes = directory.settle_config(config)
        reporter.open_log(directory.path / "log.txt")
        for key, (old, new) in changes.items():
            reporter.say(f"{key} is now {new!r}, was {old!r}")
        prepare_runtime(config.runtime)
        with (
            InterpreterPool(config.interpreter.num_workers, limits_of(config.interpreter)) as pool,
            _stop_flag() as stop,
        ):
            bench = build_workbench(config, pool)
            return _Run(bench, directory, reporter, stop).run()
    finally:
        reporter.close()
        directory.close()


class _StopRequest:
    """Whether somebody asked the run to stop.

    Attributes:
        asked: true after the first request.
        has_state: whether there is something to save; before that a request ends the run at once, as a second one does.
    """

    def __init__(self) -> None:
        self.asked = False
        self.has_state = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.asked or not self.has_state:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def _stop_flag() -> Iterator[_StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request to stop at the next consistent cut."""
    request = _StopRequest()
    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Run:
    """The state machine around the meta-iteration: restore, advance, save, report."""

    def __init__(self, bench: Workbench, directory: RunDirectory, reporter: Reporter, stop: _StopRequest) -> None:
        self._bench = bench
        self._directory = directory
        self._reporter = reporter
        self._stop = stop
        self._start = time.perf_counter()
        self._rows: list[dict[str, Any]] = []
        self._cut = 0
        config = bench.config
        learner = Learner(bench.model, bench.optimizer, bench.tokenizer, config.training, config.text, bench.mesh)
        self._step = MetaIteration(bench, learner, reporter, self._record, lambda: stop.asked)

    def run(self) -> dict[str, Any]:
        self._introduce()
        state = self._restore() or self._begin()
        self._stop.has_state = True
        last = self._bench.config.num_meta_iterations
        while state.iteration < last:
            before = state.iteration
            state, new = self._step.run(state)
            self._directory.append("solutions.jsonl", [solution.to_row() for solution in new])
            finished = state.iteration > before
            due = finished and (state.iteration % self._bench.config.checkpoint.every == 0 or state.iteration == last)
            if due or self._stop.asked:
                self._save(state)
            if self._stop.asked:
                raise PreemptedError(
                    f"stopped as asked, everything is saved; the same command goes on from {self._directory.path}"
                )
            if finished:
                self._estimate(state.iteration)
        return self._summarize(state)

    def _introduce(self) -> None:
        bench = self._bench
        cut = sum(prompt.truncated for _, prompt in bench.prompts)
        self._reporter.say(f"search tasks: {bench.search_tasks!r}")
        self._reporter.say(f"training tasks: {bench.training_tasks!r}, {len(bench.seeds)} seed programs")
        self._reporter.say(
            f"policy: {bench.model.num_parameters():,} parameters, {bench.tokenizer.name} tokenizer of "
            f"{bench.tokenizer.vocabulary_size} tokens; {cut} of {len(bench.prompts)} prompts are truncated to "
            f"{bench.config.text.max_prompt_tokens} tokens; devices: {', '.join(map(str, jax.devices()))}"
        )

    def _begin(self) -> RunState:
        """Make the state before the first meta-iteration, with seeds and mutants in the replay, and save it."""
        bench = self._bench
        train = self._initial_train_state()
        start = time.perf_counter()
        replay = self._new_replay()
        experiences, programs = initial_experiences(bench, self._reporter)
        too_long = replay.add(experiences)
        fault_point("mutate")
        self._record(
            StageRecord(
                iteration=PRETRAINING,
                stage="mutate",
                seconds=time.perf_counter() - start,
                values={"experiences": len(experiences), "programs": len(programs), "too_long": too_long},
            )
        )
        solutions = SolutionTable(screen_initial_programs(bench, programs, self._reporter, self._record))
        self._directory.append("solutions.jsonl", [solution.to_row() for solution in solutions])
        state = RunState(
            iteration=PRETRAINING,
            steps=[],
            train=train,
            replay=replay,
            solutions=solutions,
            sampled=set(),
        )
        self._save(state)
        return state

    def _initial_train_state(self) -> TrainState:
        bench = self._bench
        weights = bench.config.model.weights
        if weights is None:
            key = stage_key(bench.config.seed, PRETRAINING, "init")
            return init_state(bench.model, bench.optimizer, bench.mesh, key)
        params = load_pretrained(Path(weights).expanduser(), bench.config.model, bench.tokenizer.vocabulary_size)
        return state_from_params(bench.optimizer, bench.mesh, params)

    def _new_replay(self) -> ExperienceReplay:
        config = self._bench.config
        return ExperienceReplay(config.replay, config.text, self._bench.tokenizer)

    def _restore(self) -> RunState | None:
        """Read the newest whole checkpoint; None for a new directory."""
        cut = checkpoint.latest(self._directory, self._reporter.say)
        if cut is None:
            self._directory.cut_line_files({})
            return None
        self._cut = cut.number
        tokenizer = self._bench.tokenizer
        if cut.meta["tokenizer"] != tokenizer.digest:
            raise UserError(
                f"the {tokenizer.name} tokenizer has digest {tokenizer.digest[:12]}, expected "
                f"{cut.meta['tokenizer'][:12]} as in checkpoint {cut.number}: its vocabulary changed since"
            )
        self._directory.cut_line_files(cut.meta["line_files"])
        bench, steps = self._bench, cut.meta["steps"]
        target = vars(abstract_state(bench.model, bench.optimizer, bench.mesh))
        replay = self._new_replay()
        replay.load(cut.replay)
        solutions = SolutionTable(map(Solution.from_row, self._directory.read("solutions.jsonl")))
        self._reporter.say(f"going on from checkpoint {cut.number}, {_describe(cut.meta)}")
        return RunState(
            iteration=cut.meta["iteration"],
            steps=None if steps is None else [StepMetrics(**step) for step in steps],
            train=TrainState(**checkpoint.restore_state(cut, target)),
            replay=replay,
            solutions=solutions,
            sampled=set(np.load(cut.replay / SAMPLED_FILE).tolist()),
            num_sampled=cut.meta["num_sampled"],
        )

    def _save(self, state: RunState) -> None:
        self._directory.append("metrics.jsonl", self._rows)
        self._rows.clear()
        self._cut += 1

        def save_replay(folder: Path) -> None:
            state.replay.save(folder)
            np.save(folder / SAMPLED_FILE, np.array(sorted(state.sampled), np.uint64))

        checkpoint.save(
            self._directory,
            self._cut,
            state=vars(state.train),
            save_replay=save_replay,
            meta={
                "iteration": state.iteration,
                "steps": None if state.steps is None else [_plain_numbers(step) for step in state.steps],
                "num_sampled": state.num_sampled,
                "tokenizer": self._bench.tokenizer.digest,
            },
            keep=self._bench.config.checkpoint.keep,
        )

    def _record(self, record: StageRecord) -> None:
        self._rows.append(record.to_row())

    def _estimate(self, iteration: int) -> None:
        """Say how long the rest will take, judging by the last meta-iteration's stages."""
        left = self._bench.config.num_meta_iterations - iteration
        seconds = sum(
            row["t_seconds"] for row in self._directory.read("metrics.jsonl") if row["iteration"] == iteration - 1
        )
        if left and seconds and iteration > 0:
            self._reporter.say(f"meta-iterations left: {left}, about {format_seconds(left * seconds)}")

    def _summarize(self, state: RunState) -> dict[str, Any]:
        """Write summary.json and tell the result."""
        bench = self._bench
        seconds: defaultdict[str, float] = defaultdict(float)
        policy_last = {"demonstrations": 0, "pass@1": 0, "pass@3": 0, "oracle": 0}
        for row in self._directory.read("metrics.jsonl"):
            seconds[row["stage"]] += row["t_seconds"]
            policy_last = row.get("policy_last", policy_last)
        summary = {
            "tasks": len(bench.search_tasks),
            "meta_iterations": state.iteration,
            "programs_sampled": state.num_sampled,
            "programs_unique": len(state.sampled),
            "solved": state.solutions.report(bench.search_tasks),
            "policy_last": policy_last,
            "snapshot": f"{bench.search_tasks.snapshot}, digest {bench.search_tasks.digest}",
            "seed": bench.config.seed,
            "t_seconds": {stage: round(value, 1) for stage, value in seconds.items()},
        }
        write_atomically(self._directory.path / "summary.json", json.dumps(summary, indent=2) + "\n")
        self._tell(state, summary)
        return summary

    def _tell(self, state: RunState, summary: dict[str, Any]) -> None:
        say, tasks = self._reporter.say, self._bench.search_tasks
        say("")
        for task in tasks:
            candidates = [c for c in state.solutions.candidates("policy") if c.task_id == task.id]
            best = min((c for c in candidates if c.solves_demonstrations), key=lambda c: len(c.program), default=None)
            if best is not None:
                verdict = "tests too" if best.solves_tests else "not the tests"
                say(
                    f"{task.id}: the policy solves all demonstrations, {verdict}, by\n    "
                    + best.program.replace("\n", "\n    ")
                )
        solved = summary["solved"]
        say("")
        say(f"{f'tasks solved of {len(tasks)}':<28}{'demonstrations':>16}{'pass@1':>10}{'pass@3':>10}{'oracle':>10}")
        names = {"policy": "sampled from the policy", "mutants": "seeds and mutants", "cumulative": "both"}
        for key, name in names.items():
            row = solved[key]
            say(f"{name:<28}{row['demonstrations']:>16}{row['pass@1']:>10}{row['pass@3']:>10}{row['oracle']:>10}")
        say(f"{summary['programs_sampled']} programs sampled, {summary['programs_unique']} of them distinct")
        say(
            f"this call took {format_seconds(time.perf_counter() - self._start)}; run directory: {self._directory.path}"
        )
        say(
            "next: the same command with a larger num_meta_iterations=N goes on from here; "
            "solutions.jsonl holds every program found"
        )


def _describe(meta: dict[str, Any]) -> str:
    stage = "pretraining" if meta["iteration"] == PRETRAINING else f"meta-iteration {meta['iteration']}"
    return f"{stage}, learning step {len(meta['steps'])}" if meta["steps"] else stage


def _plain_numbers(step: StepMetrics) -> dict[str, Any]:
    """Return a step's metrics as JSON values, which `StepMetrics(**...)` takes back."""
    return {name: np.asarray(value).item() for name, value in vars(step).items()}
