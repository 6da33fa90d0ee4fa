"""Contract tests of the verbs that read a run: keys, selection, grids, errors; a run directory stays as it is."""

import fcntl
import json
import os
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from codeit_jax.arc import load_tasks
from codeit_jax.cli import main
from codeit_jax.config.loading import load_config
from codeit_jax.evaluation import COLUMNS
from codeit_jax.inference import trained_policy as policy
from codeit_jax.model.huggingface import load_pretrained
from codeit_jax.parallel import make_mesh
from codeit_jax.storage.run_directory import FORMAT
from codeit_jax.text import build_tokenizer
from codeit_jax.text.bpe import BpeTokenizer
from tests.arc.conceptarc_files import CONCEPTS, write_conceptarc
from tests.run.tiny_run import newest, rows_of, state_of
from tests.text.train_bpe import train_bpe

COUNTS = set(COLUMNS)


@pytest.fixture(autouse=True)
def _one_device_for_the_policy(tiny, monkeypatch):
    monkeypatch.setattr(policy, "make_mesh", lambda config: make_mesh(config, jax.devices()[:1]))
    # The user's own cache is the one that the runs of these tests share.
    cache = load_config([tiny.config]).hardware.compilation_cache
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", cache)
    jax.config.update("jax_compilation_cache_dir", cache)


def call(capsys, *arguments):
    """Run a verb with --json and return its object, after checking that people got something to read."""
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    captured = capsys.readouterr()
    [line] = captured.out.splitlines()
    assert captured.err
    return json.loads(line)


def refused(capsys, *arguments, code=2):
    capsys.readouterr()
    assert main([*map(str, arguments)]) == code
    captured = capsys.readouterr()
    line = captured.err.splitlines()[-1]
    assert line.startswith("error: ")
    assert captured.err.count("error: ") == 1
    return line


def picture(directory):
    """Return everything about a directory that reading could change."""
    paths = sorted(directory.rglob("*"))
    return [(path, path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in paths]


@pytest.fixture
def tasks(whole):
    return load_tasks(load_config([whole / "config.yaml"]).data.search_tasks)


def grid(rows):
    return None if rows is None else tuple(map(tuple, rows))


def check_program(found, task):
    """Check a program's results against its own grids."""
    outputs, predictions = map(grid, found["outputs"]), map(grid, found["predictions"])
    wanted, tests = ([example.output for example in group] for group in (task.demonstrations, task.tests))
    assert found["demonstrations"] == [a == b for a, b in zip(outputs, wanted, strict=True)]
    assert found["tests"] == [a == b for a, b in zip(predictions, tests, strict=True)]


def test_sample_gives_every_program_the_best_first(whole, tasks, capsys):
    before = picture(whole)
    result = call(capsys, "sample", whole, "task0", "task3", "--workers", 1)
    assert picture(whole) == before
    assert result.keys() == {"programs", "solved", "checkpoint", "iteration", "snapshot"}
    assert set(result["solved"]) == COUNTS
    assert (result["checkpoint"], result["iteration"]) == (newest(whole), 2)
    for task_id in ("task0", "task3"):
        found = [program for program in result["programs"] if program["task_id"] == task_id]
        assert sum(program["count"] for program in found) == 8
        assert len({program["program"] for program in found}) == len(found)
        ranks = [
            (-sum(p["demonstrations"]), len(p["program"]), p["program"]) for p in found if any(p["demonstrations"])
        ]
        assert ranks == sorted(ranks)
        held = [any(program["demonstrations"]) for program in found]
        assert held == sorted(held, reverse=True)
        for program in found:
            check_program(program, tasks[task_id])
            assert program["log_prob"] < 0
    solving = {p["task_id"] for p in result["programs"] if all(p["demonstrations"])}
    assert result["solved"]["demonstrations"] == len(solving)


def test_a_task_s_programs_depend_on_the_seed_but_not_on_the_other_tasks(whole, capsys):
    def programs(*arguments):
        found = call(capsys, "sample", whole, *arguments, "--workers", 1)["programs"]
        return {(p["program"], p["count"], p["log_prob"]) for p in found if p["task_id"] == "task1"}

    alone = programs("task1")
    assert programs("task1", "task2", "task5", "task1") == alone
    assert programs("task1", "--seed", 7) != alone


def test_evaluate_reports_what_sample_does(whole, tasks, capsys):
    source = tasks.source
    whole_set = call(capsys, "evaluate", whole, "--tasks", source, "--workers", 1)
    sampled = call(capsys, "sample", whole, *[task.id for task in tasks], "--workers", 1)
    assert whole_set["solved"] == sampled["solved"]
    assert whole_set["solved"]["demonstrations"] > 0  # or this would compare too little
    assert (whole_set["programs"], whole_set["num_tasks"], whole_set["seed"]) == (6 * 8, 6, 0)
    assert whole_set["unique"] == len(sampled["programs"])
    assert f"digest {tasks.digest}" in whole_set["snapshot"]
    rows = {row["task_id"]: row for row in whole_set["tasks"]}
    assert list(rows) == [task.id for task in tasks]
    for name, count in whole_set["solved"].items():
        assert sum(row["solved"][name] for row in rows.values()) == count
    for name, count in whole_set["tests"].items():
        assert sum(row["tests"][name] for row in rows.values()) == count
    keys = ("program", "count", "log_prob", "demonstrations", "tests")
    for task_id, row in rows.items():
        found = [program for program in sampled["programs"] if program["task_id"] == task_id]
        assert [[p[key] for key in keys] for p in row["programs"]] == [[p[key] for key in keys] for p in found]
        assert all(
            (p["guess"] is None) == (None in q["predictions"]) for p, q in zip(row["programs"], found, strict=True)
        )


def test_evaluate_counts_concepts_and_tests(whole, tmp_path, capsys):
    source = f"conceptarc:{write_conceptarc(tmp_path / 'clone')}"
    arguments = ("evaluate", whole, "--tasks", source, "--num", 2, "--workers", 1, "--output", tmp_path / "out.json")
    result = call(capsys, *arguments)
    assert json.loads((tmp_path / "out.json").read_text()) == result
    assert (result["num_tasks"], result["tests"]["count"]) == (160, 480)
    assert {row["concept"] for row in result["tasks"]} == set(result["concepts"]) == set(CONCEPTS)
    for concept in result["concepts"].values():
        assert (concept["num_tasks"], concept["tests"]["count"]) == (10, 30)
    for name, count in result["solved"].items():
        assert sum(concept["solved"][name] for concept in result["concepts"].values()) == count
    assert main([*map(str, arguments[:-2])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80 or lines[0].startswith("320 programs")
    assert "Center (10)" in "\n".join(lines)


def test_temperature_0_is_greedy(whole, capsys):
    greedy = call(capsys, "sample", whole, "task0", "task1", "--temperature", 0, "--num", 5, "--workers", 1)
    assert [program["count"] for program in greedy["programs"]] == [1, 1]
    again = call(capsys, "sample", whole, "task0", "task1", "--temperature", 0, "--seed", 3, "--workers", 1)
    assert again["programs"] == greedy["programs"]
    drawn = call(capsys, "sample", whole, "task0", "--num", 24, "--temperature", "0.01", "--workers", 1)["programs"]
    assert drawn[0]["program"] == greedy["programs"][0]["program"]
    for wrong in ("-1", "nan", "inf", "warm"):
        with pytest.raises(SystemExit):
            main(["sample", str(whole), "task0", "--temperature", wrong])


def test_a_submission_has_two_attempts_for_each_test(whole, tasks, tmp_path, capsys):
    """On tasks without outputs, as in a competition: the same as with them, and only demonstrations are counted."""
    raw = {
        task.id: {
            "train": [{"input": e.input, "output": e.output} for e in task.demonstrations],
            "test": [{"input": e.input} for e in task.tests] + [{"input": task.demonstrations[0].input}],
        }
        for task in tasks
    }
    (tmp_path / "arc_challenges.json").write_text(json.dumps(raw))
    path = tmp_path / "submission.json"
    arguments = ("evaluate", whole, "--tasks", tmp_path / "arc_challenges.json", "--submission", path, "--workers", 1)
    result = call(capsys, *arguments)
    attempts = json.loads(path.read_text())
    assert attempts.keys() == raw.keys()
    for task in tasks:
        assert [list(row) for row in attempts[task.id]] == [["attempt_1", "attempt_2"]] * 2
    assert result["solved"] == dict.fromkeys(COLUMNS) | {"demonstrations": result["solved"]["demonstrations"]}
    assert result["tests"] == {"solved": None, "pass@3": None, "count": 12}
    # A task whose demonstrations hold: what is asked again of its first demonstration is answered right.
    solved = [row["task_id"] for row in result["tasks"] if row["solved"]["demonstrations"]]
    assert solved
    for task_id in solved:
        assert grid(attempts[task_id][1]["attempt_1"]) == tasks[task_id].demonstrations[0].output
    solutions = {task.id: [*(e.output for e in task.tests), task.demonstrations[0].output] for task in tasks}
    (tmp_path / "arc_solutions.json").write_text(json.dumps(solutions))
    before = path.read_bytes()
    scored = call(capsys, *arguments)
    assert path.read_bytes() == before
    assert scored["tests"]["solved"] >= len(solved)


@pytest.mark.parametrize("option", ["--output", "--submission"])
def test_a_file_that_cannot_be_written_is_told_before_sampling(whole, tmp_path, capsys, option):
    for path in (tmp_path, tmp_path / "none" / "file.json"):
        line = refused(capsys, "evaluate", whole, "--tasks", "arc1/evaluation", option, path)
        assert line == f"error: {path}: can't be written, expected the path of a file in a folder that exists"


def test_a_task_of_any_source_can_be_named(whole, tmp_path, capsys):
    clone = write_conceptarc(tmp_path / "clone")
    assert call(capsys, "solve", whole, f"conceptarc:{clone}/Center1", "--workers", 1)["task_id"] == "Center1"
    assert call(capsys, "show", whole, "arc2/evaluation/0934a4d8")["programs"] == []


def solved_task(whole):
    """Return a task that the policy solved in the run."""
    return next(row["task_id"] for row in rows_of(whole, "solutions.jsonl") if all(row["demonstrations"]))


def test_solve_predicts_by_vote_and_says_what_the_papers_rule_chooses(whole, tasks, capsys):
    task = tasks[solved_task(whole)]
    every = call(capsys, "sample", whole, task.id, "--num", 24, "--workers", 1)
    result = call(capsys, "solve", whole, task.id, "--num", 24, "--workers", 1)
    held = [program for program in every["programs"] if any(program["demonstrations"])]
    assert result["paper_rule"]["programs"] == held[:3]
    assert result["paper_rule"]["predictions"] == [program["predictions"] for program in held[:3]]
    # The vote, written out: equal predictions are one guess.
    groups: dict[str, list] = {}
    for program in held:
        if None not in program["predictions"]:
            groups.setdefault(json.dumps(program["predictions"]), []).append(program)
    best = sorted(groups.values(), key=lambda group: (-sum(group[0]["demonstrations"]), -len(group)))[:3]
    assert result["programs"] == [group[0] for group in best]
    assert result["predictions"] == [group[0]["predictions"] for group in best]
    assert len({json.dumps(prediction) for prediction in result["predictions"]}) == len(result["predictions"]) >= 1
    assert result["solved"] == every["solved"]
    assert result["solved"]["demonstrations"] == 1
    assert result["task_id"] == task.id


def test_solve_takes_a_file_without_test_outputs(whole, tasks, tmp_path, capsys):
    task = tasks[solved_task(whole)]
    raw = {
        "train": [{"input": e.input, "output": e.output} for e in task.demonstrations],
        "test": [{"input": e.input} for e in task.tests],
    }
    path = tmp_path / f"{task.id}.json"
    path.write_text(json.dumps(raw))
    by_id = call(capsys, "solve", whole, task.id, "--num", 24, "--workers", 1)
    by_file = call(capsys, "solve", whole, path, "--num", 24, "--workers", 1)
    assert by_file["predictions"] == by_id["predictions"]
    assert by_file["solved"] == dict.fromkeys(COLUMNS) | {"demonstrations": 1}
    assert all(program["tests"] is None for program in by_file["programs"])


def test_solve_says_so_when_nothing_holds(whole, tmp_path, capsys):
    raw = {"train": [{"input": [[1]], "output": [[9] * 29]}], "test": [{"input": [[1]]}]}
    (tmp_path / "odd.json").write_text(json.dumps(raw))
    assert main(["solve", str(whole), str(tmp_path / "odd.json"), "--workers", "1"]) == 0
    assert "none of 8 programs reproduces a demonstration; try --num" in capsys.readouterr().out


def test_show_is_what_the_run_found(whole, tasks, capsys):
    task = tasks[solved_task(whole)]
    before = picture(whole)
    result = call(capsys, "show", whole, task.id, "--num", 100)
    assert picture(whole) == before
    rows = [row for row in rows_of(whole, "solutions.jsonl") if row["task_id"] == task.id]
    assert {program["program"] for program in result["programs"]} == {row["program"] for row in rows}
    for program in result["programs"]:
        check_program(program, task)
        first = next(row for row in rows if row["program"] == program["program"])
        assert (program["origin"], program["iteration"]) == (first["origin"], first["iteration"])
    assert result["solved"]["demonstrations"] == 1
    assert call(capsys, "show", whole, task.id, "--num", 1)["programs"] == result["programs"][:1]


def test_show_needs_no_jax(whole):
    code = (
        "import sys; from codeit_jax.cli import main; "
        f"code = main(['show', {str(whole)!r}, 'task0']); "
        "print(code, [m for m in ('jax', 'flax', 'orbax') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stderr.splitlines()[-1] == "0 []"


def test_a_line_that_is_still_being_written_is_left_out(whole, tmp_path, capsys):
    run = shutil.copytree(whole, tmp_path / "run")
    with (run / "solutions.jsonl").open("a") as file:
        file.write('{"task_id": "task0", "progr')
    assert call(capsys, "show", run, "task0") == call(capsys, "show", whole, "task0")
    with (run / "solutions.jsonl").open("a") as file:
        file.write("\n")
    assert "solutions.jsonl:" in refused(capsys, "show", run, "task0", code=4)
    (run / "solutions.jsonl").write_text('{"task_id": "task0"}\n')
    assert "solutions.jsonl:1" in refused(capsys, "show", run, "task0", code=4)


def test_no_control_character_reaches_the_terminal(whole, tmp_path, capsys):
    run = shutil.copytree(whole, tmp_path / "run")
    row = next(row for row in rows_of(run, "solutions.jsonl") if all(row["demonstrations"]))
    row["program"] = "O = I\x1b]0;title\x07\u202e\nx\r\x9b"
    (run / "solutions.jsonl").write_text(json.dumps(row) + "\n")
    assert main(["show", str(run), row["task_id"]]) == 0
    text = capsys.readouterr().out
    assert "    O = I\\x1b]0;title\\x07\\u202e\n    x\\r\\x9b\n" in text
    assert all(c.isprintable() or c == "\n" for c in text)


def test_terminals_get_colors_and_pipes_digits(whole, capsys, monkeypatch):
    task_id = solved_task(whole)
    assert main(["show", str(whole), task_id]) == 0
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["show", str(whole), task_id]) == 0
    assert "\x1b[48;5;" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["show", str(whole), task_id]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_run_that_goes_on_can_be_read(whole, tmp_path, capsys):
    run = shutil.copytree(whole, tmp_path / "run")
    with (run / "LOCK").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert call(capsys, "solve", run, "task0", "--workers", 1)
        assert call(capsys, "show", run, "task0")


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_used(whole, tmp_path, capsys):
    run = shutil.copytree(whole, tmp_path / "run")
    newer = newest(run)
    (run / "checkpoints" / str(newer) / "meta.json").write_text("{}")
    before = picture(run)
    assert call(capsys, "solve", run, "task0", "--workers", 1)["checkpoint"] < newer
    assert picture(run) == before
    for file in (run / "checkpoints").rglob("meta.json"):
        file.write_text("{}")
    assert "no checkpoint is whole" in refused(capsys, "solve", run, "task0", code=4)


@pytest.mark.parametrize("given", [True, False])
def test_no_cache_that_a_run_names_is_used(whole, tmp_path, capsys, monkeypatch, given):
    # A compilation cache holds code: the user's own is used, be it given or the default.
    run, planted, home = shutil.copytree(whole, tmp_path / "run"), tmp_path / "planted", tmp_path / "home"
    config = (run / "config.yaml").read_text()
    cache = load_config([run / "config.yaml"]).hardware.compilation_cache
    (run / "config.yaml").write_text(config.replace(cache, str(planted)))
    monkeypatch.setenv("HOME", str(home))
    if not given:
        monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    call(capsys, "export", run, tmp_path / "policy")
    assert jax.config.jax_compilation_cache_dir == (cache if given else f"{home}/.cache/codeit_jax/xla")
    assert not planted.exists()


VERBS = (["sample", "RUN", "task0"], ["solve", "RUN", "task0"], ["show", "RUN", "task0"], ["export", "RUN", "DIR"])


@pytest.mark.parametrize("arguments", [*VERBS, ["evaluate", "RUN", "--tasks", "arc1/training"]], ids=lambda a: a[0])
def test_what_is_no_run_is_one_line(arguments, tmp_path, capsys):
    def fill(run):
        return [{"RUN": str(run), "DIR": str(tmp_path / "out")}.get(word, word) for word in arguments]

    assert "no config.yaml" in refused(capsys, *fill(tmp_path / "nowhere"))
    (tmp_path / "config.yaml").write_text("seed: no")
    assert "no run.json" in refused(capsys, *fill(tmp_path))
    (tmp_path / "run.json").write_text(json.dumps({"format": FORMAT, "kind": "train"}))
    assert "seed" in refused(capsys, *fill(tmp_path))
    (tmp_path / "config.yaml").write_text("seed: 1")
    if arguments[0] != "show":
        problem = refused(capsys, *fill(tmp_path)) if "task0" not in arguments else "found no checkpoint"
        assert "found no checkpoint" in problem


def test_an_unknown_task_is_one_line(whole, capsys):
    line = refused(capsys, "sample", whole, "task1", "task99")
    assert "'task99' not found" in line
    assert "arc1/evaluation" in line


def test_a_task_that_changed_since_is_one_line(whole, tmp_path, capsys):
    run = shutil.copytree(whole, tmp_path / "run")
    row = next(row for row in rows_of(run, "solutions.jsonl") if all(row["demonstrations"]))
    (run / "solutions.jsonl").write_text(json.dumps(row | {"tests": [True, False]}) + "\n")
    (run / "sampled_solutions.jsonl").write_text("")  # which names lines that are gone
    for verb in (["show", run, row["task_id"]], ["report", run]):
        assert "2 demonstrations and 1 tests, expected 2 and 2" in refused(capsys, *verb)


def test_two_files_of_one_name_are_one_line(whole, tmp_path, capsys):
    for folder, color in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        raw = {"train": [{"input": [[color]], "output": [[0]]}], "test": [{"input": [[1]]}]}
        (tmp_path / folder / "same.json").write_text(json.dumps(raw))
    paths = [tmp_path / folder / "same.json" for folder in ("a", "b")]
    assert "two tasks have the id 'same'" in refused(capsys, "sample", whole, *paths)


def test_another_tokenizer_than_the_checkpoints_is_one_line(whole, tmp_path, capsys, monkeypatch):
    from codeit_jax.text.native import NativeTokenizer

    monkeypatch.setattr(NativeTokenizer, "digest", "0" * 64)
    assert "its vocabulary changed" in refused(capsys, "solve", whole, "task0")


@pytest.fixture
def exported(whole, tmp_path, capsys):
    result = call(capsys, "export", whole, tmp_path / "exports" / "policy")
    assert (result["checkpoint"], result["iteration"]) == (newest(whole), 2)
    return tmp_path / "exports" / "policy"


def test_an_export_has_the_weights_of_the_newest_checkpoint(whole, exported):
    names = {"config.json", "generation_config.json", "model.safetensors", "special_tokens_map.json"}
    assert {path.name for path in exported.iterdir()} == names | {
        "tokenizer.json",
        "tokenizer_config.json",
        "README.md",
    }
    assert [path.name for path in exported.parent.iterdir()] == ["policy"]
    config = load_config([whole / "config.yaml"])
    native = build_tokenizer("native")
    params = load_pretrained(exported, config.model, native.vocabulary_size)
    found = jax.tree_util.tree_leaves_with_path({"params": params})
    state = {name: array for name, array in state_of(whole).items() if name.startswith("params/")}
    assert len(found) == len(state)
    for path, leaf in found:
        np.testing.assert_array_equal(leaf, state[jax.tree_util.keystr(path, simple=True, separator="/")])
    modes = {path.stat().st_mode & 0o777 for path in exported.iterdir()}
    assert len(modes) == 1


def test_an_exported_native_tokenizer_has_the_same_ids(exported):
    from tokenizers import Tokenizer

    native = build_tokenizer("native")
    words = Tokenizer.from_file(str(exported / "tokenizer.json"))
    program = "x1 = hmirror(I)\nO = vconcat(I, x1)"
    ids = words.encode("hmirror I =x1 vconcat I x1").ids
    assert ids == native.encode_program(program).tolist()
    assert words.get_vocab_size() == native.vocabulary_size


def test_an_exported_bpe_is_the_same_tokenizer(tmp_path):
    train_bpe(tmp_path)
    bpe = BpeTokenizer(tmp_path)
    (tmp_path / "out").mkdir()
    bpe.save(tmp_path / "out")
    again = BpeTokenizer(tmp_path / "out")
    assert again.digest == bpe.digest
    program = "x1 = hmirror(I)\nO = vconcat(I, x1)"
    assert again.encode_program(program).tolist() == bpe.encode_program(program).tolist()
    from tokenizers import Tokenizer

    framed = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json")).encode(program).ids
    assert framed == bpe.encode_program(program).tolist()


@pytest.mark.parametrize("there", ["file", "folder"])
def test_an_export_overwrites_nothing(whole, tmp_path, capsys, there):
    target = tmp_path / "target"
    if there == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine").write_text("mine")
    assert "is there already" in refused(capsys, "export", whole, target)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_an_export_that_fails_leaves_nothing(whole, tmp_path, capsys, monkeypatch):
    from codeit_jax.inference import weights_export as exporting

    def full(point):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "fault_point", full)
    assert "No space left on device" in refused(capsys, "export", whole, tmp_path / "out", code=4)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    # What a killed one leaves stops nobody, whatever its process was called.
    (tmp_path / f".out-{os.getpid()}").mkdir()
    call(capsys, "export", whole, tmp_path / "out")
    (tmp_path / "file").write_text("")
    refused(capsys, "export", whole, tmp_path / "file" / "below", code=4)


@pytest.mark.torch
def test_transformers_loads_an_export_with_equal_logits(whole, exported):
    import torch
    from transformers import AutoTokenizer, T5ForConditionalGeneration

    from codeit_jax.model import T5Model

    theirs, report = T5ForConditionalGeneration.from_pretrained(exported, output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    config = load_config([whole / "config.yaml"])
    native = build_tokenizer("native")
    model = T5Model(config.model, native.vocabulary_size)
    params = load_pretrained(exported, config.model, native.vocabulary_size)
    tokens = np.arange(3, 63).reshape(2, 30)
    targets = np.arange(100, 114).reshape(2, 7)
    network, mask = model.bind(params), np.ones((2, 30), bool)
    inputs = np.concatenate([np.full((2, 1), native.start_id), targets[:, :-1]], axis=1)
    ours = network.logits(network.decode(inputs, network.encode(tokens, mask), mask))
    with torch.no_grad():
        logits = theirs.eval()(input_ids=torch.tensor(tokens), decoder_input_ids=torch.tensor(inputs)).logits
    np.testing.assert_allclose(ours, logits.numpy(), atol=1e-4)
    words = AutoTokenizer.from_pretrained(exported)
    assert (words.pad_token_id, words.eos_token_id) == (native.pad_id, native.end_id)
    assert theirs.generation_config.max_new_tokens == config.text.max_program_tokens
