"""Starting and ending a run of several processes."""

import ipaddress
import os
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import jax
from jax._src import distributed as jax_distributed  # the coordinator's store has no public name
from jax._src.clusters import ClusterEnv  # nor has what recognizes a cluster

from codeit_jax.config.errors import CodeitError, LostProcessError, PreemptedError, UserError, first_line
from codeit_jax.config.schema import HardwareConfig
from codeit_jax.parallel.hosts import ALONE, Hosts, KeyValueStore
from codeit_jax.parallel.watch import Watch, leave_at_once

AUTO = "auto"
_SLURM_JOB = "SLURM_JOB_ID"
_SLURM_VARIABLES = ("SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID")
"""What `srun` sets and a shell that was opened on a node lacks; JAX needs all of them."""

BIND_VARIABLE = "JAX_COORDINATOR_BIND_ADDRESS"
"""JAX's own variable for where process 0 listens, for hosts behind a translated address."""

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
    place = place_of(config)
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
            place.address,
            place.count,
            place.index,
            place.devices,
            # All is known here, so no cluster environment may say otherwise.
            cluster_detection_method="deactivate",
            coordinator_bind_address=os.environ.get(BIND_VARIABLE) or bind_address(place.address),
            initialization_timeout=config.start_seconds + _GRACE_SECONDS,
            # The watch strikes first, with a line of its own; this is for a process whose watch is stuck too.
            heartbeat_timeout_seconds=2 * config.heartbeat_seconds + _GRACE_SECONDS,
        )
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{problem} ({first_line(error)})") from None
    finally:
        timer.cancel()


@dataclass(frozen=True)
class Place:
    """Where this process stands among those of the run: the coordinator's address, how many, which one, its devices."""

    address: str
    count: int
    index: int
    devices: list[int] | None


def place_of(config: HardwareConfig) -> Place:
    """Return what the settings say, or, for those left out with `auto`, the cluster's environment."""
    if config.coordinator != AUTO:
        return Place(cast(str, config.coordinator), cast(int, config.num_processes), cast(int, config.process_id), None)
    unset = [name for name in _SLURM_VARIABLES if name not in os.environ] if _SLURM_JOB in os.environ else []
    detail = f" ({unset[0]} isn't set)" if unset else ""
    problem = f"hardware.coordinator is {AUTO!r} but no cluster was recognized"
    expected = "expected a Cloud TPU, srun or mpirun, or host:port, hardware.num_processes and hardware.process_id"
    try:
        address, count, index, devices = ClusterEnv.auto_detect_unset_distributed_params(
            None, config.num_processes, config.process_id, None, None, config.start_seconds
        )
    except (KeyError, ValueError, RuntimeError) as error:
        raise UserError(f"{problem} ({type(error).__name__}: {first_line(error)}), {expected}") from None
    if address is None or count is None or index is None:
        raise UserError(f"{problem}{detail}, {expected}")
    # JAX gives each process under Slurm and MPI one device, the one of its number on the host; a process that is alone
    # on its host has them all.
    if "JAX_LOCAL_DEVICE_IDS" in os.environ:
        devices = None  # for JAX to read it
    elif _alone_on_host():
        devices = []
    return Place(address, count, index, None if devices is None else list(devices))


def _alone_on_host() -> bool:
    """Return whether the cluster's environment says that it started one process on each host."""
    environment = os.environ
    if "OMPI_COMM_WORLD_LOCAL_SIZE" in environment:
        return environment["OMPI_COMM_WORLD_LOCAL_SIZE"] == "1"
    tasks, nodes = environment.get("SLURM_NTASKS"), environment.get("SLURM_STEP_NUM_NODES")
    return tasks is not None and tasks == nodes


def bind_address(coordinator: str) -> str:
    """Return where process 0 listens: on the interface of the address that the others are given, not on all of them.

    The coordinator has no password: whoever reaches its port can end the run. A name that this machine keeps for
    itself, as Debian does with 127.0.1.1, says nothing of its interfaces; then it is all of them.

    Args:
        coordinator: `host:port`.
    """
    host, _, port = coordinator.rpartition(":")
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host.strip("[]"), None)}
    except OSError:
        found = set()
    is_local = host.strip("[]") in ("localhost", *found)
    return coordinator if is_local or not any(map(_is_loopback, found)) else f"[::]:{port}"


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


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
