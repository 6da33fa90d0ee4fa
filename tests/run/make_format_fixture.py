"""Golden data: the directory of a finished tiny run, as this format of run directories has it.

    python -m tests.run.make_format_fixture RUN

RUN is a copy of a run directory, which is changed. Writes `data/format<number>.tar.gz`, with one checkpoint, and beside
it what has to come back. A new format gets a fixture of its own; one that can't be read any more goes.
"""

import hashlib
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

from codeit_jax.replay import ReplayMixture
from codeit_jax.reporting.run_reader import read_solutions
from codeit_jax.storage import checkpoint
from codeit_jax.storage.files import sha256_of_file
from codeit_jax.storage.run_directory import FORMAT, RunDirectory
from tests.run.tiny_run import state_of

DATA = Path(__file__).parent / "data"
FIXTURE = DATA / f"format{FORMAT}.tar.gz"


def content_of(run: Path) -> dict[str, Any]:
    """Read all that a run resumes from, as numbers and digests."""
    saved = checkpoint.newest_whole(RunDirectory(run, "train", writes=False), print, with_line_files=True)
    assert saved is not None
    replay = ReplayMixture.load(saved.replay / "replay-0-of-1.bin")
    return {
        "checkpoint": saved.number,
        "iteration": saved.meta["iteration"],
        "stage": saved.meta["stage"],
        "inputs": saved.meta["inputs"],
        "state": {
            name: [array.dtype.str, list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]
            for name, array in sorted(state_of(run).items())
        },
        "replay": {partition: len(replay[partition]) for partition in replay},
        "solutions": len(read_solutions(run)),
    }


def forget_place(run: Path) -> None:
    """Take the path of the machine out of the one file that names it; orbax looks only whether it is there."""
    for manifest in run.glob("checkpoints/*.sha256"):
        name = f"checkpoints/{manifest.stem}/state/commit_success.txt"
        (run / name).write_text("Checkpoint commit was successful\n", encoding="utf-8")
        marks = json.loads(manifest.read_text(encoding="utf-8"))
        marks[name] = [(run / name).stat().st_size, sha256_of_file(run / name)]
        manifest.write_text(json.dumps(marks), encoding="utf-8")


def main(run: Path) -> None:
    """Write the fixture; the run is a copy that may be changed."""
    forget_place(run)
    content = content_of(run)
    number = str(content["checkpoint"])
    names = ["run.json", "config.yaml", "*.jsonl", f"checkpoints/{number}", f"checkpoints/{number}.sha256"]
    with tarfile.open(FIXTURE, "w:gz") as archive:
        for path in sorted(path for name in [*names, f"replay/{number}"] for path in run.glob(name)):
            archive.add(path, path.relative_to(run))
    FIXTURE.with_suffix("").with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    main(Path(sys.argv[1]))
