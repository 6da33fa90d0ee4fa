"""Contract and exact tests of the main job: files and keys, equal seeds equal bits, each setting has its effect."""

import json
from collections import defaultdict

import numpy as np
import pytest

import interpreter
from codeit_jax.arc import load_tasks
from codeit_jax.config.loading import load_config
from codeit_jax.evaluation import COLUMNS, solve_report
from codeit_jax.model import T5Model
from codeit_jax.model.huggingface import save_pretrained
from codeit_jax.reporting.run_reader import read_sampled_solutions
from codeit_jax.run import checkpointing
from codeit_jax.text import build_tokenizer
from codeit_jax.training.experience_replay import ExperienceReplay
from tests.run.tiny_run import Tiny, learning_rows, newest, read_json, result_of, rows_of, state_of

COUNTS = set(COLUMNS)
ROWS = {"seeds", "mutants", "policy", "policy_new", "policy_last", "cumulative"}
STAGES = ["sample", "execute", "relabel", "find", "replay", "score", "learn"]


def replay_of(directory):
    """Return the newest checkpoint's replay."""
    config = load_config([directory / "config.yaml"])
    replay = ExperienceReplay(config.replay, config.text, build_tokenizer("native"))
    replay.load(directory / "replay" / str(newest(directory)))
    return replay


def replayed(directory, partition="policy"):
    """Return the columns of a partition of the newest checkpoint's replay."""
    return replay_of(directory)[partition].items().data


def check_contract(directory, tasks, samples, iterations):
    """Check a finished run directory's files and keys, and its numbers against each other."""
    files = {"LOCK", "checkpoints", "config.yaml", "log.txt", "metrics.jsonl", "replay", "solutions.jsonl"}
    more = {"run.json", "initial_programs.jsonl", "sampled_solutions.jsonl", "summary.json"}
    assert {path.name for path in directory.iterdir()} == files | more
    summary = read_json((directory / "summary.json").read_text())
    keys = {"tasks", "meta_iterations", "programs_sampled", "programs_unique", "solved", "policy_last", "snapshot"}
    assert set(summary) == keys | {"seed", "t_seconds", "solved_tasks", "screen", "work", "parameters"}
    assert set(summary["solved"]) == ROWS
    assert all(set(counts) == COUNTS for counts in summary["solved"].values())
    assert summary["solved"]["policy_last"] == summary["policy_last"]
    assert {row: len(ids) for row, ids in summary["solved_tasks"].items()} == {
        row: summary["solved"][row]["pass@3"] for row in ROWS - {"policy_last"}
    }
    assert (summary["tasks"], summary["meta_iterations"], summary["seed"]) == (tasks, iterations, 0)
    assert summary["programs_sampled"] == tasks * samples * iterations

    rows = [read_json(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    expected = [(-1, stage) for stage in ("prompts", "mutate", "screen", "learn")]
    expected += [(iteration, stage) for iteration in range(iterations) for stage in STAGES]
    assert [(row["iteration"], row["stage"]) for row in rows] == expected
    assert all(isinstance(row["t_seconds"], float) for row in rows)
    seconds = defaultdict(float)
    for row in rows:
        seconds[row["stage"]] += row["t_seconds"]
    assert summary["t_seconds"] == {stage: round(value, 1) for stage, value in seconds.items()}
    score = next(row for row in reversed(rows) if row["stage"] == "score")
    assert {key: score[key] for key in summary["solved"]} == summary["solved"]
    # What the report needs is recorded as it happens: the sizes agree with each other.
    assert len(rows[0]["token_counts"]) == tasks >= rows[0]["truncated"]
    for row in rows:
        if row["stage"] == "sample":
            assert sum(row["token_histogram"]) == row["programs"] == tasks * samples
        if row["stage"] == "execute":
            assert sum(row["syntax_faults"].values()) <= row["programs"]
            assert set(row["primitives"]) <= set(interpreter.PRIMITIVES)
        if row["stage"] == "score":
            assert len(row["policy_last_tasks"]) == row["policy_last"]["pass@3"]

    initial = rows_of(directory, "initial_programs.jsonl")
    screened = {origin: sum(row["origin"] == origin for row in initial) for origin in ("seed", "mutant")}
    work = {origin: number * tasks for origin, number in screened.items()}
    assert summary["work"] == {"programs": work | {"policy": summary["programs_sampled"]}}
    solutions = rows_of(directory, "solutions.jsonl")
    fields = {
        "task_id",
        "program",
        "iteration",
        "origin",
        "demonstrations",
        "tests",
        "work",
        "copy_of",
        "constant",
        "guess",
    }
    assert all(set(row) == fields for row in solutions)
    for row in solutions:
        if row["origin"] == "policy":
            assert row["work"] == len(initial) + samples * (row["iteration"] + 1)
            copied = {other["origin"] for other in initial if other["program"] == row["program"]}
            assert copied == ({row["copy_of"]} if row["copy_of"] else set())
        else:
            assert initial[row["work"] - 1] == {"program": row["program"], "origin": row["origin"]}
    assert sum(row.get("new", 0) for row in rows) == sum(row["origin"] == "policy" for row in solutions)
    origins = {
        "seeds": {"seed"},
        "mutants": {"mutant"},
        "policy": {"policy"},
        "cumulative": {"policy", "seed", "mutant"},
    }
    for name, counted in origins.items():
        own = [row for row in solutions if row["origin"] in counted]
        solving = {row["task_id"] for row in own if all(row["demonstrations"])}
        assert summary["solved"][name]["demonstrations"] == len(solving)
    assert [path.name for path in (directory / "replay").iterdir() if path.name == str(newest(directory))]


def test_files_keys_and_numbers_of_a_run(whole):
    check_contract(whole, tasks=6, samples=8, iterations=2)
    summary = read_json((whole / "summary.json").read_text())
    solved = summary["solved"]
    assert (solved["seeds"]["demonstrations"], summary["screen"]) == (6, "all")
    assert solved["policy"]["demonstrations"] > 0  # or the tests of resuming would compare too little


def test_what_each_meta_iteration_solved_can_be_counted_from_the_files(whole):
    tasks = load_tasks(load_config([whole / "config.yaml"]).data.search_tasks)
    sampled = read_sampled_solutions(whole)
    scores = {row["iteration"]: row for row in rows_of(whole, "metrics.jsonl") if row["stage"] == "score"}
    assert sampled.keys() == scores.keys()
    for iteration, candidates in sampled.items():
        assert solve_report(candidates, tasks) == scores[iteration]["policy_last"]
        assert all(c.origin == "policy" and c.iteration <= iteration for c in candidates)
    assert any(c.iteration < iteration for iteration, candidates in sampled.items() for c in candidates)


def test_the_fast_screen_says_so_beside_its_numbers(tiny, tmp_path):
    assert tiny(tmp_path, "mutation.candidates=smallest_demonstration", "num_meta_iterations=0").code == 0
    assert read_json((tmp_path / "summary.json").read_text())["screen"] == "smallest_demonstration"
    assert "reproduce only larger demonstrations were overlooked" in (tmp_path / "log.txt").read_text()


def test_the_end_of_a_run_lists_the_tasks_that_it_counts(whole):
    summary = read_json((whole / "summary.json").read_text())
    log = [line[9:] for line in (whole / "log.txt").read_text().splitlines()]
    listed = log[log.index(next(line for line in log if line.startswith("tasks solved by pass@3:"))) :]
    counted = {task_id for ids in summary["solved_tasks"].values() for task_id in ids}
    assert [line.split()[0] for line in listed if line.startswith("task") and "/2  " in line] == sorted(counted)


@pytest.mark.slow
def test_the_smoke_preset_keeps_the_contract(tmp_path):
    done = Tiny("configs/smoke.yaml").process(tmp_path / "run", f"hardware.compilation_cache={tmp_path}/cache")
    assert done.code == 0
    check_contract(tmp_path / "run", tasks=12, samples=4, iterations=2)


def test_equal_seeds_give_equal_bits_whatever_the_hash_seed_and_the_number_of_workers(tiny, whole_process, tmp_path):
    directory, ended = whole_process
    other = tiny.process(tmp_path, "interpreter.num_workers=2", PYTHONHASHSEED="1")
    assert (ended.code, other.code) == (0, 0)
    assert result_of(tmp_path) == result_of(directory)


def test_the_last_line_of_standard_output_is_the_summary_and_quiet_is_quiet(whole_process):
    directory, ended = whole_process
    assert ended.err == ""
    [line] = ended.out.splitlines()
    assert line == json.dumps(read_json((directory / "summary.json").read_text()))
    assert "tasks solved of 6" in (directory / "log.txt").read_text()


def test_running_programs_while_others_are_sampled_changes_nothing(tiny, whole, tmp_path):
    assert tiny(tmp_path, "hardware.overlap=false").code == 0
    assert result_of(tmp_path) == result_of(whole)
    for directory in (tmp_path, whole):
        rows = [read_json(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
        assert all(0 <= row["t_idle_share"] <= 1 for row in rows if row["stage"] == "learn")


def test_another_seed_gives_another_run(tiny, whole, tmp_path):
    assert tiny(tmp_path, "seed=1").code == 0
    other, own = result_of(tmp_path), result_of(whole)
    assert all(other[key] != own[key] for key in ("state", "replay", "metrics", "summary"))


def test_without_relabeling_only_what_solves_a_demonstration_is_learnt(tiny, whole, tmp_path):
    assert tiny(tmp_path, "hindsight.relabel=false").code == 0
    relabeled = [row for row in rows_of(tmp_path, "metrics.jsonl") if row["stage"] == "relabel"]
    assert all(row["experiences"] == row["solving"] for row in relabeled)
    assert (replayed(tmp_path)["performance"] > 0).all()
    assert (replayed(whole)["performance"] == 0).any()


def test_the_replay_prefers_what_solves_demonstrations_unless_told_not_to(tiny, tmp_path):
    few = ("replay.num_policy_experiences=2", "num_meta_iterations=1")
    means = {}
    for priority in ("demonstrations", "uniform"):
        assert tiny(tmp_path / priority, *few, f"replay.priority={priority}").code == 0
        performance = np.sort(replayed(tmp_path / priority)["performance"])
        means[priority] = learning_rows(tmp_path / priority)[-1]["mean_performance"]
    assert means["demonstrations"] >= performance[performance > 0].min() > performance.mean()
    assert means["uniform"] < means["demonstrations"]


def test_the_papers_recipe_draws_with_replacement_only_what_solves(tiny, whole, tmp_path):
    settings = ("replay.draw=with_replacement", "replay.num_policy_experiences=64", "num_meta_iterations=1")
    assert tiny(tmp_path, *settings).code == 0
    learnt = learning_rows(tmp_path)[-1]
    performance = replayed(tmp_path)["performance"]
    assert learnt["policy_experiences"] == 64 > len(performance)
    assert learnt["mean_performance"] >= performance[performance > 0].min()
    assert learning_rows(whole)[1]["mean_performance"] < performance[performance > 0].min()


def test_without_policy_experiences_only_seeds_and_mutants_are_learnt(tiny, tmp_path):
    assert tiny(tmp_path, "replay.policy_experiences=none").code == 0
    assert [row["policy_experiences"] for row in learning_rows(tmp_path)] == [0, 0, 0]
    assert not [row for row in rows_of(tmp_path, "metrics.jsonl") if row["stage"] == "replay"]
    assert len(replayed(tmp_path)["performance"]) == 0


def test_without_mutants_the_seeds_are_the_training_partition(tiny, tmp_path):
    assert tiny(tmp_path, "mutation.num_programs=0", "num_meta_iterations=1").code == 0
    [first] = [row for row in rows_of(tmp_path, "metrics.jsonl") if row["stage"] == "mutate"]
    assert (first["experiences"], first["programs"]) == (6, 6)
    assert learning_rows(tmp_path)[0]["experiences"] == 6


def test_held_out_programs_are_measured_and_in_no_draw(tiny, tmp_path):
    assert tiny(tmp_path / "run", "data.held_out_tasks=2").code == 0
    # By id, evenly spaced: the first and the fourth of six.
    seeds = [row["program"] for row in rows_of(tmp_path / "run", "initial_programs.jsonl") if row["origin"] == "seed"]
    assert seeds == ["O = vmirror(I)", "O = dmirror(I)", "O = rot90(I)", "O = rot270(I)"]
    train = replay_of(tmp_path / "run")["train"]
    names = ["hmirror", "vmirror", "dmirror", "rot180", "rot90", "rot270"]
    learned = [(f"task{number}", f"O = {name}(I)") in train for number, name in enumerate(names)]
    assert learned == [False, True, True, False, True, True]
    rows = learning_rows(tmp_path / "run")
    assert [row["held_out_programs"] for row in rows] == [2, 2, 2]
    assert len({row["held_out_loss"] for row in rows}) == 3
    all_of_them = tiny(tmp_path / "all", "data.held_out_tasks=6")
    assert (all_of_them.code, all_of_them.err) == (
        2,
        "error: data.held_out_tasks is 6, expected fewer: no seed program is left\n",
    )


def test_fewer_demonstrations_are_shown_but_all_are_run(tiny, whole, tmp_path):
    assert tiny(tmp_path, "text.num_demonstrations=1", "num_meta_iterations=1").code == 0
    shown, all_shown = (replayed(directory, "train")["prompt"].lengths for directory in (tmp_path, whole))
    assert len(shown) == len(all_shown)
    assert (shown < all_shown).all()
    assert set(replayed(tmp_path)["performance"]) <= {0, 0.5, 1}
    assert all(len(row["demonstrations"]) == 2 for row in rows_of(tmp_path, "solutions.jsonl"))


def test_the_optimizer_starts_anew_if_asked(tiny, whole, tmp_path):
    assert tiny(tmp_path, "training.reset_optimizer=true").code == 0
    counts = {
        name: {int(array) for path, array in state_of(directory).items() if path.endswith("count")}
        for name, directory in (("reset", tmp_path), ("kept", whole))
    }
    steps = [row["num_steps"] for row in learning_rows(whole)]
    assert counts == {"reset": {steps[-1]}, "kept": {sum(steps)}}
    assert int(state_of(tmp_path)["step"]) == sum(steps)


def test_pad_positions_count_if_asked(tiny, whole, tmp_path):
    assert tiny(tmp_path, "training.pad_loss=true", "num_meta_iterations=1").code == 0
    for padded, plain in zip(learning_rows(tmp_path), learning_rows(whole), strict=False):
        epochs = 10 if padded["iteration"] < 0 else 1
        assert padded["num_target_tokens"] == padded["experiences"] * epochs * 16 > plain["num_target_tokens"]


NOTHING_PARSES = ('sampling.grammar="off"', "training.pretraining_epochs=0", "mutation.score_tasks=false")


@pytest.mark.parametrize(
    "settings",
    [
        ("data.num_search_tasks=1",),
        NOTHING_PARSES,
        (*NOTHING_PARSES, "replay.draw=with_replacement"),
        (*NOTHING_PARSES, "replay.num_train_experiences=0"),
    ],
    ids=["one task", "nothing parses", "nothing to replay", "nothing to learn"],
)
def test_a_poor_run_completes_without_nan(tiny, tmp_path, settings):
    done = tiny(tmp_path, *settings, "num_meta_iterations=1")
    assert (done.code, done.err) == (0, "")
    rows = {row["stage"]: row for row in rows_of(tmp_path, "metrics.jsonl")}
    if "data.num_search_tasks=1" in settings:
        assert rows["sample"]["programs"] == 8
    else:
        assert (rows["execute"]["syntax_share"], rows["relabel"]["experiences"], rows["replay"]["size"]) == (1, 0, 0)
        assert read_json(done.out)["solved"]["policy"] == dict.fromkeys(COUNTS, 0)
    learns = "replay.num_train_experiences=0" not in settings
    assert ((rows["learn"]["num_steps"] > 0), (rows["learn"]["loss"] is not None)) == (learns, learns)
    assert all(np.isfinite(array).all() for array in state_of(tmp_path).values())


@pytest.fixture
def weights(tiny, tmp_path, random_params):
    """A folder of weights for the tiny model, and the weights."""
    tokenizer = build_tokenizer("native")
    model = T5Model(load_config([tiny.config]).model, tokenizer.vocabulary_size)
    params = random_params(model)
    special = {"pad_id": tokenizer.pad_id, "end_id": tokenizer.end_id, "start_id": tokenizer.start_id}
    save_pretrained(tmp_path / "weights", params, model, **special)
    return tmp_path / "weights", params


def test_a_run_starts_from_weights(tiny, tmp_path, weights):
    folder, params = weights
    only_start = ("num_meta_iterations=0", "training.pretraining_epochs=0", "mutation.score_tasks=false")
    assert tiny(tmp_path / "run", f"model.weights={folder}", *only_start).code == 0
    state = state_of(tmp_path / "run")
    np.testing.assert_array_equal(state["params/embedding"], params["embedding"])
    queries = params["decoder"]["layers"]["cross_attention"]["query"]
    np.testing.assert_array_equal(state["params/decoder/layers/cross_attention/query"], queries)


@pytest.mark.parametrize("wrong", ["missing", "other size"])
def test_wrong_weights_are_told_before_slow_work_and_can_be_corrected(tiny, tmp_path, monkeypatch, weights, wrong):
    folder, _ = weights
    settings = ["model.weights=nowhere"] if wrong == "missing" else [f"model.weights={folder}", "model.d_ff=64"]
    with monkeypatch.context() as patch:
        patch.setattr(checkpointing, "initial_experiences", None)
        done = tiny(tmp_path / "run", *settings)
    assert done.code == 2
    [line] = done.err.splitlines()
    assert line.startswith("error: ")
    assert ("nowhere/config.json" if wrong == "missing" else "d_ff is 32, expected 64") in line
    corrected = (f"model.weights={folder}", "num_meta_iterations=0", "mutation.score_tasks=false")
    assert tiny(tmp_path / "run", *corrected).code == 0


def test_a_platform_that_is_not_there_is_told_at_once(tiny, tmp_path):
    done = tiny.process(tmp_path / "run", "hardware.platform=tpu")
    assert (done.code, done.out) == (2, "")
    [line] = done.err.splitlines()
    assert line.startswith("error: hardware.platform is 'tpu', which JAX can't use here (")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
