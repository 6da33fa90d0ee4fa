"""Arguments that several verbs take."""

import argparse
import math
from pathlib import Path

from codeit_jax.config import MAX_WORKERS
from codeit_jax.config.errors import UserError


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every verb that reads a configuration takes."""
    parser.add_argument(
        "--config", action="append", default=[], metavar="FILE", help="YAML file or name of a preset; later ones win"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="short for seed=N")
    # argparse fills this list in one go; `cli.main` adds the settings that follow a later option.
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings, e.g. sampling.temperature=0.8")


def file_path(text: str) -> Path:
    """Parse the path of a file or folder."""
    # Path("") is the current folder, which nobody means by an empty variable of a script.
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a path")
    return Path(text)


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    # argparse turns a ValueError into a message of its own and prints that of an ArgumentTypeError as it is.
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"found {value}, expected a positive integer")
    return value


def not_negative(text: str) -> int:
    """Parse an integer of at least 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"found {value}, expected 0 or a positive integer")
    return value


def workers(text: str) -> int:
    """Parse a number of worker processes."""
    value = not_negative(text)
    if value > MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"found {value}, expected at most {MAX_WORKERS}")
    return value


def temperature(text: str) -> float:
    """Parse a finite number of at least 0."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"found {text}, expected 0 (greedy) or a positive number")
    return value


def check_targets(paths: list[Path]) -> None:
    """Refuse what can't be written before an hour is spent on what would be written there.

    Raises:
        UserError: a path that is a folder, or in no folder that exists.
    """
    for path in paths:
        if path.is_dir() or not path.parent.is_dir():
            raise UserError(f"{path}: can't be written, expected the path of a file in a folder that exists")


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--json`, which every verb with a result takes."""
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")


def add_workers_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--workers` of verbs that run programs without a run's configuration."""
    parser.add_argument(
        "--workers", type=workers, default=0, metavar="N", help="worker processes (default: one per core)"
    )


def add_run_argument(parser: argparse.ArgumentParser) -> None:
    """Add the run directory of verbs that read one."""
    # These verbs take no lock: they work while a run is training, and on a read-only disk.
    parser.add_argument("run_directory", type=file_path, metavar="RUN", help="run directory; it is only read")


def add_policy_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every verb that samples from a trained policy takes, besides the run directory."""
    parser.add_argument(
        "--num", type=positive, metavar="N", help="programs to sample for each task (default: as in the run)"
    )
    parser.add_argument(
        "--temperature",
        type=temperature,
        metavar="T",
        help="0 is greedy: one program a task (default: as in the run)",
    )
    parser.add_argument("--seed", type=not_negative, default=0, metavar="N", help="seed of the samples (default: 0)")
    add_workers_argument(parser)
    add_json_argument(parser)
