"""Attacks on run directories, seeded: what reads or resumes one does so, or says one line."""

import os
import shutil
from random import Random

import pytest

from tests.attack.damage import damage, flip
from tests.attack.outcomes import Tally, drive
from tests.run.conftest import TRANSFORMS, tiny, whole  # noqa: F401
from tests.run.tiny_run import one_device

pytestmark = pytest.mark.attack
SEED = 20_240_722
READERS = (("show", "{run}", "task0"), ("report", "{run}"))
FIRST = list(TRANSFORMS)[0]


@pytest.fixture(autouse=True)
def _one_device():
    with one_device():
        yield


def files_of(run):
    return sorted(path.relative_to(run) for path in run.rglob("*") if path.is_file())


def spoil(run, file, kind, rng, other):
    path = run / file
    content = path.read_bytes()
    match kind:
        case "deleted":
            path.unlink()
        case "emptied":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(content[: rng.randrange(len(content) + 1)])
        case "flipped":
            path.write_bytes(flip(content, rng))
        case "damaged":
            path.write_bytes(damage(content, rng))
        case "another run's":
            if (other / file).is_file():
                shutil.copy(other / file, path)
        case "a dangling link":
            path.unlink()
            path.symlink_to("nowhere")
        case "a folder":
            path.unlink()
            path.mkdir()
        case "a pipe":
            path.unlink()
            os.mkfifo(path)
        case "read-only":
            path.chmod(0o400)
        case "another owner's":
            os.chown(path, 65534, 65534)


KINDS = ["deleted", "emptied", "cut", "flipped", "damaged", "another run's", "a dangling link", "a folder", "a pipe"]
KINDS += ["read-only", "another owner's"]


def spoiled_runs(whole, other, tmp_path, rng, number):  # noqa: F811
    """Yield copies of a run, each with one file spoiled."""
    files = [file for file in files_of(whole) if file.name != "LOCK"]
    for index in range(number):
        run = tmp_path / f"run{index}"
        shutil.copytree(whole, run)
        file, kind = rng.choice(files), KINDS[index % len(KINDS)]
        spoil(run, file, kind, rng, other)
        yield f"{file} {kind}", run
        shutil.rmtree(run)


def test_what_reads_a_run(tiny, whole, tmp_path):  # noqa: F811
    tally, rng = Tally("runs read"), Random(SEED)
    other = tmp_path / "other"
    assert tiny(other, "seed=7").code == 0
    # The line files and the configuration, which these verbs read; the rest is no matter to them.
    names = {"config.yaml", "run.json", "solutions.jsonl", "sampled_solutions.jsonl", "metrics.jsonl"}
    for file in sorted(names):
        for kind in KINDS:
            run = tmp_path / "run"
            shutil.copytree(whole, run)
            spoil(run, file, kind, rng, other)
            for words in READERS:
                ended = drive([word.format(run=run) for word in words])
                tally.add(f"{words[0]}: {file} {kind}", ended, (0, 2, 4))
            shutil.rmtree(run)
    for number in range(400):
        run = tmp_path / "run"
        if number == 0:
            shutil.copytree(whole, run)
        file = rng.choice(sorted(names))
        content = (run / file).read_bytes()
        (run / file).write_bytes(flip(content, rng))
        tally.add(f"flip {number} of {file}", drive(["show", str(run), "task0"]), (0, 2, 4))
        (run / file).write_bytes(content)
    tally.finish()


def test_what_resumes_a_run(tiny, whole, tmp_path):  # noqa: F811
    tally, rng = Tally("runs resumed"), Random(SEED + 1)
    other = tmp_path / "other"
    assert tiny(other, "seed=7").code == 0
    for name, run in spoiled_runs(whole, other, tmp_path, rng, 40):
        tally.add(name, drive(["train", "--config", str(tiny.config), "--run-dir", str(run)]), (0, 2, 4))
    tally.finish()
