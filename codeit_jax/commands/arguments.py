"""Arguments that several verbs take."""

import argparse


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every verb that reads a configuration takes."""
    parser.add_argument(
        "--config", action="append", default=[], metavar="FILE", help="YAML file or preset; later ones win"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="short for seed=N")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings, e.g. sampling.temperature=0.8")


def positive(text: str) -> int:
    """Read an integer of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"found {value}, expected a positive integer")
    return value


def not_negative(text: str) -> int:
    """Read an integer of at least 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"found {value}, expected 0 or a positive integer")
    return value
