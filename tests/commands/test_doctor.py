"""Contract tests of `doctor`: JSON keys and exit codes on this machine; exact tests of checks on made-up machines."""

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import interpreter
from codeit_jax.cli import main
from codeit_jax.commands import doctor

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "jax": "0.10.2",
    "jaxlib": "0.10.2",
    "flax": "0.12.8",
    "optax": "0.2.8",
    "orbax-checkpoint": "0.12.3",
    "numpy": "2.4.6",
}
NEWER = {**GOOD, "jax": "0.12.0.1", "jaxlib": "0.12.0", "flax": "0.12.12"}


def test_this_machine_is_fit_and_nothing_is_left_behind(tmp_path, capsys):
    assert main(["doctor", "--run-dir", str(tmp_path / "a" / "b"), "--json"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out.splitlines()[-1])
    assert set(report) == {"fit", "checks"}
    assert report["fit"] is True
    names = {check["name"] for check in report["checks"]}
    assert {"python", "packages", "devices", "memory", "disk", "descriptors"} <= names
    assert {"run directory", "interpreter", "self-test", "sandbox"} <= names
    assert all(set(check) == {"name", "status", "detail"} for check in report["checks"])
    assert captured.err.count("\n") == len(report["checks"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("versions", [GOOD, NEWER, {**GOOD, "jax-cuda13-plugin": "0.10.2", "libtpu": "0.0.42"}])
def test_versions_that_work_together(versions):
    [check] = doctor.check_versions(versions)
    assert check.status == "ok"
    assert all(f"{name} {version}" in check.detail for name, version in versions.items())


@pytest.mark.parametrize(
    ("changed", "status", "needle"),
    [
        ({**NEWER, "flax": "0.12.8"}, "bad", "flax is 0.12.8 and jax 0.12.0.1"),
        ({**NEWER, "jax": "0.11.1", "jaxlib": "0.11.1", "flax": "0.12.8"}, "bad", "flax is 0.12.8 and jax 0.11.1"),
        ({"jaxlib": "0.10.3"}, "bad", "jaxlib is 0.10.3, expected that of jax 0.10.2"),
        ({"jax": "0.11.0"}, "bad", "jaxlib is 0.10.2, expected that of jax 0.11.0"),
        ({"jax-cuda13-plugin": "0.10.1"}, "bad", "jax-cuda13-plugin is 0.10.1, expected 0.10.2"),
        ({"orbax-checkpoint": "0.11.9"}, "bad", "orbax-checkpoint is 0.11.9, expected 0.12.3 or newer"),
        ({"optax": "0.3.0rc1"}, "warn", "optax is 0.3.0rc1"),
    ],
)
def test_versions_that_do_not_work_together(changed, status, needle):
    [check] = doctor.check_versions({**GOOD, **changed})
    assert check.status == status
    assert needle in check.detail


def test_a_flax_that_works_with_the_last_jax_before_the_break_is_not_blamed():
    assert doctor.check_versions({**GOOD, "jax": "0.11.0", "jaxlib": "0.11.0"})[0].status == "ok"


def test_missing_packages_are_named_without_looking_further():
    [check] = doctor.check_versions({"jax": "0.10.2", "numpy": "2.4.6"})
    assert check.status == "bad"
    assert check.detail.startswith("jaxlib, flax, optax, orbax-checkpoint not installed")


def test_the_tried_versions_are_those_of_the_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    bounds = {}
    for line in setup["options"]["install_requires"].splitlines():
        if match := re.match(r"([a-z-]+)>=([0-9.]+),<([0-9.]+)", line):
            bounds.setdefault(match[1], match.groups()[1:])
    assert doctor.TRIED.items() <= bounds.items()


@pytest.mark.parametrize(
    ("text", "status", "needle"),
    [
        ("MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\n", "ok", "16.0 of 32.0 GiB free"),
        ("MemTotal: 33554432 kB\nMemAvailable: 1048576 kB\n", "warn", "1.0 of 32.0 GiB free, expected 2 GiB"),
        ("nothing of use\n", "ok", "unknown"),
    ],
)
def test_memory(tmp_path, text, status, needle):
    (tmp_path / "meminfo").write_text(text)
    check = doctor.check_memory(tmp_path / "meminfo")
    assert check.status == status
    assert needle in check.detail


@pytest.mark.parametrize(("limit", "status"), [(256, "warn"), (1024, "ok"), (-1, "ok")])
def test_descriptors(limit, status):
    assert doctor.check_descriptors(limit).status == status


@pytest.mark.parametrize(("free", "status"), [(1 << 30, "warn"), (1 << 33, "ok")])
def test_disk(tmp_path, monkeypatch, free, status):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": free}))
    assert doctor.check_disk(tmp_path).status == status


@pytest.mark.parametrize("function", ["fcntl.flock", "os.fsync", "os.truncate"])
def test_a_folder_that_lacks_an_operation_is_bad(tmp_path, monkeypatch, function):
    def refuse(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(function, refuse)
    check = doctor.check_run_directory(tmp_path)
    assert check.status == "bad"
    assert "Operation not supported" in check.detail
    assert list(tmp_path.iterdir()) == []


def test_a_platform_that_is_not_there_is_bad_and_one_line(monkeypatch):
    def refuse():
        raise RuntimeError("Unable to initialize backend 'tpu'\nand more")

    monkeypatch.setattr("jax.devices", refuse)
    [check] = doctor.check_devices()
    assert check == ("devices", "bad", "RuntimeError: Unable to initialize backend 'tpu'")


def test_another_package_called_interpreter_is_bad(tmp_path):
    """In a process of its own, where the other package comes first; its code never runs."""
    (tmp_path / "interpreter").mkdir()
    (tmp_path / "interpreter" / "__init__.py").write_text("raise SystemExit('imported')")
    code = "from codeit_jax.commands.doctor import check_interpreter; print(check_interpreter())"
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; {code}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'bad'" in result.stdout
    assert f"finds {tmp_path}/interpreter/__init__.py, expected {ROOT}/interpreter/__init__.py" in result.stdout


def test_a_self_test_that_goes_wrong_is_bad(monkeypatch, capsys):
    class WrongPool(interpreter.InterpreterPool):
        def run(self, jobs, on_progress=None):
            return [[[interpreter.Outcome(interpreter.Status.OK, ((9,),), "")]] * 3]

    monkeypatch.setattr(interpreter, "InterpreterPool", WrongPool)
    package, test = doctor.check_interpreter()
    assert (package.status, test.name, test.status) == ("ok", "self-test", "bad")
    assert main(["doctor"]) == 2
    assert re.search(r"^bad +self-test", capsys.readouterr().out, re.MULTILINE)


def test_workers_that_do_not_start_are_bad(monkeypatch):
    class DeadPool(interpreter.InterpreterPool):
        def run(self, jobs, on_progress=None):
            raise interpreter.PoolError("10 workers in a row died before they were ready")

    monkeypatch.setattr(interpreter, "InterpreterPool", DeadPool)
    assert doctor.check_interpreter()[1] == ("self-test", "bad", "10 workers in a row died before they were ready")
