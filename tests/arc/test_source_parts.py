"""Exact and fault tests of sources with parts: ConceptARC, Kaggle's pairs, the tuning split, lists of ids, one task."""

import json
from collections import Counter

import pytest

from codeit_jax.arc import UNKNOWN_OUTPUT, load_tasks
from codeit_jax.arc.tuning_split import TUNING_TEST_IDS
from codeit_jax.config.errors import UserError
from codeit_jax.programs import load_programs
from tests.arc.conceptarc_files import CONCEPTS, write_conceptarc

PAIR = {"input": [[1, 2]], "output": [[2, 1]]}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def error_line(source, **options):
    with pytest.raises(UserError) as caught:
        load_tasks(str(source), **options)
    line = str(caught.value)
    assert line.splitlines() == [line]
    return line


def ids(source):
    return [task.id for task in load_tasks(str(source))]


# ConceptARC


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return write_conceptarc(tmp_path_factory.mktemp("ConceptARC"))


def test_conceptarc_has_160_tasks_of_16_concepts_and_480_tests(clone):
    tasks = load_tasks(f"conceptarc:{clone}")
    assert (len(tasks), sum(len(task.tests) for task in tasks)) == (160, 480)
    assert Counter(task.concept for task in tasks) == dict.fromkeys(CONCEPTS, 10)
    assert tasks["Center7"].concept == "Center"
    corpus = load_tasks(f"conceptarc:{clone}/corpus")
    assert (list(corpus), corpus.digest) == (list(tasks), tasks.digest)


def test_conceptarc_by_concept_and_by_task(clone):
    for folder in (clone, clone / "corpus"):
        assert ids(f"conceptarc:{folder}/Center") == sorted(f"Center{number}" for number in range(1, 11))
        [task] = load_tasks(f"conceptarc:{folder}/Center1")
        assert (task.id, task.concept) == ("Center1", "Center")
    assert ids(f"conceptarc:{clone}/corpus/Center/Center1") == ["Center1"]
    source = f"conceptarc:{clone}/Middle"
    assert error_line(source).startswith(f"{clone}/Middle: no task files, expected a folder with corpus/CONCEPT/*.json")


def test_minimal_tasks_are_read_when_asked_for(clone, tmp_path):
    assert ids(f"conceptarc:{clone}/MinimalTasks") == sorted(f"{concept}Minimal" for concept in CONCEPTS)
    # A folder that holds both side by side: still 160.
    both = tmp_path / "both"
    both.mkdir()
    for folder in (*(clone / "corpus").iterdir(), clone / "MinimalTasks"):
        (both / folder.name).symlink_to(folder)
    assert len(load_tasks(f"conceptarc:{both}")) == 160


# Kaggle's two files

CHALLENGES = {
    "aaaa0001": {"train": [PAIR, PAIR], "test": [{"input": [[3, 0]]}]},
    "aaaa0002": {"train": [PAIR], "test": [{"input": [[3]]}, {"input": [[4]]}]},
}
SOLUTIONS = {"aaaa0001": [[[0, 3]]], "aaaa0002": [[[3]], [[5]]]}


@pytest.fixture
def kaggle(tmp_path):
    write(tmp_path / "arc-agi_evaluation_solutions.json", SOLUTIONS)
    return write(tmp_path / "arc-agi_evaluation_challenges.json", CHALLENGES)


def test_challenges_are_read_with_the_solutions_beside_them(kaggle, tmp_path):
    tasks = load_tasks(str(kaggle))
    assert [test.output for test in tasks["aaaa0002"].tests] == [((3,),), ((5,),)]
    assert all(task.has_outputs for task in tasks)
    assert list(load_tasks(str(tmp_path))) == list(tasks)
    assert list(load_tasks(f"{kaggle}/aaaa0002")) == [tasks["aaaa0002"]]


def test_challenges_alone_are_tasks_without_outputs(kaggle, tmp_path):
    (tmp_path / "arc-agi_evaluation_solutions.json").unlink()
    assert error_line(kaggle) == (
        f"{kaggle}: task 'aaaa0001', test[0]: no output, expected the keys input and output, "
        "or outputs in arc-agi_evaluation_solutions.json beside the file"
    )
    tasks = load_tasks(str(kaggle), scored=False)
    assert [test.output for test in tasks["aaaa0002"].tests] == [UNKNOWN_OUTPUT] * 2
    assert not any(task.has_outputs for task in tasks)


def test_solutions_alone_are_told(kaggle, tmp_path):
    solutions = tmp_path / "arc-agi_evaluation_solutions.json"
    assert "test outputs only, expected tasks, e.g. the file of challenges" in error_line(solutions)
    kaggle.unlink()
    assert "test outputs only" in error_line(tmp_path)


@pytest.mark.parametrize(
    ("solutions", "found"),
    [
        ([], "an empty list, expected an object of lists of outputs by task id"),
        ({"aaaa0001": [[[0, 3]]]}, "task 'aaaa0002' has nothing, expected a list of 2 outputs"),
        (SOLUTIONS | {"aaaa0002": [[[3]]]}, "task 'aaaa0002' has 1, expected a list of 2 outputs"),
        (SOLUTIONS | {"aaaa0002": "x"}, "task 'aaaa0002' has a string, expected a list of 2 outputs"),
    ],
)
def test_solutions_that_do_not_fit_are_told(kaggle, tmp_path, solutions, found):
    path = write(tmp_path / "arc-agi_evaluation_solutions.json", solutions)
    assert error_line(kaggle) == f"{path}: {found}"


def test_a_bad_grid_of_the_solutions_is_told_with_its_place(kaggle, tmp_path):
    write(tmp_path / "arc-agi_evaluation_solutions.json", SOLUTIONS | {"aaaa0001": [[[11]]]})
    assert error_line(kaggle).endswith(
        "task 'aaaa0001', test[0].output: row 0 has the cell 11, expected a color 0 to 9"
    )


# The tuning split


@pytest.mark.parametrize("name", ["arc1/training", "arc1-2019/training"])
def test_the_tuning_split_is_311_and_89_of_400(name):
    train, test = (set(ids(f"{name}:tuning-{part}")) for part in ("train", "test"))
    assert (len(train), len(test)) == (311, 89)
    assert test == TUNING_TEST_IDS
    assert train | test == set(ids(name))


def test_the_tuning_split_is_stratified_by_length():
    """Each eighth of the programs by length, and the tasks without one, have their share of the 89 but for three."""
    lengths = {seed.task_id: len(seed.program) for seed in load_programs("builtin")}
    order = sorted(ids("arc1/training"), key=lambda task_id: (lengths.get(task_id, 999), task_id))
    for start in range(0, 400, 50):
        share = sum(task_id in TUNING_TEST_IDS for task_id in order[start : start + 50])
        assert abs(share - 50 * 89 / 400) <= 3


def test_other_sets_have_no_tuning_split():
    line = error_line("arc2/training:tuning-test")
    assert line.endswith("tuning-test is a part of arc1/training and arc1-2019/training")


# Lists of ids, and single tasks


def test_a_file_of_ids_chooses_from_a_source(tmp_path, clone):
    path = write(tmp_path / "ids.txt", "\ufeff# mine\n00576224\n\n  009d5c81  # a note\r\n00576224\n")
    tasks = load_tasks(f"ids:{path}@arc1/evaluation")
    assert [task.id for task in tasks] == ["00576224", "009d5c81"]
    assert tasks.source == f"ids:{path}@arc1/evaluation"
    assert tasks.digest == load_tasks("arc1/evaluation").subset(["009d5c81", "00576224"], source="").digest
    assert error_line(f"ids:{path}@conceptarc:{clone}") == f"{path}: no task '00576224' in conceptarc:{clone}"


def test_a_bad_file_of_ids_is_told(tmp_path):
    assert error_line("ids:x") == "task source 'ids:x' is incomplete, expected ids:FILE@SOURCE"
    assert error_line(f"ids:{tmp_path}/no@arc1/evaluation") == f"{tmp_path}/no: no such file"
    assert "no task ids" in error_line(f"ids:{write(tmp_path / 'none', '# nothing')}@arc1/evaluation")
    (tmp_path / "bad").write_bytes(b"\xff\xfe0")
    assert "found bytes that are not UTF-8" in error_line(f"ids:{tmp_path / 'bad'}@arc1/evaluation")


def test_one_task_of_a_source(tmp_path):
    path = write(
        tmp_path / "many.json", {"a": {"train": [PAIR], "test": [PAIR]}, "b": {"train": [PAIR], "test": [PAIR]}}
    )
    assert ids("arc1/training/3c9b0459") == ["3c9b0459"]
    assert ids(f"arc1/training:tuning-test/{min(TUNING_TEST_IDS)}") == [min(TUNING_TEST_IDS)]
    assert ids(f"{path}/b") == ["b"]
    assert error_line(f"{path}/c") == f"{path}: no task 'c' among its 2 tasks"
    assert error_line("arc1/evaluation/3c9b0459") == "arc1/evaluation: no task '3c9b0459' among its 400 tasks"
