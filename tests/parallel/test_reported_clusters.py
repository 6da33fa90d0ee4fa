"""Slurm, MPI and coordinators from public reports: what a process takes for its place, exact; nothing is started."""

import os
import socket

import pytest

from codeit_jax.config.errors import MAX_LINE, UserError, error_line
from codeit_jax.config.schema import HardwareConfig
from codeit_jax.parallel.distributed import bind_address, place_of

SLURM = {
    "SLURM_JOB_ID": "4242",
    "SLURM_STEP_NODELIST": "localhost",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "0",
    "SLURM_STEP_NUM_NODES": "2",
}
MPI = {
    "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911",
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Return a function that sets variables, with none of a cluster around."""
    for name in list(os.environ):
        if name.startswith(("SLURM", "OMPI", "PMI", "TPU", "JAX_COORDINATOR", "JAX_LOCAL", "KUBERNETES")):
            monkeypatch.delenv(name)
    return lambda variables: [monkeypatch.setenv(name, value) for name, value in variables.items()]


def place(**settings):
    return place_of(HardwareConfig(**{"coordinator": "auto", **settings}))


@pytest.mark.parametrize(
    ("address", "missing"),
    [
        ("https://github.com/jax-ml/jax/issues/30073", ("SLURM_STEP_NODELIST", "SLURM_STEP_NUM_NODES")),
        ("https://github.com/marin-community/levanter/pull/1043", ("SLURM_STEP_NODELIST",)),
        ("https://github.com/jax-ml/jax/pull/12152", tuple(SLURM)),
    ],
)
def test_part_of_a_cluster_is_told_with_what_to_do(environment, address, missing):
    environment({name: value for name, value in SLURM.items() if name not in missing})
    with pytest.raises(UserError, match="no cluster was recognized.* srun .*hardware.process_id") as caught:
        place()
    assert len(error_line(caught.value)) < MAX_LINE


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        *((SLURM, name) for name in ("SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID")),
        (MPI, "OMPI_COMM_WORLD_RANK"),
    ],
)
def test_the_variable_that_a_cluster_lacks_is_named(environment, variables, missing):
    """https://github.com/jax-ml/jax/issues/30073: a shell on a node has some of them only."""
    environment({name: value for name, value in variables.items() if name != missing})
    with pytest.raises(UserError, match=missing):
        place()


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/jax-ml/jax/issues/16788",
        "https://github.com/AI-Hypercomputer/maxtext/issues/865",
        "https://github.com/AI-Hypercomputer/maxtext/issues/3433",
    ],
)
def test_a_process_alone_on_its_node_has_all_devices(environment, address):
    environment(SLURM)
    found = place()
    assert (found.count, found.index, found.devices) == (2, 1, [])


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/jax-ml/jax/issues/23452",
        "https://github.com/jax-ml/jax/issues/28194",
        "https://github.com/jax-ml/jax/issues/12533",
    ],
)
def test_processes_that_share_a_node_have_a_device_each(environment, address):
    environment(SLURM | {"SLURM_STEP_NUM_NODES": "1", "SLURM_LOCALID": "1"})
    assert place().devices == [1]


@pytest.mark.parametrize(
    ("address", "variables", "devices"),
    [
        ("https://github.com/jax-ml/jax/pull/13929", {}, []),
        ("https://github.com/open-mpi/ompi/issues/13323", {"OMPI_COMM_WORLD_LOCAL_SIZE": "2"}, [0]),
        ("https://github.com/jax-ml/jax/pull/22373", {"JAX_LOCAL_DEVICE_IDS": "0,1"}, None),
    ],
)
def test_processes_of_mpi_likewise(environment, address, variables, devices):
    environment(MPI | variables)
    found = place()
    assert (found.count, found.index, found.devices) == (2, 1, devices)


def test_what_the_settings_say_counts_in_a_cluster_too(environment):
    """https://github.com/jax-ml/jax/issues/30073: whoever gives all three needs no cluster."""
    environment(SLURM)
    found = place(coordinator="10.0.0.5:8476", num_processes=4, process_id=3)
    assert (found.address, found.count, found.index, found.devices) == ("10.0.0.5:8476", 4, 3, None)


def resolve(monkeypatch, address):
    def getaddrinfo(host, port):
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        except OSError:
            if address is None:
                raise socket.gaierror("no such name") from None
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    ("report", "coordinator", "resolved", "expected"),
    [
        # By default JAX listens on all interfaces; a name that resolves to one is bound to that one.
        ("https://github.com/jax-ml/jax/pull/20562", "10.0.0.5:8476", None, "10.0.0.5:8476"),
        ("https://github.com/uwescience/myria/issues/161", "node1:8476", "10.0.0.5", "node1:8476"),
        ("https://github.com/jax-ml/jax/pull/13944", "localhost:8476", "127.0.0.1", "localhost:8476"),
        ("https://github.com/jax-ml/jax/pull/13944", "127.0.0.1:8476", None, "127.0.0.1:8476"),
        # A name that its own machine keeps on the loopback says nothing of the interface that the others use.
        ("https://github.com/dmtcp/dmtcp/issues/21", "node1:8476", "127.0.1.1", "[::]:8476"),
        ("https://github.com/datastax/cstar_perf/pull/170", "[fd00::5]:8476", None, "[fd00::5]:8476"),
    ],
)
def test_the_coordinator_listens_where_the_others_look_for_it(monkeypatch, report, coordinator, resolved, expected):
    resolve(monkeypatch, resolved)
    assert bind_address(coordinator) == expected
