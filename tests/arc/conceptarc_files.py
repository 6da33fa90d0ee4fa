"""A stand-in for ConceptARC: its layout and numbers as published, tasks of our own with grids of a few cells.

python -m tests.arc.conceptarc_files DIR
"""

import json
import sys
from pathlib import Path

CONCEPTS = (
    *("AboveBelow", "Center", "CleanUp", "CompleteShape", "Copy", "Count", "ExtendToBoundary", "ExtractObjects"),
    *("FilledNotFilled", "HorizontalVertical", "InsideOutside", "MoveToBoundary", "Order", "SameDifferent"),
    *("TopBottom2D", "TopBottom3D"),
)
TASKS_PER_CONCEPT, TESTS_PER_TASK = 10, 3


def write_conceptarc(root: Path) -> Path:
    """Write `corpus/CONCEPT/CONCEPTn.json`, 3 tests each, and 16 minimal tasks beside the corpus; return the root."""
    for index, concept in enumerate(CONCEPTS):
        for number in range(1, TASKS_PER_CONCEPT + 1):
            path = root / "corpus" / concept / f"{concept}{number}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(_task(index, number, TESTS_PER_TASK)))
        path = root / "MinimalTasks" / f"{concept}Minimal.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(_task(index, 0, 1)))
    return root


def _task(index: int, number: int, num_tests: int) -> dict[str, list[dict[str, list[list[int]]]]]:
    """Mirror rows of a few colors: left to right for even concepts, upside down for odd ones."""
    grids = [[[1 + (index + place) % 9, 0, number % 10], [0, place, 0]] for place in range(2 + num_tests)]
    pairs = [{"input": grid, "output": [row[::-1] for row in grid] if index % 2 == 0 else grid[::-1]} for grid in grids]
    return {"train": pairs[:2], "test": pairs[2:]}


if __name__ == "__main__":
    write_conceptarc(Path(sys.argv[1]))
