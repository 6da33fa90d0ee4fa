"""Fault tests of whole processes: struck at random moments, starved, in another environment, and for a long time."""

import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from tests.kill_and_compare import Job, assert_comes_to_the_same
from tests.run.tiny_run import read_json, result_of

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

NUM_KILLS, NUM_STOPS = 50, 20
STOP_SECONDS = 30  # what a preempted machine gives
SOAK_ITERATIONS, SOAK_WARM_UP = 250, 50

PROBE = """
import json, os, sys
from codeit_jax import cli
from codeit_jax.run import main_job
meta_iteration, folder = main_job.meta_iteration, sys.argv[1]
def measured(state, parts, monitor):
    state = meta_iteration(state, parts, monitor)
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    files = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
    row = {
        "iteration": state.iteration,
        "memory": pages * os.sysconf("SC_PAGE_SIZE"),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "children": len(open(f"/proc/self/task/{os.getpid()}/children").read().split()),
        "disk": sum(os.path.getsize(file) for file in files if not file.endswith((".jsonl", ".txt"))),
    }
    print(json.dumps(row), file=sys.stderr)
    return state
main_job.meta_iteration = measured
sys.exit(cli.main(sys.argv[2:]))
"""


def job_of(tiny, *settings, **environment):
    """Return the tiny run as a job of the harness."""
    return Job(
        command=lambda folder: tiny.command(folder, *settings),
        result=result_of,
        environment=tiny.environment(**environment),
    )


@pytest.fixture(scope="module")
def undisturbed(tiny, tmp_path_factory, whole_process):
    """The tiny run by itself, timed when everything is compiled."""
    return job_of(tiny).undisturbed(tmp_path_factory.mktemp("undisturbed") / "run")


@pytest.mark.parametrize("number", range(NUM_KILLS))
def test_a_run_killed_at_a_random_moment_ends_like_one_that_was_not(tiny, undisturbed, tmp_path, number):
    moment = random.Random(number).uniform(0.1, 1.0)
    assert_comes_to_the_same(job_of(tiny), tmp_path / "run", undisturbed, [moment])


@pytest.mark.parametrize("number", range(NUM_STOPS))
def test_a_run_stopped_at_a_random_moment_saves_in_time_and_goes_on(tiny, undisturbed, tmp_path, number):
    chance = random.Random(number)
    # From when the command has begun to notice signals; before, the kernel ends it, and nothing is lost either.
    moment, blow = chance.uniform(0.1, 1.0), chance.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    stopped, _ = assert_comes_to_the_same(
        job_of(tiny), tmp_path / "run", undisturbed, [moment], blow, codes=[75, 130, -blow]
    )
    assert (stopped.seconds_after_signal or 0) < STOP_SECONDS
    assert "Traceback" not in stopped.err


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_two_blows_end_a_run_at_once_and_lose_nothing_but_time(tiny, undisturbed, tmp_path, share):
    job = job_of(tiny)
    process = job.start(tmp_path / "run")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(share * undisturbed.seconds)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode in (75, 130, -signal.SIGINT)
    assert "Traceback" not in error
    assert_comes_to_the_same(job, tmp_path / "run", undisturbed, [])


def limit_files(megabytes):
    """Bound the size of files: what a full disk or a quota says, without a disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(megabytes * 2**20), resource.RLIM_INFINITY))


@pytest.mark.parametrize("megabytes", [0.0005, 0.002, 0.01, 0.03, 0.05, 0.1])
def test_a_file_that_may_not_grow_is_one_line(tiny, undisturbed, tmp_path, megabytes):
    job = job_of(tiny, "hardware.compilation_cache=null")
    with subprocess.Popen(
        job.command(tmp_path / "run"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **job.environment},
        preexec_fn=lambda: limit_files(megabytes),
    ) as process:
        _, error = process.communicate(timeout=280)
    assert process.returncode == 4, error
    [line] = error.splitlines()
    assert line.startswith(f"error: {tmp_path}")
    assert "File too large" in line
    assert_comes_to_the_same(job_of(tiny), tmp_path / "run", undisturbed, [])


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounts a file system of its own: for root")
@pytest.mark.parametrize("kilobytes", [40, 150, 300, 500, 700, 900, 1200, 1600])
def test_a_full_disk_is_one_line(tiny, undisturbed, tmp_path, kilobytes):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", disk], check=True)
    try:
        full = job_of(tiny).finish(disk / "run")
        assert full.code == 4, full.err
        [line] = full.err.splitlines()
        assert line.startswith(f"error: {disk}")
        assert "No space left on device" in line
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        assert_comes_to_the_same(job_of(tiny), disk / "run", undisturbed, [])
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1"},
        {"TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONHASHSEED": "random"},
        {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "0"},
    ],
    ids=["east", "C", "Turkish"],
)
def test_time_zone_and_language_change_nothing(tiny, undisturbed, tmp_path, environment):
    assert_comes_to_the_same(job_of(tiny, **environment), tmp_path / "run", undisturbed, [0.5])


def test_a_clock_that_is_set_back_changes_nothing(tiny, whole, tmp_path, monkeypatch):
    # An hour at each look; what measures durations has a clock of its own that nobody sets.
    now = itertools.count(2_000_000_000, -3600)
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    assert tiny(tmp_path / "run").code == 0
    assert result_of(tmp_path / "run") == result_of(whole)


def test_whoever_reads_what_is_printed_may_leave(tiny, undisturbed, tmp_path):
    job = job_of(tiny)
    command = [word for word in job.command(tmp_path / "run") if word not in ("--quiet", "--json")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **job.environment}
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(280) == 0
    assert result_of(tmp_path / "run") == undisturbed.result


def test_a_long_run_grows_no_further(tiny, tmp_path):
    arguments = tiny.command(tmp_path / "run", f"num_meta_iterations={SOAK_ITERATIONS}")[3:]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path / "run"), *arguments],
        env={**os.environ, **tiny.environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [read_json(line) for line in done.stderr.splitlines() if line.startswith("{")]
    first, last = [next(row for row in rows if row["iteration"] == at) for at in (SOAK_WARM_UP, SOAK_ITERATIONS)]
    print(json.dumps({"first": first, "last": last}))
    assert last["memory"] < 1.05 * first["memory"]
    assert last["descriptors"] <= first["descriptors"] + 1
    assert last["children"] == first["children"]
    assert last["disk"] < 1.5 * first["disk"]
