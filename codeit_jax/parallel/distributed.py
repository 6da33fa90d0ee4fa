"""Starting and ending a run of several processes."""

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import jax
from jax._src import distributed as jax_distributed  # the coordinator's store has no public name

from codeit_jax.config.errors import CodeitError, LostProcessError, PreemptedError, UserError, first_line
from codeit_jax.config.schema import HardwareConfig
from codeit_jax.parallel.hosts import ALONE, Hosts, KeyValueStore
from codeit_jax.parallel.watch import Watch, leave_at_once

AUTO = "auto"
_GRACE_SECONDS = 30  # that JAX's own timeouts leave to ours, which end with a line instead of a C++ stack


@contextmanager
def initialize(config: HardwareConfig) -> Iterator[Hosts]:
    """Initialize JAX for the other processes of the run, if it has any; must run before JAX computes anything.

    On leaving, all processes leave together: as soon as one fails, or goes silent, all end with its exit code and one
    line that names it. An error therefore doesn't leave this context in a run of several processes, but for
    `PreemptedError`, which all have agreed on.

    Raises:
        UserError: the settings don't fit together, or the processes don't find each other.
    """
    if config.coordinator is None:
        _refuse_leftovers(config)
        yield ALONE
        return
    _connect(config)
    state = jax_distributed.global_state  # jax.process_index() would start the backends
    store = cast(KeyValueStore, state.client)  # which is there once the processes are connected
    hosts = Hosts(state.process_id, state.num_processes, store)
    watch = Watch(store, hosts.index, hosts.count, config.heartbeat_seconds)
    watch.start()
    try:
        yield hosts
    except PreemptedError:
        _part(hosts, watch)
        raise
    except BaseException as error:
        _abandon(hosts, watch, error)
    _part(hosts, watch)


def _part(hosts: Hosts, watch: Watch) -> None:
    # All have to be here before one leaves: whoever still computes would take it for a lost process.
    hosts.wait()
    watch.stop()
    jax.distributed.shutdown()


def _abandon(hosts: Hosts, watch: Watch, error: BaseException) -> None:
    """End this process and, by a failure message, all others."""
    name = f"process {hosts.index} of {hosts.count}"
    if isinstance(error, CodeitError):
        code, line = error.exit_code, f"{name}: {error}"
    elif isinstance(error, KeyboardInterrupt):
        code, line = 130, f"{name}: interrupted before there was anything to save"
    else:
        watch.wait_for_monitor()  # JAX reports a lost peer as an error of whatever was waiting for it
        traceback.print_exception(error)
        code, line = 1, f"{name}: {type(error).__name__}"
    watch.send_failure(code, line)
    leave_at_once(code, line)


def _refuse_leftovers(config: HardwareConfig) -> None:
    for field in ("num_processes", "process_id"):
        value = getattr(config, field)
        if value is not None:
            raise UserError(
                f"hardware.{field} is {value} but hardware.coordinator isn't set, "
                "expected host:port of process 0 or 'auto'"
            )


def _connect(config: HardwareConfig) -> None:
    if config.coordinator != AUTO:
        _check(config)
    expected = f"expected {config.num_processes or 'all'} processes within {config.start_seconds} s"
    problem = f"hardware.coordinator is {config.coordinator!r}: the processes don't find each other, {expected}"
    # JAX's own timeout would abort with a stack of C++, so this one fires first.
    timer = threading.Timer(config.start_seconds, leave_at_once, (LostProcessError.exit_code, problem))
    timer.daemon = True
    timer.start()
    # JAX's preemption service would take SIGTERM for itself, and stop nothing: ours saves a checkpoint.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            None if config.coordinator == AUTO else config.coordinator,
            config.num_processes,
            config.process_id,
            # "deactivate": an address was given, so no cluster environment may say otherwise.
            cluster_detection_method=None if config.coordinator == AUTO else "deactivate",
            initialization_timeout=config.start_seconds + _GRACE_SECONDS,
            # The watch strikes first, with a line of its own; this is for a process whose watch is stuck too.
            heartbeat_timeout_seconds=2 * config.heartbeat_seconds + _GRACE_SECONDS,
        )
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{problem} ({first_line(error)})") from None
    finally:
        timer.cancel()


def _check(config: HardwareConfig) -> None:
    host, _, port = (config.coordinator or "").rpartition(":")
    if not host or not port.isdecimal():
        raise UserError(f"hardware.coordinator is {config.coordinator!r}, expected host:port or 'auto'")
    if config.num_processes is None or config.process_id is None:
        missing = "num_processes" if config.num_processes is None else "process_id"
        raise UserError(f"hardware.{missing} isn't set, expected a number since hardware.coordinator names a port")
    if config.process_id >= config.num_processes:
        raise UserError(
            f"hardware.process_id is {config.process_id}, expected less than hardware.num_processes, "
            f"{config.num_processes}"
        )
