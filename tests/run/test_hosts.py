"""Twin and fault tests of runs of several processes: what one process comes to, they come to together, or all end."""

import signal
import socket
import time

import numpy as np
import pytest

from codeit_jax.storage.run_directory import RunDirectory
from tests.run.tiny_run import Ended, newest, read_json, rows_of, state_of

pytestmark = pytest.mark.timeout(900)  # each run here compiles for a mesh of its own

HEARTBEAT = 3  # where a process is to be lost; elsewhere a busy machine must not look like one that died
FLOATS = {"loss", "final_loss", "mean_log_prob"}
# Sums over devices are rounded in another order; twenty-eight steps at a rate of 0.01 make the most of it.
TOLERANCE = 1e-5


def start_all(tiny, directory, count, *settings, own_settings=None, faults=None, heartbeat=20):
    """Start the processes of one run on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = [f"hardware.coordinator=127.0.0.1:{port}", f"hardware.num_processes={count}", *settings]
    shared.append(f"hardware.heartbeat_seconds={heartbeat}")
    processes = []
    for index in range(count):
        own = [f"hardware.process_id={index}", *(own_settings or {}).get(index, [])]
        environment = {"CODEIT_JAX_FAULT": faults[index]} if faults and index in faults else {}
        processes.append(tiny.start(directory, *shared, *own, **environment))
    return processes


def wait_all(processes):
    """Return how the processes ended; none outlives this."""
    ended = []
    try:
        for process in processes:
            out, err = process.communicate(timeout=280)
            ended.append(Ended(process.returncode, out, err))
    finally:
        for process in processes:
            process.kill()
    return ended


def run_all(*arguments, **options):
    return wait_all(start_all(*arguments, **options))


def assert_same_run(directory, whole):
    """Compare two finished runs: what was found exactly, what was computed up to rounding."""
    assert (directory / "solutions.jsonl").read_bytes() == (whole / "solutions.jsonl").read_bytes()
    for row, wanted in zip(rows_of(directory, "metrics.jsonl"), rows_of(whole, "metrics.jsonl"), strict=True):
        assert row.keys() == wanted.keys()
        for key, value in wanted.items():
            if key in FLOATS:
                assert row[key] == pytest.approx(value, abs=TOLERANCE), (row["iteration"], row["stage"], key)
            else:
                assert row[key] == value, (row["iteration"], row["stage"], key)
    state, wanted_state = state_of(directory), state_of(whole)
    assert state.keys() == wanted_state.keys()
    for name, array in state.items():
        np.testing.assert_allclose(array, wanted_state[name], rtol=0, atol=TOLERANCE, err_msg=name)


def test_two_processes_come_to_what_one_does(tiny, whole_process, tmp_path):
    first, second = run_all(tiny, tmp_path, 2)
    assert (first.code, first.err, second.code, second.err) == (0, "", 0, "")
    assert read_json(first.out.splitlines()[-1])["seed"] == 0
    assert "{" not in second.out
    assert_same_run(tmp_path, whole_process[0])
    assert len(list((tmp_path / "replay" / str(newest(tmp_path))).glob("replay-*-of-2.bin"))) == 2


@pytest.mark.dist
def test_four_processes_that_share_the_weights_come_to_what_one_does(tiny, whole_process, tmp_path):
    ended = run_all(tiny, tmp_path, 4, "hardware.fsdp=2")
    assert [(each.code, each.err) for each in ended] == [(0, "")] * 4
    assert_same_run(tmp_path, whole_process[0])


def test_processes_with_different_settings_all_end(tiny, tmp_path):
    ended = run_all(tiny, tmp_path, 2, own_settings={1: ["training.learning_rate=0.5"]})
    difference = "training.learning_rate is 0.5 in process 1, expected 0.01 as in process 0"
    assert [(each.code, each.err) for each in ended] == [
        (2, f"error: process {index} of 2: {difference}\n") for index in range(2)
    ]


@pytest.mark.dist
def test_an_error_of_one_process_ends_all(tiny, tmp_path):
    holder = RunDirectory(tmp_path, "train")
    ended = run_all(tiny, tmp_path, 2)
    holder.close()
    assert [each.code for each in ended] == [5, 5]
    assert ended[0].err == ended[1].err
    assert ended[0].err.startswith(f"error: process 0 of 2: {tmp_path}: in use by pid ")
    assert ended[0].err.count("\n") == 1


@pytest.mark.dist
def test_processes_that_do_not_find_each_other_end(tiny, tmp_path):
    settings = ("hardware.coordinator=127.0.0.1:1", "hardware.num_processes=2", "hardware.start_seconds=2")
    ended = tiny.process(tmp_path, *settings, "hardware.process_id=1")
    problem = "the processes don't find each other, expected 2 processes within 2 s"
    assert (ended.code, ended.err) == (6, f"error: hardware.coordinator is '127.0.0.1:1': {problem}\n")


@pytest.mark.dist
def test_a_process_that_fails_ends_with_its_own_code_and_the_other_with_the_same(tiny, tmp_path):
    for index in (0, 1):
        ended = run_all(tiny, tmp_path / str(index), 2, faults={index: "replay:2:enospc"})
        assert [each.code for each in ended] == [4, 4]
        assert ended[0].err == ended[1].err
        assert ended[0].err.startswith(f"error: process {index} of 2: ")
        assert ended[0].err.count("\n") == 1


@pytest.mark.dist
def test_processes_that_died_or_were_stopped_go_on_together_or_alone(tiny, whole_process, tmp_path):
    first, second = run_all(tiny, tmp_path, 2, faults={1: "learn:23"}, heartbeat=HEARTBEAT)
    assert (first.code, second.code) == (6, -signal.SIGKILL)
    assert first.err.startswith(f"error: process 1 has been silent for {HEARTBEAT} s ")
    assert first.err.count("\n") == 1
    for number, count in enumerate((2, 4)):
        ended = run_all(tiny, tmp_path, count, faults={number: "learn:1:term"})
        sentence = f"error: stopped as asked, everything is saved; the same command resumes from {tmp_path}\n"
        assert [(each.code, each.err) for each in ended] == [(75, sentence)] * count
    assert tiny.process(tmp_path).code == 0
    assert_same_run(tmp_path, whole_process[0])


@pytest.mark.dist
@pytest.mark.parametrize(
    ("victim", "blow"), [(0, signal.SIGKILL), (1, signal.SIGKILL), (0, signal.SIGSTOP), (1, signal.SIGSTOP)]
)
def test_a_lost_process_ends_the_other_in_time(tiny, whole_process, tmp_path, victim, blow):
    processes = start_all(tiny, tmp_path, 2, heartbeat=HEARTBEAT)
    try:
        while not (tmp_path / "checkpoints" / "1.sha256").exists():
            time.sleep(0.05)
        processes[victim].send_signal(blow)
        start = time.monotonic()
        survivor = processes[1 - victim]
        _, error = survivor.communicate(timeout=60)
        seconds = time.monotonic() - start
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert seconds < HEARTBEAT + 5
    if (victim, blow) == (0, signal.SIGKILL):
        # JAX itself ends a process whose coordinator's connection was closed, before anything else can.
        assert survivor.returncode == -signal.SIGABRT
        assert "another task died" in error
    else:
        assert survivor.returncode == 6
        assert error.startswith(f"error: process {victim} has been silent for {HEARTBEAT} s ")
        assert error.count("\n") == 1
    assert [ended.code for ended in run_all(tiny, tmp_path, 2)] == [0, 0]
    assert_same_run(tmp_path, whole_process[0])
