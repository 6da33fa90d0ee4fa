"""Exact tests of what runs on a TPU host, with a fake codeit-jax and a fake root: exit codes, joining, formatting."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "tpu_scripts"

# Counts its starts, says its arguments, waits for the file `go` beside the run directory and exits with its content.
FAKE_TRAINING = r"""#!/usr/bin/env bash
echo start >>starts
printf '<%s>' "$@"
echo
until [[ -e go ]]; do sleep 0.05; done
exit "$(<go)"
"""


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path):
    """Return a checkout on a host, with nothing in it but the scripts."""
    shutil.copytree(SCRIPTS, tmp_path / "checkout" / "tpu_scripts")
    return tmp_path / "checkout"


@pytest.fixture
def host(tmp_path, checkout):
    """Return the folder of run directories on a host whose codeit-jax is the fake, and the command that runs there."""
    write_program(checkout / ".venv" / "bin" / "codeit-jax", FAKE_TRAINING)
    runs = tmp_path / "runs"
    runs.mkdir()
    return runs, [checkout / "tpu_scripts" / "run_all_workers.sh", runs / "codeit", "--seed", "1", "a=two words"]


def wait_for(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited 60 s in vain")


@pytest.mark.parametrize("code", [0, 2, 75])
def test_a_host_runs_the_training_and_exits_with_its_code(host, code):
    runs, command = host
    (runs / "go").write_text(str(code))
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == code
    settings = f"<hardware.platform=tpu><hardware.compilation_cache={runs}/xla_cache>"
    assert f"<train>{settings}<--seed><1><a=two words><--run-dir><{runs}/codeit>" in result.stdout
    assert result.stdout in next((runs / "codeit").glob("worker-*.log")).read_text()


def test_a_run_outlives_its_connection_and_is_joined(host):
    """The first caller is killed as a lost connection kills it; the second finds the run going and gets its code."""
    runs, command = host
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    wait_for((runs / "starts").exists)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert second.stdout.readline().startswith("<train>")
    (runs / "go").write_text("3")
    assert second.wait(timeout=60) == 3
    assert (runs / "starts").read_text() == "start\n"


def test_a_host_runs_again_after_the_end(host):
    runs, command = host
    for code in (75, 0):
        (runs / "go").write_text(str(code))
        assert subprocess.run(command, stdout=subprocess.DEVNULL, timeout=60).returncode == code
    assert (runs / "starts").read_text() == "start\nstart\n"


# Notes what would be run as root or with the network; LABELED and DISKS say what the host has.
FAKE_ROOT = r"""#!/usr/bin/env bash
echo "${0##*/} $*" >>"$NOTES"
case "${0##*/} $1" in
    "sudo blkid") printf '%s' "$LABELED" ;;
    "sudo lsblk") printf '%s' "$DISKS" ;;
    "mountpoint --quiet") exit 1 ;;
esac
"""
BOOT_DISK = "/dev/sda disk  gpt\n"


@pytest.fixture
def setup(tmp_path, checkout):
    """Return a function that sets a made-up host up and returns its exit code and what was done to it."""
    for name in ("sudo", "mountpoint", "python3"):
        write_program(tmp_path / "bin" / name, FAKE_ROOT)
    write_program(checkout / ".venv" / "bin" / "codeit-jax", FAKE_ROOT + "exit $FITNESS")

    def setup(*options, disks="", labeled="", fitness=0):
        variables = {"NOTES": str(tmp_path / "notes"), "DISKS": disks, "LABELED": labeled, "FITNESS": str(fitness)}
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        script = checkout / "tpu_scripts" / "setup_tpu_vm.sh"
        code = subprocess.run([script, *options], env={**os.environ, **variables, "PATH": path}).returncode
        return code, (tmp_path / "notes").read_text()

    return setup


def test_an_empty_data_disk_is_formatted_once_and_mounted(setup):
    code, notes = setup(disks=BOOT_DISK + "/dev/sdb disk  \n/dev/loop0 loop squashfs \n")
    assert code == 0
    assert "sudo mkfs.ext4 -q -L codeit-runs /dev/sdb\n" in notes
    assert notes.index("mkfs") < notes.index("sudo mount LABEL=codeit-runs /mnt/runs") < notes.index("uv venv")
    assert notes.splitlines()[-1] == "codeit-jax doctor --run-dir /mnt/runs"


def test_a_data_disk_that_has_runs_is_never_formatted(setup):
    code, notes = setup(disks=BOOT_DISK + "/dev/sdb disk ext4 \n", labeled="/dev/sdb")
    assert code == 0
    assert "mkfs" not in notes
    assert "sudo mount LABEL=codeit-runs /mnt/runs" in notes


@pytest.mark.parametrize("data", ["", "/dev/sdb disk  \n/dev/sdc disk  \n", "/dev/sdb disk ext4 \n"])
def test_without_one_empty_disk_nothing_is_formatted(setup, data):
    code, notes = setup(disks=BOOT_DISK + data)
    assert code == 1
    assert "mkfs" not in notes
    assert "mount " not in notes


def test_a_share_is_mounted_and_nothing_formatted(setup):
    code, notes = setup("--share", "10.0.0.2:/runs", disks=BOOT_DISK + "/dev/sdb disk  \n")
    assert code == 0
    assert "sudo mount -t nfs 10.0.0.2:/runs /mnt/runs" in notes
    assert "mkfs" not in notes


def test_a_host_that_is_not_fit_ends_with_the_code_of_the_doctor(setup):
    code, notes = setup("--no-disk", fitness=2)
    assert code == 2
    assert "sudo" not in notes
