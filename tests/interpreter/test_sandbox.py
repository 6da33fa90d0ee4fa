"""Exact tests of a confined process: what it tries to do is refused wherever the kernel offers the protections."""

import subprocess
import sys
from pathlib import Path

import pytest

import interpreter
from interpreter import InterpreterPool, Job

FOLDER = str(Path(interpreter.__file__).resolve().parent.parent)
CONFINED = """
import ctypes, os, socket, subprocess, sys
sys.path.append(sys.argv[1])
from interpreter.pool.sandbox import confine
readable = os.open(sys.argv[2], os.O_RDWR)
protections = confine(1 << 29)
attempts = {
    "landlock": {
        "open": lambda: open("/etc/passwd"),
        "list": lambda: os.listdir("/"),
        "create": lambda: open(sys.argv[2] + ".new", "w"),
        "remove": lambda: os.remove(sys.argv[2]),
        "mkdir": lambda: os.mkdir(sys.argv[2] + ".folder"),
    },
    "seccomp": {
        "socket": lambda: socket.socket(),
        "unix socket": lambda: socket.socket(socket.AF_UNIX),
        "pair": lambda: socket.socketpair(),
        "fork": os.fork,
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "spawn": lambda: subprocess.Popen(["/bin/true"]),
        "kill": lambda: os.kill(os.getppid(), 0),
    },
    "rlimit": {
        "memory": lambda: bytearray(1 << 30),
        "descriptors": lambda: [os.dup(0) for _ in range(30)],
        "write": lambda: os.write(readable, b"text"),
    },
}
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
print("landlock", protections.landlock)
print("seccomp", protections.seccomp)
for layer, tries in attempts.items():
    for name, attempt in tries.items():
        try:
            attempt()
        except (OSError, MemoryError) as error:
            print(layer, name, "refused")
        else:
            print(layer, name, "ALLOWED")
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    target = tmp_path_factory.mktemp("confined") / "file"
    target.write_text("kept")
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, FOLDER, str(target)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert target.read_text() == "kept"
    return done.stdout.splitlines()


@pytest.mark.parametrize("layer", ["rlimit", "landlock", "seccomp"])
def test_everything_is_refused(report, layer):
    if f"{layer} False" in report:
        pytest.skip(f"this kernel offers no {layer}")
    tried = [line for line in report if line.startswith(layer) and not line.endswith("True")]
    assert len(tried) >= 3
    assert [line for line in tried if not line.endswith("refused")] == []


def test_a_pool_tells_which_protections_its_workers_have(report):
    with InterpreterPool(1) as pool:
        assert pool.protections is None
        pool.run([Job(["O = hmirror(I)"], [((1,),)])])
        assert pool.protections is not None
        assert f"landlock {pool.protections.landlock}" in report
        assert f"seccomp {pool.protections.seccomp}" in report
