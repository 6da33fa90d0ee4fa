"""A whole run: set up or resume, meta-iterations, checkpoints, summary."""

import time
from pathlib import Path
from typing import Any

import jax

from codeit_jax.config.errors import PreemptedError, UserError
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.config.loading import changed_settings, from_yaml, to_yaml
from codeit_jax.config.schema import Config
from codeit_jax.parallel.distributed import joined
from codeit_jax.parallel.host_pool import HostPool
from codeit_jax.parallel.hosts import Hosts
from codeit_jax.reporting.progress import Reporter, format_seconds
from codeit_jax.run.checkpointing import describe, first_state, restored_state, save_state
from codeit_jax.run.components import Workbench, build_workbench, prepare_runtime
from codeit_jax.run.meta_iteration import MetaIteration
from codeit_jax.run.state import RunState, StageRecord
from codeit_jax.run.stopping import StopRequest, stop_request
from codeit_jax.run.summary import tell_summary, write_summary
from codeit_jax.storage import checkpoint
from codeit_jax.storage.run_directory import RunDirectory
from codeit_jax.training.learner import Learner
from codeit_jax.training.profiling import StepTrace


def train(config: Config, run_directory: Path, reporter: Reporter) -> dict[str, Any] | None:
    """Do the main job, or go on with it where the directory's last checkpoint is.

    Args:
        config: the run's configuration.
        run_directory: created if missing; the same folder for all processes of a run.
        reporter: shows progress.

    Returns:
        The summary that is also written to `summary.json`; None in all processes of a run but the first.

    Raises:
        CodeitError: see its subclasses for what can go wrong and how the command exits.
    """
    with joined(config.hardware) as hosts:
        directory = RunDirectory(run_directory, writes=hosts.is_first)
        try:
            _settle(config, directory, hosts, reporter)
            prepare_runtime(config.hardware)
            _check_equal(config, directory, hosts)
            with (
                HostPool(hosts, config.interpreter.num_workers, limits_from_config(config.interpreter)) as pool,
                stop_request(hosts) as stop,
            ):
                bench = build_workbench(config, pool, hosts)
                return _Run(bench, directory, reporter, stop).run()
        finally:
            reporter.close()
            directory.close()


def _settle(config: Config, directory: RunDirectory, hosts: Hosts, reporter: Reporter) -> None:
    """Write the configuration and open the log; only the first process has them, and talks."""
    if not hosts.is_first:
        reporter.mute()
        return
    changes = directory.settle_config(config)
    reporter.open_log(directory.path / "log.txt")
    for key, (old, new) in changes.items():
        reporter.say(f"{key} is now {new!r}, was {old!r}")


def _check_equal(config: Config, directory: RunDirectory, hosts: Hosts) -> None:
    """Compare the processes' settings, and see whether they share the run directory."""
    if hosts.count == 1:
        return
    first, *others = [from_yaml(text.decode()) for text in hosts.exchange(to_yaml(config).encode())]
    for index, other in enumerate(others, start=1):
        for key, (wanted, found) in changed_settings(first, other).items():
            if key not in ("hardware.process_id", "interpreter.num_workers"):
                raise UserError(f"{key} is {found!r} in process {index}, expected {wanted!r} as in process 0")
    if not (directory.path / "config.yaml").exists():
        raise UserError(
            f"{directory.path}: without the config.yaml of process 0, expected a folder that all hosts share"
        )


class _Run:
    """The state machine around the meta-iteration: restore, advance, save, report."""

    def __init__(self, bench: Workbench, directory: RunDirectory, reporter: Reporter, stop: StopRequest) -> None:
        self._bench = bench
        self._directory = directory
        self._reporter = reporter
        self._stop = stop
        self._start = time.perf_counter()
        self._rows: list[dict[str, Any]] = []
        self._cut = 0
        config = bench.config
        self._learner = Learner(
            bench.model,
            bench.optimizer,
            bench.tokenizer,
            config.training,
            config.text,
            bench.mesh,
            StepTrace(config.hardware, directory.path / "profile", reporter.say),
        )
        self._step = MetaIteration(bench, self._learner, reporter, self._record, stop.at)

    def run(self) -> dict[str, Any] | None:
        self._introduce()
        state = self._restore() or self._begin()
        self._stop.has_state = True
        last = self._bench.config.num_meta_iterations
        while state.iteration < last:
            before = state.iteration
            state, new = self._step.run(state)
            self._directory.append("solutions.jsonl", [solution.to_row() for solution in new])
            finished, stops = state.iteration > before, self._stop.vote()
            due = finished and (state.iteration % self._bench.config.checkpoint.every == 0 or state.iteration == last)
            if due or stops:
                self._save(state)
            if stops:
                raise PreemptedError(
                    f"stopped as asked, everything is saved; the same command goes on from {self._directory.path}"
                )
            if finished and self._bench.hosts.is_first:
                self._estimate(state.iteration)
        return self._summarize(state) if self._bench.hosts.is_first else None

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
        self._reporter.say(self._learner.describe())

    def _restore(self) -> RunState | None:
        """Go on from the newest whole checkpoint; None for a new directory."""
        cut = checkpoint.latest(self._directory, self._reporter.say, self._bench.hosts)
        if cut is None:
            self._directory.cut_line_files({})
            return None
        self._cut = cut.number
        state = restored_state(self._bench, self._directory, cut)
        self._reporter.say(f"going on from checkpoint {cut.number}, {describe(cut.meta)}")
        return state

    def _begin(self) -> RunState:
        state = first_state(self._bench, self._reporter, self._record)
        self._directory.append("solutions.jsonl", [solution.to_row() for solution in state.solutions])
        self._save(state)
        return state

    def _save(self, state: RunState) -> None:
        self._directory.append("metrics.jsonl", self._rows)
        self._rows.clear()
        self._cut += 1
        save_state(self._bench, self._directory, self._cut, state)

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
        """Write the summary and tell the result."""
        summary = write_summary(self._bench, state, self._directory)
        tell_summary(self._bench, state, summary, self._reporter)
        took = format_seconds(time.perf_counter() - self._start)
        self._reporter.say(f"this call took {took}; run directory: {self._directory.path}")
        self._reporter.say(
            "next: the same command with a larger num_meta_iterations=N goes on from here; "
            "solutions.jsonl holds every program found"
        )
        return summary
