"""Write data/primitives.jsonl: calls of every primitive and what the plain implementation gives.

Run it only when that changes on purpose: `python -m tests.interpreter.make_golden_primitives`.
"""

import json
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from codeit_jax.bench.plain import PRIMITIVES as PLAIN
from tests.interpreter.golden_values import encode
from tests.interpreter.primitive_arguments import arguments_of, resolve

PATH = Path(__file__).parent / "data" / "primitives.jsonl"
CASES = 5
LONGEST = 300


def calls_of(name):
    """Distinct calls of a primitive, short ones, mostly such that succeed."""
    lines = {}

    @seed(0)
    @settings(max_examples=150, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(arguments_of(name))
    def collect(arguments):
        try:
            result = PLAIN[name](*[resolve(argument, PLAIN) for argument in arguments])
        except Exception:
            result, failed = None, True
        else:
            failed = False
        if callable(result):
            return
        line = json.dumps(
            [name, [encode(argument) for argument in arguments], {"fails": True} if failed else encode(result)],
            separators=(",", ":"),
        )
        if len(line) <= LONGEST:
            lines[line] = failed

    collect()
    # The longest calls are the least trivial ones.
    succeeding = sorted([line for line, failed in lines.items() if not failed], key=len)[-CASES:]
    return succeeding + [line for line, failed in lines.items() if failed][:1]


def main():
    lines = [line for name in PLAIN for line in calls_of(name)]
    PATH.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} calls, {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    main()
