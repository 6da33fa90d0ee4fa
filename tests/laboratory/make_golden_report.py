"""Make the golden report: `python -m tests.laboratory.make_golden_report`. The diff must be what was meant to change.

The two runs in `data/` are real ones, without logs and checkpoints, and with the first 60 of their initial programs:

    codeit-jax train --config tiny_cpu --seed 0 --run-dir full-seed0 num_meta_iterations=4 data.num_search_tasks=80 \
        data.fresh_inputs=2 mutation.num_programs=200 sampling.samples_per_task=24 replay.num_policy_experiences=800 \
        replay.num_train_experiences=400
    codeit-jax train ... --run-dir a2-seed0 hindsight.relabel=false hindsight.keep=all
"""

import json
import os
from pathlib import Path
from typing import Any

from codeit_jax.laboratory.report_content import Report, make_report
from codeit_jax.laboratory.report_files import figures_json, tables_json

DATA = Path(__file__).parent / "data"
GOLDEN = DATA / "golden.json"
RUNS = (Path("full-seed0"), Path("a2-seed0"))


def golden_report() -> Report:
    """Return the report of the recorded runs; the working directory is `data`, so that it names no other folder."""
    return make_report(RUNS, num_workers=1)


def content_of(report: Report) -> dict[str, Any]:
    """Return all that is compared, as JSON values."""
    return {
        "tables": tables_json(report),
        "figures": figures_json(report),
        "tasks": [[one.task.id, one.program.program, one.credits, one.first] for one in report.shown],
    }


if __name__ == "__main__":
    os.chdir(DATA)
    GOLDEN.write_text(json.dumps(content_of(golden_report()), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
