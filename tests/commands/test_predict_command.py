"""Contract and fault tests of `predict`: JSON keys, files, resuming after kill -9, budget, programs, and the key."""

import json
import os
import signal
import subprocess
import sys

import pytest

from codeit_jax.cli import main
from codeit_jax.evaluation import COLUMNS
from codeit_jax.prediction import asking
from codeit_jax.programs import load_programs
from codeit_jax.storage.run_directory import check_kind
from tests.prediction.model_server import failed, said, serving

KEY = "sk-very-secret-0123456789"
GRIDS = [[[1, 2], [3, 4]], [[5, 0, 6], [0, 7, 7]], [[8], [9]]]
RULES = {"flip": lambda g: g[::-1], "mirror": lambda g: [row[::-1] for row in g], "same": lambda g: g}
PROGRAMS = {"flip": "O = hmirror(I)", "mirror": "O = vmirror(I)", "same": "O = identity(I)"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three tasks with two tests each."""
    monkeypatch.setattr(asking, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "tasks").mkdir()
    for task_id, rule in RULES.items():
        pairs = [{"input": grid, "output": rule(grid)} for grid in GRIDS]
        tests = [pairs[2], {"input": [[1, 0]], "output": rule([[1, 0]])}]
        (tmp_path / "tasks" / f"{task_id}.json").write_text(json.dumps({"train": pairs[:2], "test": tests}))
    return tmp_path


def text_of(grid):
    return "\n".join(" ".join(map(str, row)) for row in grid)


def rule_of(body):
    """Return the name of the rule that a prompt's pairs follow: what a perfect model would find."""
    text = body["messages"][0]["content"] if "messages" in body else body["prompt"]
    shown = [f"input:\n{text_of(GRIDS[1])}\noutput:\n{text_of(rule(GRIDS[1]))}" in text for rule in RULES.values()]
    return list(RULES)[shown.index(True)]


def perfect(body):
    lines = body["messages"][-1]["content"].split("input:\n")[-1].split("\noutput:")[0].split("\n")
    grid = [[int(cell) for cell in line.split()] for line in lines]
    return said(f"It is a rule.\n```\n{text_of(RULES[rule_of(body)](grid))}\n```")


def command(server, folder, *rest):
    tasks, run = str(folder / "tasks"), str(folder / "run")
    return ["predict", "--endpoint", server.url, "--model", "m", "--tasks", tasks, "--run-dir", run, *rest]


def predict(server, folder, capsys, *rest):
    assert main([*command(server, folder, *rest), "--json"]) == 0
    output = capsys.readouterr()
    return json.loads(output.out.splitlines()[-1])


def test_grids_are_asked_for_scored_and_submitted(folder, capsys):
    with serving(lambda body, number: perfect(body)) as server:
        submitted = folder / "submission.json"
        result = predict(server, folder, capsys, "--submission", str(submitted), "--prices", "2,10")
    assert server.paths == ["/v1/chat/completions"] * 6
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    assert result["solved"] == {"demonstrations": None, **dict.fromkeys(COLUMNS[1:], 3)}
    assert (result["tests"]["solved"], result["tests"]["count"], result["num_tasks"]) == (6, 6, 3)
    assert result["tokens"] == {"prompt": 60, "completion": 30, "estimated_answers": 0}
    assert result["requests"] == {"sent": 6, "answered": 6, "refused": 0, "unanswered": 0, "truncated": 0}
    assert (result["cost"], result["complete"], result["model"]) == (60 * 2e-6 + 30 * 1e-5, True, "m")
    assert result["tasks"][0]["guesses"][0] == [{"grid": [[9], [8]], "count": 1, "right": True}]
    attempts = json.loads(submitted.read_text())
    assert attempts["mirror"][1] == {"attempt_1": [[0, 1]], "attempt_2": [[1, 0]]}
    assert json.loads((folder / "run" / "summary.json").read_text()) == result
    check_kind(folder / "run", "predict")


def test_text_for_people(folder, capsys):
    with serving(lambda body, number: perfect(body)) as server:
        assert main(command(server, folder)) == 0
    output = capsys.readouterr().out
    assert "6 grids in 6 answers, for 3 tasks of" in output
    assert "tests solved of 6: 6 by pass@1, 6 by pass@3, 6 by two guesses" in output
    assert "tokens: 60 in prompts, 30 in completions; 6 requests, 0 refused" in output


def test_an_answer_is_never_asked_for_again_and_more_samples_add_to_it(folder, capsys):
    with serving(lambda body, number: perfect(body)) as server:
        first = predict(server, folder, capsys, "--temperature", "1")
        again = predict(server, folder, capsys, "--temperature", "1")
        assert len(server.bodies) == 6
        more = predict(server, folder, capsys, "--temperature", "1", "--num", "3")
    assert len(server.bodies) == 18
    assert len({body["seed"] for body in server.bodies}) == 18
    assert first | {"seconds": 0} == again | {"seconds": 0}
    assert (more["answers"], more["tasks"][0]["guesses"][0][0]["count"]) == (18, 3)


def test_at_temperature_0_each_is_asked_once(folder, capsys):
    with serving(lambda body, number: perfect(body)) as server:
        assert predict(server, folder, capsys, "--num", "5")["num"] == 1
    assert len(server.bodies) == 6


@pytest.mark.parametrize(
    ("change", "said_of_it"),
    [
        (["--model", "other"], "model is 'other', expected 'm'"),
        (["--format", "sparse"], "format is 'sparse'"),
        (["--field", "top_p=0.5"], "fields is {'top_p': 0.5}, expected {}"),
        (["--write", "programs"], "write is 'programs'"),
    ],
)
def test_another_question_needs_another_directory(folder, capsys, change, said_of_it):
    with serving(lambda body, number: perfect(body)) as server:
        predict(server, folder, capsys)
        assert main(command(server, folder, *change)) == 2
    assert said_of_it in capsys.readouterr().err
    assert len(server.bodies) == 6


def started(server, folder, *rest, **environment):
    call = [sys.executable, "-m", "codeit_jax", *command(server, folder, *rest)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
    return subprocess.Popen(call, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_after_a_kill_only_what_is_missing_is_asked_for(folder, capsys):
    with serving(lambda body, number: perfect(body)) as server:
        process = started(server, folder, "--concurrency", "1", CODEIT_JAX_FAULT="answers.jsonl:4:kill")
        assert process.wait(120) == -signal.SIGKILL
        kept = (folder / "run" / "answers.jsonl").read_text().splitlines()
        asked = len(server.bodies)
        assert (len(kept), asked) == (3, 4)
        # What a power cut may leave: the beginning of a line.
        with open(folder / "run" / "answers.jsonl", "a") as file:
            file.write('{"task_id": "fl')
        result = predict(server, folder, capsys)
    # The answer that was being written was lost, and is the only one that is asked for twice.
    assert len(server.bodies) == asked + 3
    assert result["tests"]["solved"] == 6
    assert len((folder / "run" / "answers.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_at_once_and_the_same_command_goes_on(folder, capsys, number):
    process = None

    def answer(body, count):
        if count == 3:
            process.send_signal(number)
            server.released.wait(60)
        return perfect(body)

    with serving(answer) as server:
        process = started(server, folder, "--concurrency", "1")
        error = process.communicate(timeout=60)[1]
        assert process.returncode == 75, error
        assert error.splitlines()[-1] == f"error: stopped, the same command resumes from {folder / 'run'}"
        assert len((folder / "run" / "answers.jsonl").read_text().splitlines()) == 3
        assert predict(server, folder, capsys)["answers"] == 6
    assert len(server.bodies) == 7


def test_a_budget_stops_it_and_a_larger_one_goes_on(folder, capsys):
    with serving(lambda body, number: perfect(body)) as server:
        result = predict(server, folder, capsys, "--concurrency", "1", "--budget", "30")
        assert (result["answers"], result["complete"], result["stopped_by_budget"]) == (2, False, True)
        assert main(command(server, folder, "--concurrency", "1", "--budget", "45")) == 0
        assert "the budget is spent; the same command with a larger --budget goes on" in capsys.readouterr().out
        assert len(server.bodies) == 3
        assert predict(server, folder, capsys)["complete"]
    assert len(server.bodies) == 6


def test_what_has_no_answer_is_said_and_asked_again(folder, capsys):
    with serving(lambda body, number: failed(500, "oops") if number < 2 else perfect(body)) as server:
        assert main(command(server, folder, "--concurrency", "1", "--tries", "2")) == 0
        output = capsys.readouterr().out
        assert "1 questions have no answer" in output
        assert "answers 500, 'oops'); the same command asks them again" in output
        result = predict(server, folder, capsys)
    assert (result["complete"], result["tests"]["solved"], len(server.bodies)) == (True, 6, 8)


def test_completions_continue_the_bare_pairs(folder, capsys):
    def answer(body, number):
        assert body["prompt"].endswith("\noutput:")
        rule = RULES[rule_of(body)]
        grid = [[int(c) for c in row.split()] for row in body["prompt"].split("input:\n")[-1].split("\n")[:-1]]
        value = {
            "choices": [{"text": f"\n{text_of(rule(grid))}\n\ninput:\n1 1\noutput:\n2", "finish_reason": "length"}]
        }
        response = said("")
        response.body = json.dumps(value).encode()
        return response

    with serving(answer) as server:
        result = predict(server, folder, capsys, "--api", "completions")
    assert set(server.paths) == {"/v1/completions"}
    assert result["tests"]["solved"] == 6
    assert result["tokens"]["estimated_answers"] == 6
    assert result["requests"]["truncated"] == 6


def test_programs_are_asked_for_repaired_and_scored(folder, capsys):
    def answer(body, number):
        rule = rule_of(body)
        if rule == "same":
            return said("I don't know.")
        if len(body["messages"]) == 1:
            return said("O = rot90(J)" if rule == "flip" else "```\nO = rot180(I)\n```")
        assert body["messages"][1]["role"] == "assistant"
        assert ("an argument is neither I" if rule == "flip" else "Pair 1: wrong") in body["messages"][2]["content"]
        return said(PROGRAMS[rule])

    with serving(answer) as server:
        rest = ["--write", "programs", "--repairs", "2", "--workers", "1"]
        result = predict(server, folder, capsys, *rest, "--submission", str(folder / "s.json"))
        asked = len(server.bodies)
        assert predict(server, folder, capsys, *rest) | {"seconds": 0} == result | {"seconds": 0}
        assert len(server.bodies) == asked == 3 + 3 + 1
    assert result["solved"] == dict.fromkeys(COLUMNS, 2)
    assert result["tests"] == {"solved": 4, "pass@3": 4, "count": 6}
    assert (result["programs"], result["parsed"], result["unique"], result["experiences"]) == (7, 3, 3, 3)
    rows = [json.loads(line) for line in (folder / "run" / "solutions.jsonl").read_text().splitlines()]
    assert [(row["task_id"], row["program"], row["origin"], row["work"]) for row in rows] == [
        ("flip", PROGRAMS["flip"], "endpoint", 2),
        ("mirror", PROGRAMS["mirror"], "endpoint", 2),
    ]
    programs = {seed.task_id: str(seed.program) for seed in load_programs(folder / "run" / "programs.txt")}
    assert programs == {"flip": PROGRAMS["flip"], "mirror": PROGRAMS["mirror"]}
    assert json.loads((folder / "s.json").read_text())["flip"][0]["attempt_1"] == [[9], [8]]
    assert main(["programs", "check", str(folder / "run" / "programs.txt"), "--tasks", str(folder / "tasks")]) == 0
    # The outputs of tests are in no prompt.
    assert not any(f"output:\n{text_of([[9], [8]])}" in text for text in map(json.dumps, server.bodies))


def test_a_program_that_only_runs_is_kept_to_learn_from(folder, capsys):
    with serving(lambda body, number: said("O = canvas(ONE, UNITY)")) as server:
        result = predict(server, folder, capsys, "--write", "programs", "--repairs", "0", "--workers", "1")
    assert (result["solved"], result["experiences"]) == (dict.fromkeys(COLUMNS, 0), 3)
    assert (folder / "run" / "solutions.jsonl").read_text() == ""
    assert len(load_programs(folder / "run" / "programs.txt")) == 3


def test_the_key_is_nowhere(folder, capsys, caplog):
    caplog.set_level("DEBUG")

    def answer(body, number):
        if number == 0:
            return failed(429, f"key {KEY} is limited")
        if number == 1:
            return failed(400, f"key {KEY} refused")
        return said(f"0 0\nmy key is {KEY}", finish_reason=KEY)

    def shown():
        files = b"".join(path.read_bytes() for path in (folder / "run").iterdir())
        output = capsys.readouterr()
        return files.decode() + output.out + output.err + caplog.text

    with serving(answer) as server:
        assert main(["--debug", *command(server, folder, "--concurrency", "1")]) == 0
        assert "[key]" in (text := shown())
        assert KEY not in text
        assert main(["--debug", *command(server, folder, "--field", f"user={KEY}")]) == 2
        assert KEY not in shown()
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    (folder / "run").rename(folder / "before")
    with serving(lambda body, number: failed(401, f"Incorrect key {KEY}")) as server:
        assert main(["--debug", *command(server, folder)]) == 2
        text = shown()
        assert "expected the endpoint's key in the environment variable OPENAI_API_KEY, which is not accepted" in text
        assert KEY not in text


def test_the_key_is_from_the_variable_that_is_named(folder, capsys, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "another-key-987654321")
    with serving(lambda body, number: perfect(body)) as server:
        predict(server, folder, capsys, "--key-env", "OTHER_KEY")
    assert server.headers[0]["Authorization"] == "Bearer another-key-987654321"
    (folder / "run").rename(folder / "before")
    with serving(lambda body, number: perfect(body)) as server:
        predict(server, folder, capsys, "--key-env", "")
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--endpoint", "nowhere"], "expected an address"),
        (["--endpoint", "http://gpu-box/v1"], "expected https"),
        (["--tasks", "nowhere"], "nowhere"),
        (["--field", "x"], "expected NAME=VALUE"),
        (["--submission", "/nowhere/file"], "can't be written"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line_and_nothing_is_asked(folder, capsys, arguments, expected):
    with serving(lambda body, number: perfect(body)) as server:
        assert main(command(server, folder, *arguments)) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1
    assert server.bodies == []
    assert not (folder / "run").exists()


def test_without_the_client_one_line_says_what_to_install(folder, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with serving(lambda body, number: perfect(body)) as server:
        assert main(command(server, folder)) == 2
    assert "httpx2 isn't installed, expected: pip install 'codeit_jax[predict]'" in capsys.readouterr().err
