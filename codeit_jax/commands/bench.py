"""`codeit-jax bench PART`: our figures beside those of every installed peer: same work, same run."""

import argparse
import importlib
import json

from codeit_jax.commands.cli_options import add_json_argument, file_path, positive
from codeit_jax.commands.console import text_stream

_TOKENIZER_HELP = "BPE files for the lengths (default: the native tokenizer)"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `bench` with a verb for each part that can be timed."""
    parser = subparsers.add_parser("bench", help="time parts of the package beside their peers")
    verbs = parser.add_subparsers(dest="part", required=True, metavar="PART")
    replay = verbs.add_parser("replay", help="sum trees, replay buffers, draws without replacement, checkpoints")
    replay.add_argument("--max-slots", type=positive, default=10_000_000, metavar="N", help="leave out larger trees")
    # Many repetitions, for they take milliseconds; those of the other parts take minutes.
    _finish(replay, _run_replay, repeats=25)
    training = verbs.add_parser("training", help="a training step beside torch's; what length buckets are worth")
    training.add_argument("--preset", choices=("tiny", "60m", "220m"), help="one size instead of 60m and 220m")
    training.add_argument("--tokenizer-path", type=file_path, metavar="DIR", help=_TOKENIZER_HELP)
    _finish(training, _run, repeats=3)
    sampling = verbs.add_parser("sampling", help="drawing programs beside torch's generate and CTranslate2")
    sampling.add_argument("--preset", default="codet5_small", metavar="NAME", help="default: codet5_small")
    for name, number in (("prompts", 1), ("prompt-tokens", 1024), ("samples", 24), ("tokens", 32)):
        sampling.add_argument(f"--{name}", type=positive, default=number, metavar="N", help=f"default: {number}")
    sampling.add_argument("--tokenizer-path", type=file_path, metavar="DIR", help=_TOKENIZER_HELP)
    _finish(sampling, _run, repeats=3)
    interpreter = verbs.add_parser("interpreter", help="programs alone, in batches and through the pool")
    interpreter.add_argument("--programs", default="builtin", metavar="FILE", help="run once each; default: builtin")
    interpreter.add_argument("--tasks", default="arc1/training", metavar="SOURCE", help="of these programs")
    _finish(interpreter, _run, repeats=3)


def _finish(parser: argparse.ArgumentParser, run: object, *, repeats: int) -> None:
    """Add the arguments of every part."""
    parser.add_argument("--repeats", type=positive, default=repeats, metavar="N", help="repetitions of each contender")
    add_json_argument(parser)
    parser.set_defaults(run=run)


def _run_replay(arguments: argparse.Namespace) -> int:
    from codeit_jax.bench import replay as bench

    result = bench.run(arguments.max_slots, arguments.repeats)
    bench.print_report(result, text_stream(as_json=arguments.json))
    if arguments.json:
        print(json.dumps(result))
    return 0


def _run(arguments: argparse.Namespace) -> int:
    """Run the part's module of `codeit_jax.bench` and print its report."""
    # By name: each of them has `run(arguments) -> BenchReport`, and imports peers that need not be installed.
    report = importlib.import_module(f"codeit_jax.bench.{arguments.part}").run(arguments)
    report.print(text_stream(as_json=arguments.json))
    if arguments.json:
        print(json.dumps(report.to_json()))
    return 0
