"""How verbs hand over what they found: text for people, a JSON object as the last line for programs."""

import json
import sys
from collections.abc import Mapping
from typing import Any


def print_result(text: str, result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the text; with `as_json` to standard error, and then the result as one line of standard output."""
    print(text, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(result))


def solved_text(solved: Mapping[str, int | None]) -> str:
    """Write the counts of a solve report for people."""
    return "tasks solved: " + ", ".join(f"{name} {count}" for name, count in solved.items())
