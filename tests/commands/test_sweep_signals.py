"""Fault tests of `sweep`: a run that is killed is told, and a sweep that is stopped leaves no run behind."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

SWEEP = [sys.executable, "-m", "codeit_jax", "sweep", "--config", "smoke", "seed=0,1"]


def environment(**variables):
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}


def test_a_killed_run_is_an_exit_code(tmp_path):
    command = [*SWEEP, "--runs", str(tmp_path), "--json", "hardware.compilation_cache=null"]
    fault = environment(CODEIT_JAX_FAULT="run.json:1")
    ended = subprocess.run(command, env=fault, capture_output=True, text=True, timeout=250)
    assert ended.returncode == 128 + signal.SIGKILL
    rows = json.loads(ended.stdout.splitlines()[-1])["runs"]
    assert [row["exit_code"] for row in rows] == [137, 137]


@pytest.mark.fault
@pytest.mark.parametrize("blow", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stopped_sweep_stops_its_runs_and_waits_for_them(tmp_path, blow):
    command = [*SWEEP, "--runs", str(tmp_path), "--jobs", "2", f"hardware.compilation_cache={tmp_path}/cache"]
    started = [tmp_path / f"seed{seed}" / "first_stage" / "mutants.jsonl" for seed in (0, 1)]
    done = [tmp_path / f"seed{seed}" / "checkpoints" / "1.sha256" for seed in (0, 1)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True, process_group=0)
    try:
        while not all(a.exists() or b.exists() for a, b in zip(started, done, strict=True)):
            assert process.poll() is None
            time.sleep(0.1)
        # To the whole group, as a terminal does: the runs are no part of it.
        os.killpg(process.pid, blow)
        _, error = process.communicate(timeout=250)
    finally:
        process.kill()
    assert process.returncode == 75, error
    assert "Traceback" not in error
    assert error.count("stopped as asked") == 2
    last = error.splitlines()[-1]
    assert last == "error: stopped, and its runs too, after saving; the same command resumes them"
    for seed in (0, 1):  # given back, so ended
        assert (tmp_path / f"seed{seed}" / "LOCK").read_text() == ""
