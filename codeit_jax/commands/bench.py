"""`codeit-jax bench PART`: our figures beside those of every installed peer, same work, same run."""

import argparse
import importlib
import json
import sys
from pathlib import Path

from codeit_jax.commands.arguments import positive


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `bench` with one verb for each part that can be timed."""
    parser = subparsers.add_parser("bench", help="time parts of the package beside their peers")
    verbs = parser.add_subparsers(dest="part", required=True, metavar="PART")
    replay = verbs.add_parser("replay", help="sum trees, replay buffers, draws without replacement, checkpoints")
    replay.add_argument("--max-slots", type=positive, default=10_000_000, metavar="N", help="leave out larger trees")
    _finish(replay, _run_replay, turns=25)
    training = verbs.add_parser("training", help="a training step beside torch's; what length buckets are worth")
    training.add_argument("--preset", choices=("tiny", "60m", "220m"), help="one size instead of 60m and 220m")
    training.add_argument("--tokenizer-path", type=Path, metavar="DIR", help="BPE files for the lengths; else native")
    _finish(training, _run, turns=3)
    sampling = verbs.add_parser("sampling", help="drawing programs beside torch's generate and CTranslate2")
    sampling.add_argument("--preset", default="codet5_small", metavar="NAME", help="default: codet5_small")
    for name, number in (("prompts", 1), ("prompt-tokens", 1024), ("samples", 24), ("tokens", 32)):
        sampling.add_argument(f"--{name}", type=positive, default=number, metavar="N", help=f"default: {number}")
    sampling.add_argument("--tokenizer-path", type=Path, metavar="DIR", help="BPE files for the lengths; else native")
    _finish(sampling, _run, turns=3)
    interpreter = verbs.add_parser("interpreter", help="programs alone, in batches and through the pool")
    interpreter.add_argument("--programs", default="builtin", metavar="FILE", help="run once each; default: builtin")
    interpreter.add_argument("--tasks", default="arc1/training", metavar="SOURCE", help="of these programs")
    _finish(interpreter, _run, turns=3)


def _finish(parser: argparse.ArgumentParser, run: object, *, turns: int) -> None:
    """Add what every part takes."""
    parser.add_argument("--repeats", type=positive, default=turns, metavar="N", help="turns of each contender")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")
    parser.set_defaults(run=run)


def _run_replay(arguments: argparse.Namespace) -> int:
    from codeit_jax.replay import bench

    result = bench.run(arguments.max_slots, arguments.repeats)
    bench.print_report(result, sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(result))
    return 0


def _run(arguments: argparse.Namespace) -> int:
    """Run the part's module of `codeit_jax.bench` and print its report.

    Each of them has `run(arguments) -> BenchReport`.
    """
    report = importlib.import_module(f"codeit_jax.bench.{arguments.part}").run(arguments)
    report.print(sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(report.to_json()))
    return 0
