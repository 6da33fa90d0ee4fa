"""`codeit-jax bench replay`: our figures beside those of every installed peer, same work, same run."""

import argparse
import json
import sys


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `bench` with one verb for each part that can be timed."""
    parser = subparsers.add_parser("bench", help="time parts of the package beside their peers")
    verbs = parser.add_subparsers(dest="bench_verb", required=True, metavar="PART")
    replay = verbs.add_parser("replay", help="sum trees, replay buffers, draws without replacement, checkpoints")
    replay.add_argument("--max-slots", type=int, default=10_000_000, metavar="N", help="leave out larger trees")
    replay.add_argument("--repeats", type=int, default=25, metavar="N", help="turns of each contender")
    replay.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")
    replay.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Time the chosen part and print its report.

    Raises:
        UserError: a count is not positive.
    """
    from codeit_jax.errors import UserError
    from codeit_jax.replay import bench

    for option, count in (("--max-slots", arguments.max_slots), ("--repeats", arguments.repeats)):
        if count < 1:
            raise UserError(f"{option} is {count}: must be at least 1")
    result = bench.run(arguments.max_slots, arguments.repeats)
    bench.print_report(result, sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(result))
    return 0
