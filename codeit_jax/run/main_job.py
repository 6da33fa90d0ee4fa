"""The main job: set up or resume, meta-iterations, checkpoints, summary."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import jax

from codeit_jax.config.errors import PreemptedError, UserError
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.config.loading import changed_settings, from_yaml, to_yaml
from codeit_jax.config.schema import Config
from codeit_jax.parallel.distributed import initialize
from codeit_jax.parallel.host_pool import HostPool
from codeit_jax.parallel.hosts import Hosts
from codeit_jax.reporting.progress import Reporter, format_seconds
from codeit_jax.run.checkpointing import describe, first_state, restored_state, save_state
from codeit_jax.run.components import Components, build_components, prepare_runtime
from codeit_jax.run.first_stage import remove_first_stage
from codeit_jax.run.meta_iteration import meta_iteration
from codeit_jax.run.monitor import Monitor
from codeit_jax.run.provenance import check_config
from codeit_jax.run.state import RunState
from codeit_jax.run.stopping import StopRequest
from codeit_jax.run.summary import print_summary, write_summary
from codeit_jax.storage import checkpoint
from codeit_jax.storage.run_directory import RunDirectory, tell_who_died
from codeit_jax.training.throughput import StepTrace


def train(
    config: Config, run_directory: Path, reporter: Reporter, stop: StopRequest | None = None
) -> dict[str, Any] | None:
    """Do the main job, or resume it where the directory's last checkpoint is.

    Args:
        config: the run's configuration.
        run_directory: created if missing; the same folder for all processes of a run.
        reporter: shows progress.
        stop: asked at every point where the run can stop; None for a run that nobody stops.

    Returns:
        The summary that is also written to `summary.json`; None in all processes of a run but the first.

    Raises:
        CodeitError: see its subclasses for what can go wrong and how the command exits.
    """
    start = time.perf_counter()
    stop = stop or StopRequest()
    # The lock is taken before JAX looks for its devices, which takes seconds: who finds it taken sees that at once.
    with (
        initialize(config.hardware) as hosts,
        closing(reporter),
        closing(RunDirectory(run_directory, "train", writes=hosts.is_first)) as directory,
    ):
        stop.join(hosts)
        _open_directory(config, directory, hosts, reporter)
        prepare_runtime(config.hardware)
        _check_equal_settings(config, directory, hosts)
        stop.end_if_asked()
        with HostPool(hosts, config.interpreter.num_workers, limits_from_config(config.interpreter)) as pool:
            trace = StepTrace(config.hardware, directory.path / "profile", reporter.say)
            parts = build_components(config, pool, hosts, trace)
            monitor = Monitor(reporter, stop.at, directory.append)
            _introduce(parts, reporter)
            stop.end_if_asked()
            saver = _Saver(parts, directory, monitor)
            # The first state is saved at once: nobody makes it a second time.
            state = saver.restore() or saver.save(first_state(parts, directory, monitor))
            if hosts.is_first:
                remove_first_stage(directory)
            while state.iteration < config.num_meta_iterations:
                before = state.iteration
                state = meta_iteration(state, parts, monitor)
                # Every process votes after every call, whatever it returned: all make the same exchanges.
                finished, stops = state.iteration > before, stop.vote()
                if stops or (finished and saver.is_due(state)):
                    saver.save(state)
                if stops:
                    raise PreemptedError(
                        f"stopped as asked, everything is saved; the same command resumes from {directory.path}"
                    )
                if finished and hosts.is_first:
                    _estimate(state, config, directory, reporter)
            if not hosts.is_first:
                return None
            summary = write_summary(parts, state, directory)
            print_summary(parts, state, summary, reporter.say)
            _print_next(directory, time.perf_counter() - start, reporter)
            return summary


def _open_directory(config: Config, directory: RunDirectory, hosts: Hosts, reporter: Reporter) -> None:
    """Write the configuration and open the log; only the first process has them, and prints."""
    if not hosts.is_first:
        reporter.mute()
        return
    reporter.open_log(directory.path / "log.txt")
    tell_who_died(directory.left_by, reporter.say)
    changes = check_config(config, directory, reporter.say)
    directory.write("config.yaml", to_yaml(config))
    for key, (old, new) in changes.items():
        reporter.say(f"{key} is now {new!r}, was {old!r}")


def _check_equal_settings(config: Config, directory: RunDirectory, hosts: Hosts) -> None:
    """Compare the processes' settings, and check that they share the run directory."""
    if hosts.count == 1:
        return
    first, *others = [from_yaml(text.decode()) for text in hosts.exchange(to_yaml(config).encode())]
    for index, other in enumerate(others, start=1):
        for key, (wanted, found) in changed_settings(first, other).items():
            # These two are a process's own; any other would let the processes draw or compile different things, and
            # the first sign of it would be a collective operation that never ends.
            if key not in ("hardware.process_id", "interpreter.num_workers"):
                raise UserError(f"{key} is {found!r} in process {index}, expected {wanted!r} as in process 0")
    # The first process wrote it before the exchange above.
    if not (directory.path / "config.yaml").exists():
        raise UserError(
            f"{directory.path}: without the config.yaml of process 0, expected a folder that all hosts share"
        )


class _Saver:
    """Restores and saves the state of a run, and numbers its checkpoints."""

    def __init__(self, parts: Components, directory: RunDirectory, monitor: Monitor) -> None:
        self._parts = parts
        self._directory = directory
        self._monitor = monitor
        self._number = 0

    def restore(self) -> RunState | None:
        """Resume from the newest whole checkpoint; None for a new directory."""
        saved = checkpoint.latest(self._directory, self._monitor.say, self._parts.hosts)
        if saved is None:
            # A run that was killed before its first checkpoint may have left lines.
            self._directory.cut_line_files({}, self._monitor.say)
            return None
        self._number = saved.number
        state = restored_state(self._parts, self._directory, saved, self._monitor.say)
        self._monitor.say(f"resuming from checkpoint {saved.number}, {describe(saved.meta)}")
        return state

    def is_due(self, state: RunState) -> bool:
        """Return whether the state after a meta-iteration is to be saved; the last one always is."""
        config = self._parts.config
        return state.iteration % config.checkpoint.every == 0 or state.iteration == config.num_meta_iterations

    def save(self, state: RunState) -> RunState:
        """Write a checkpoint with the metrics until here; return the state."""
        # Before the checkpoint, which stores how long the line files are.
        self._monitor.write_metrics()
        self._number += 1
        save_state(self._parts, self._directory, self._number, state)
        return state


def _introduce(parts: Components, reporter: Reporter) -> None:
    """Print what the run is about to do, with what."""
    truncated = sum(prompt.truncated for _, prompt in parts.prompts)
    reporter.say(f"search tasks: {parts.search_tasks!r}")
    reporter.say(f"training tasks: {parts.training_tasks!r}, {len(parts.seeds)} seed programs")
    reporter.say(
        f"policy: {parts.model.num_parameters():,} parameters, {parts.tokenizer.name} tokenizer of "
        f"{parts.tokenizer.vocabulary_size} tokens; {truncated} of {len(parts.prompts)} prompts are truncated to "
        f"{parts.config.text.max_prompt_tokens} tokens; devices: {', '.join(map(str, jax.devices()))}"
    )
    reporter.say(parts.learner.describe())


def _print_next(directory: RunDirectory, seconds: float, reporter: Reporter) -> None:
    """Print how long the run took, and how to continue it."""
    reporter.say(f"this call took {format_seconds(seconds)}; run directory: {directory.path}")
    reporter.say(
        "next: the same command with a larger num_meta_iterations=N resumes from here; "
        "solutions.jsonl holds every program found"
    )


def _estimate(state: RunState, config: Config, directory: RunDirectory, reporter: Reporter) -> None:
    """Print how long the rest will take if it is like the last meta-iteration."""
    left = config.num_meta_iterations - state.iteration
    # Stages reach the file with a checkpoint: between two of them there is nothing to estimate by.
    rows = directory.read("metrics.jsonl")
    seconds = sum(row["t_seconds"] for row in rows if row["iteration"] == state.iteration - 1)
    if left and seconds and state.iteration > 0:
        reporter.say(f"meta-iterations left: {left}, about {format_seconds(left * seconds)}")
