"""Fault tests of the harness itself: it passes a trainer that resumes, and fails each that doesn't."""

import signal
import sys
from pathlib import Path

import pytest

from tests.kill_and_compare import Job, Undisturbed, assert_comes_to_the_same, files_of, first_difference

# The trainer of docs/kill_and_compare.md: a step is a draw, and a checkpoint is a file.
TRAINER = """
import os, pathlib, random, sys, time
folder = pathlib.Path(sys.argv[1]); folder.mkdir(exist_ok=True)
checkpoint, lines = folder / "checkpoint", folder / "lines"
step, total = map(int, checkpoint.read_text().split()) if checkpoint.exists() else (0, 0)
kept = lines.read_text().splitlines(keepends=True)[:{kept}] if lines.exists() else []
lines.write_text("".join(kept))
while step < 8:
    total += random.Random({seed}).randrange(1000)
    step += 1
    with lines.open("a") as file:
        file.write(f"{{step}} {{total}}\\n")
    time.sleep(0.03)
    (folder / "new").write_text(f"{{step}} {{total}}")
    os.replace(folder / "new", checkpoint)
"""
SOUND = {"kept": "step", "seed": "step"}
FAULTS = {
    "lines after the checkpoint stay": {"kept": "None", "seed": "step"},
    "the generator begins again": {"kept": "step", "seed": "f'{os.getpid()} {step}'"},
}


def job(folder, parts):
    script = folder / "trainer.py"
    script.write_text(TRAINER.format(**parts))
    return Job(
        command=lambda place: [sys.executable, "-S", str(script), str(place)],
        result=lambda place: files_of(place, ["checkpoint", "lines"]),
        timeout=60,
    )


def test_a_trainer_that_resumes_passes(tmp_path):
    trainer = job(tmp_path, SOUND)
    whole = trainer.undisturbed(tmp_path / "whole")
    starts = assert_comes_to_the_same(trainer, tmp_path / "killed", whole, [0.4, 0.6])
    assert [start.code for start in starts] == [-signal.SIGKILL, -signal.SIGKILL, 0]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_trainer_that_does_not_is_found(tmp_path, fault):
    trainer = job(tmp_path, FAULTS[fault])
    whole = trainer.undisturbed(tmp_path / "whole")
    # Where between write and write a kill falls is chance: so many don't all miss.
    places = [tmp_path / f"killed{number}" for number in range(20)]

    def try_all():
        for place in places:
            assert_comes_to_the_same(trainer, place, whole, [0.5, 0.5, 0.5])

    with pytest.raises(AssertionError, match="comes to something else: result"):
        try_all()


def test_a_start_that_ends_otherwise_or_hangs_is_found(tmp_path):
    def command(code):
        return Job(lambda place: [sys.executable, "-S", "-c", code], lambda place: None, timeout=2)

    whole = Undisturbed(None, 0.1)
    with pytest.raises(AssertionError, match="the last start ends with 3"):
        assert_comes_to_the_same(command("raise SystemExit(3)"), tmp_path, whole, [])
    asked = command("import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(9)); time.sleep(9)")
    with pytest.raises(AssertionError, match="an interrupted start ends with"):
        assert_comes_to_the_same(asked, tmp_path, whole, [5.0], signal.SIGTERM, codes=[75])
    with pytest.raises(AssertionError, match="the job hangs"):
        command("import time; time.sleep(60)").finish(tmp_path)


def test_a_difference_is_named():
    assert first_difference({"a": [1, {"b": b"x"}]}, {"a": [1, {"b": b"x"}]}) is None
    assert (
        first_difference({"a": [1, {"b": b"x"}]}, {"a": [1, {"b": b"y"}]})
        == "result['a'][1]['b'] is b'x', expected b'y'"
    )
    assert first_difference({"a": 1}, {}) == "result has ['a'], expected []"
    assert first_difference([1], [1, 2]) == "result is [1], expected [1, 2]"
    assert files_of(Path(__file__).parent, ["test_kill_and_compare.py"]).keys() == {"test_kill_and_compare.py"}
