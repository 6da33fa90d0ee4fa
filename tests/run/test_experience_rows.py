"""Exact test of `export-solutions --experiences`: the replay of a real run, each row a right example of its program."""

import json

import interpreter
from codeit_jax.arc import load_tasks
from codeit_jax.cli import main
from codeit_jax.config.loading import load_config
from tests.run.tiny_run import rows_of


def test_every_experience_is_a_right_example_of_what_its_program_does(whole, tmp_path, capsys):
    file = tmp_path / "experiences.jsonl"
    assert main(["export-solutions", str(whole), str(file), "--experiences", "--json"]) == 0
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert json.loads(capsys.readouterr().out)["rows"] == len(rows)
    # All that the replay holds of the policy: nothing was too long in this run.
    sizes = [row["size"] for row in rows_of(whole, "metrics.jsonl") if row["stage"] == "replay"]
    assert len(rows) == sizes[-1] > 0
    assert len({(row["task_id"], row["code"]) for row in rows}) == len(rows)
    tasks = load_tasks(load_config([whole / "config.yaml"]).data.search_tasks)
    for row in rows:
        program, task = interpreter.parse(row["code"]), tasks[row["task_id"]]
        outputs = [interpreter.run(program, grid).grid for grid in task.demonstration_inputs]
        assert row["train_output"] == json.loads(json.dumps([grid for grid in outputs if grid is not None]))
        assert len(row["train_input"]) == len(row["train_output"]) > 0
        solved = [grid == example.output for grid, example in zip(outputs, task.demonstrations, strict=True)]
        assert row["priority"] == sum(solved) / len(solved)
        assert (row["origin"], row["step"] in (0, 1)) == ("policy", True)
