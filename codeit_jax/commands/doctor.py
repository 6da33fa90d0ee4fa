"""`codeit-jax doctor [--run-dir DIR] [--json]`: is this machine fit for a run? One line per check."""

import argparse
import fcntl
import json
import os
import platform
import resource
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from codeit_jax.commands.cli_options import add_json_argument, file_path
from codeit_jax.commands.console import text_stream
from codeit_jax.config.errors import first_line, printable

# As in setup.cfg; doctor can't read that, which isn't installed with the package.
TRIED = {
    "jax": ("0.10.2", "0.13"),
    "flax": ("0.12.8", "0.13"),
    "optax": ("0.2.8", "0.3"),
    "orbax-checkpoint": ("0.12.3", "0.13"),
}
"""By package the first version that works and the first that is untried."""

_SHOWN = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
_PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin", "jax-rocm7-plugin")
_GIB = 1 << 30
# Below these a small run still works, so they are warnings: one checkpoint of the paper's model with its optimizer's
# state is 2.5 GiB, and a pool on many cores has several descriptors per worker.
_LITTLE_MEMORY = 2 * _GIB
_LITTLE_DISK = 5 * _GIB
_FEW_DESCRIPTORS = 1024


class Check(NamedTuple):
    """What one check found.

    Attributes:
        name: what was checked.
        status: `bad` means that a run can't work here, `warn` that it may not.
        detail: one line: what was found and, unless ok, what was expected.
    """

    name: str
    status: Literal["ok", "warn", "bad"]
    detail: str


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `doctor`."""
    parser = subparsers.add_parser("doctor", help="is this machine fit for a run? exits with 2 if not")
    parser.add_argument("--run-dir", type=file_path, default=Path("runs"), metavar="DIR", help="(default: runs)")
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each check as it is done.

    Returns:
        0, or 2 if anything is bad.
    """
    versions = installed_versions()
    folder = _existing_parent(arguments.run_dir)
    # In the order in which later ones depend on earlier ones: what is wrong first is often the cause of the rest.
    checks: list[Callable[[], list[Check]]] = [
        lambda: [Check("python", "ok", f"{platform.python_version()} on {platform.platform()}")],
        lambda: check_versions(versions),
        check_devices,
        lambda: [check_memory()],
        lambda: [check_disk(folder)],
        lambda: [check_descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[0])],
        lambda: [check_run_directory(folder)],
        check_interpreter,
    ]
    found, stream = [], text_stream(as_json=arguments.json)
    for check in checks:
        for result in check():
            # Flushed: a broken driver may take the process down in the middle of the next check.
            print(f"{result.status:<6}{result.name:<16}{printable(result.detail)}", file=stream, flush=True)
            found.append(result)
    fit = all(result.status != "bad" for result in found)
    if arguments.json:
        print(json.dumps({"fit": fit, "checks": [result._asdict() for result in found]}))
    return 0 if fit else 2


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that have to fit together, without importing them."""
    # From their metadata: packages that don't fit together fail at import, before they could say their version.
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in (*_SHOWN, *_PLUGINS, "libtpu"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def check_versions(versions: Mapping[str, str]) -> list[Check]:
    """Return one check that these versions work together, or one for each problem."""
    # Only if nothing is missing: the other two look up every package.
    problems = _missing(versions) or [*_untried(versions), *_mismatched(versions)]
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    return problems or [Check("packages", "ok", shown)]


def _missing(versions: Mapping[str, str]) -> list[Check]:
    missing = [name for name in _SHOWN if name not in versions]
    return [Check("packages", "bad", f"{', '.join(missing)} not installed; pip install codeit_jax")] if missing else []


def _untried(versions: Mapping[str, str]) -> list[Check]:
    problems = []
    for name, (first, end) in TRIED.items():
        found = f"{name} is {versions[name]}, expected {first} or newer and older than {end}"
        # Too old is known not to work; too new may well work, and only nobody has tried.
        if _numbers(versions[name]) < _numbers(first):
            problems.append(Check("packages", "bad", found))
        elif _numbers(versions[name]) >= _numbers(end):
            problems.append(Check("packages", "warn", f"{found}; newer ones are untried"))
    return problems


def _mismatched(versions: Mapping[str, str]) -> list[Check]:
    problems = []
    jax, jaxlib, flax = (versions[name] for name in ("jax", "jaxlib", "flax"))
    # jax accepts older patch releases of its jaxlib, and none that is newer.
    if _numbers(jaxlib)[:2] != _numbers(jax)[:2] or _numbers(jaxlib) > _numbers(jax):
        problems.append(Check("packages", "bad", f"jaxlib is {jaxlib}, expected that of jax {jax}; pip install -U jax"))
    # flax up to 0.12.8 uses a class that jax 0.11.1 removed.
    if _numbers(flax) <= (0, 12, 8) and _numbers(jax) >= (0, 11, 1):
        expected = "expected flax 0.12.9 or newer (Python 3.12) with jax 0.11.1 or newer; pip install -U flax"
        problems.append(Check("packages", "bad", f"flax is {flax} and jax {jax}, {expected}"))
    for plugin in _PLUGINS:
        # JAX ignores a plugin of another version, and computes on the CPU without a word.
        if plugin in versions and _numbers(versions[plugin]) != _numbers(jaxlib):
            expected = f"expected {jaxlib} as jaxlib; pip install -U 'jax[{plugin.split('-')[1]}]'"
            problems.append(Check("packages", "bad", f"{plugin} is {versions[plugin]}, {expected}"))
    return problems


def _numbers(version: str) -> tuple[int, ...]:
    """Return the first three numbers of a version; suffixes (rc1, .post2, +cuda) make no difference here."""
    digits = ["".join(c for c in part if c.isdigit()) for part in version.split("+")[0].split(".")[:3]]
    return tuple(int(number or 0) for number in (*digits, "", "")[:3])


def check_devices() -> list[Check]:
    """Import JAX, flax and orbax, and list the devices that JAX finds."""
    from importlib import import_module

    # flax and orbax, too: they use parts of jax that other versions don't have, and fail at import.
    try:
        jax, *_ = (import_module(name) for name in ("jax", "flax.nnx", "orbax.checkpoint"))
        devices = jax.devices()
    except Exception as error:  # whatever a broken installation raises, the other checks are still of use
        return [Check("devices", "bad", f"{type(error).__name__}: {first_line(error) or 'no message'}")]
    kinds = [device.device_kind for device in devices]
    detail = ", ".join(f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds))
    if devices[0].platform != "cpu":
        return [Check("devices", "ok", detail)]
    # Device files show that the driver is there, and then it is JAX's plugin that is missing, unless the user has asked
    # for the CPU.
    unused = {"cuda": Path("/dev/nvidia0"), "tpu": Path("/dev/accel0")}
    return [Check("devices", "ok", detail)] + [
        Check("devices", "warn", f"{path} exists, but JAX doesn't use it; pip install 'codeit_jax[{extra}]'")
        for extra, path in unused.items()
        if path.exists() and os.environ.get("JAX_PLATFORMS") != "cpu"
    ]


def check_memory(meminfo: Path = Path("/proc/meminfo")) -> Check:
    """Report the memory that is free for a run."""
    # MemAvailable, not MemFree: caches fill the rest of the memory and are given up when needed.
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        total, free = (int(lines[key].split()[0]) << 10 for key in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return Check("memory", "ok", "unknown on this system")
    detail = f"{free / _GIB:.1f} of {total / _GIB:.1f} GiB free"
    if free < _LITTLE_MEMORY:
        return Check("memory", "warn", f"{detail}, expected {_LITTLE_MEMORY / _GIB:g} GiB or more")
    return Check("memory", "ok", detail)


def check_disk(folder: Path) -> Check:
    """Report the space that is free for run directories."""
    import shutil

    free = shutil.disk_usage(folder).free
    detail = f"{free / _GIB:.1f} GiB free in {folder}"
    if free < _LITTLE_DISK:
        return Check("disk", "warn", f"{detail}, expected {_LITTLE_DISK / _GIB:g} GiB or more for checkpoints")
    return Check("disk", "ok", detail)


def check_descriptors(limit: int) -> Check:
    """Report how many files may be open at once."""
    detail = "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
    if limit != resource.RLIM_INFINITY and limit < _FEW_DESCRIPTORS:
        return Check("descriptors", "warn", f"{detail}, expected {_FEW_DESCRIPTORS} or more; ulimit -n")
    return Check("descriptors", "ok", detail)


def check_run_directory(folder: Path) -> Check:
    """Check that a folder allows what a run does in its directory: lock, append, flush, truncate, rename."""
    import tempfile

    # Network file systems and mounted buckets lack one or the other of these, and a run would find out late.
    try:
        with tempfile.TemporaryDirectory(prefix=".codeit-jax-doctor-", dir=folder) as name:
            path = Path(name) / "file"
            with open(path, "ab") as file:
                # Non-blocking: on some file systems a lock that isn't supported hangs instead of failing.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.write(b"1234")
                file.flush()
                os.fsync(file.fileno())
            # As when a resumed run removes lines that its checkpoint doesn't know.
            os.truncate(path, 2)
            path.rename(Path(name) / "renamed")
    except OSError as error:
        return Check("run directory", "bad", f"{folder}: can't be used ({error.strerror}); choose another --run-dir")
    return Check("run directory", "ok", f"{folder} can be locked and written")


def check_interpreter() -> list[Check]:
    """Check that `import interpreter` finds our package, and if so run programs in its worker processes."""
    import importlib.util

    # The name is a common one, and the first on the path wins. The spec is looked at before anything is imported.
    expected = Path(__file__).resolve().parents[2] / "interpreter" / "__init__.py"
    spec = importlib.util.find_spec("interpreter")
    origin = Path(spec.origin).resolve() if spec is not None and spec.origin is not None else None
    if origin != expected:
        found = f"`import interpreter` finds {origin}, expected {expected}"
        return [Check("interpreter", "bad", f"{found}; another package has the name: use an environment of its own")]
    return [Check("interpreter", "ok", str(expected.parent)), *_run_programs()]


def _run_programs() -> list[Check]:
    import interpreter

    # A program that works, one that fails when it runs, and one that is refused when it is parsed.
    texts = ["O = hmirror(I)", "x1 = height(I)\nO = hmirror(x1)", "O = nothing(I)"]
    expected = [interpreter.Status.OK, interpreter.Status.ERROR, interpreter.Status.SYNTAX]
    try:
        with interpreter.InterpreterPool(2) as pool:
            [results] = pool.run([interpreter.Job(texts, [((1, 2), (3, 4))])])
    except (interpreter.PoolError, OSError) as error:
        return [Check("self-test", "bad", first_line(error) or "no message")]
    outcomes = [outcome for [outcome] in results]
    if [outcome.status for outcome in outcomes] != expected or outcomes[0].grid != ((3, 4), (1, 2)):
        return [
            Check("self-test", "bad", f"three programs end with {outcomes}, expected a mirrored grid and {expected}")
        ]
    assert pool.protections is not None
    return [Check("self-test", "ok", "three programs as expected, on two workers"), _sandbox(*pool.protections)]


def _sandbox(landlock: bool, seccomp: bool) -> Check:
    # Only a warning: the first line of defense is that programs are table calls, never Python code.
    # Both come with the kernel: landlock from 5.13 on, and containers may forbid either.
    missing = [name for name, there in (("landlock", landlock), ("seccomp", seccomp)) if not there]
    if missing:
        detail = f"this system offers no {' and no '.join(missing)}: the second line of defense is thinner"
        return Check("sandbox", "warn", detail)
    return Check("sandbox", "ok", "landlock and seccomp")


def _existing_parent(path: Path) -> Path:
    # The run directory needn't exist yet; then the folder that it will be created in is checked.
    path = path.expanduser().absolute()
    return path if path.is_dir() or path == path.parent else _existing_parent(path.parent)
