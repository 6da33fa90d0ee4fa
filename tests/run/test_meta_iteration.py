"""Exact tests of a meta-iteration: known programs in, every stage's numbers, experiences and solutions out."""

import itertools
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from codeit_jax.arc import Example, Task, TaskSet
from codeit_jax.config.schema import Config, HindsightConfig, ReplayConfig, SamplingConfig, TextConfig
from codeit_jax.evaluation import COLUMNS
from codeit_jax.evaluation.solutions import SolutionTable
from codeit_jax.reporting.progress import Reporter
from codeit_jax.run import devices
from codeit_jax.run.meta_iteration import meta_iteration
from codeit_jax.run.monitor import Monitor
from codeit_jax.run.state import PRETRAINING, RunState, Stage, stage_key, stage_rng
from codeit_jax.sampling import SampledProgram
from codeit_jax.text import build_tokenizer
from codeit_jax.training.experience_replay import ExperienceReplay
from codeit_jax.training.learner import LearningMetrics
from codeit_jax.training.throughput import LearningTimes
from interpreter import InterpreterPool, Limits

FLIP = "O = hmirror(I)"
TURN = "O = rot180(I)"
HALF = "x1 = hmirror(I)\nO = tophalf(x1)"
BROKEN = "O = hmirror(I"
FAILING = "O = first(ZERO)"
TOKENIZER = build_tokenizer("native")


def example(grid, output):
    return Example(input=grid, output=output)


def flipped(grid):
    return example(grid, grid[::-1])


# `flip` is solved by FLIP, its first demonstration by TURN too; nothing solves `none`.
TASKS = TaskSet(
    [
        Task(
            id="flip",
            demonstrations=(flipped(((1, 1), (2, 2))), flipped(((1, 2), (3, 4)))),
            tests=(flipped(((5, 6), (7, 8))),),
        ),
        Task(id="none", demonstrations=(example(((1,),), ((9, 9),)),), tests=(example(((1,),), ((9, 9),)),)),
    ],
    source="test",
    snapshot="test",
)
SAMPLES = {"flip": [FLIP, TURN, FLIP, BROKEN], "none": [FLIP, BROKEN, FAILING, BROKEN]}


class FakeSampler:
    """Gives each task's known programs, a task a batch."""

    def sample(self, params, prompts, key):
        for task_id, _ in prompts:
            yield [
                SampledProgram(
                    task_id=task_id,
                    sample=n,
                    text=text,
                    log_prob=-float(n),
                    num_tokens=5 + 4 * n,
                    finished=text != BROKEN,
                )
                for n, text in enumerate(SAMPLES[task_id])
            ]


TIMES = LearningTimes(
    t_tokens_per_second=None,
    t_mfu=None,
    t_step_seconds=None,
    t_feed_seconds=0.0,
    t_compile_seconds=0.0,
    t_compilations=0,
    t_peak_bytes=None,
)


class FakeLearner:
    """Plans four steps and takes them without training."""

    def plan(self, draw, epochs, rng):
        return list(range(4 * epochs))

    def learn(self, state, draw, plan, key, *, taken, should_stop, on_progress):
        steps = list(taken)
        while len(steps) < len(plan) and not should_stop():
            steps.append(len(steps))
        return state, steps, TIMES

    def summarize(self, draw, plan, taken):
        return LearningMetrics(
            num_steps=len(taken),
            num_skipped=0,
            num_spikes=0,
            loss=1.0,
            final_loss=0.5,
            num_target_tokens=1,
            useful_share=1.0,
        )


class Bench:
    """A meta-iteration on fakes, and what it recorded.

    Args:
        pool: runs the programs.
        stop_after: how often it may ask whether to stop before the answer is yes.
    """

    def __init__(self, pool, stop_after=None, **config):
        self.config = Config(
            sampling=SamplingConfig(samples_per_task=4),
            text=TextConfig(prompt_buckets=(64,), program_buckets=(16,)),
            replay=ReplayConfig(capacity=64, draw="without_replacement", **config.pop("replay", {})),
            **config,
        )
        self.parts = SimpleNamespace(
            config=self.config,
            search_tasks=TASKS,
            prompts=[(task.id, None) for task in TASKS],
            sampler=FakeSampler(),
            learner=FakeLearner(),
            held_out=None,
            whole=lambda params: params,
            pool=pool,
            sampling_sizes={},
            learning_sizes={},
        )
        asked = itertools.count(1)
        self.rows = []
        self.written = {"metrics.jsonl": self.rows, "solutions.jsonl": [], "sampled_solutions.jsonl": []}
        self.monitor = Monitor(
            Reporter(quiet=True),
            lambda point: stop_after is not None and next(asked) > stop_after,
            lambda name, rows: self.written[name].extend(rows),
        )
        self.state = RunState(
            iteration=0,
            stage=Stage.SAMPLE,
            train=SimpleNamespace(params={}),
            replay=ExperienceReplay(self.config.replay, self.config.text, TOKENIZER),
            initial_programs={FLIP: "seed"},
            solutions=SolutionTable(),
            sampled=set(),
        )

    def run(self):
        """Do a meta-iteration; return what it wrote into solutions.jsonl."""
        self.written["solutions.jsonl"].clear()
        self.state = meta_iteration(self.state, self.parts, self.monitor)
        self.monitor.write_metrics()
        return list(self.written["solutions.jsonl"])

    def row(self, stage):
        [row] = [row for row in self.rows if row["stage"] == stage]
        return {key: value for key, value in row.items() if key not in ("iteration", "stage", "t_seconds")}


@pytest.fixture(scope="module")
def pool():
    with InterpreterPool(1, Limits()) as pool:
        yield pool


def test_every_stage_counts_what_it_did(pool):
    bench = Bench(pool)
    found = bench.run()
    assert [(row["task_id"], row["program"], row["demonstrations"], row["tests"]) for row in found] == [
        ("flip", FLIP, [True, True], [True]),
        ("flip", TURN, [True, False], [False]),
    ]
    assert all((row["origin"], row["iteration"]) == ("policy", 0) for row in found)
    # A seed program, and four samples of each task.
    assert [(row["work"], row["copy_of"], row["constant"]) for row in found] == [(5, "seed", False), (5, None, False)]
    shares = {"finished_share": 0.625, "mean_log_prob": -1.5}
    # Lengths 5, 9, 13 and 17 twice each, in bins of eight tokens.
    assert bench.row("sample") == {"programs": 8, "unique": 6, **shares, "token_histogram": [2, 4, 2]}
    # flip: 3 programs on 2 demonstrations, one a syntax error; none: 3 on one, one a syntax error and one that fails.
    shares = {"ok_share": 0.5556, "syntax_share": 0.3333, "error_share": 0.1111}
    faults = {"syntax_faults": {"form": 2}, "primitives": {"first": 1, "hmirror": 2, "rot180": 1}}
    assert bench.row("execute") == {"programs": 6, "executions": 9, **shares, **faults}
    assert bench.row("relabel") == {"experiences": 3, "solving": 2}
    assert bench.row("find") == {"solving": 2, "new": 2}
    assert bench.row("replay") == {"added": 3, "too_long": 0, "size": 3}
    one, none = dict.fromkeys(COLUMNS, 1), dict.fromkeys(COLUMNS, 0)
    assert bench.row("score") == {
        **{"seeds": none, "mutants": none, "policy": one, "policy_new": none},  # what solves `flip` is a copy
        **{"cumulative": one, "policy_last": one, "policy_last_tasks": ["flip"]},
    }
    learnt = bench.row("learn")
    assert (learnt["experiences"], learnt["policy_experiences"], learnt["num_steps"]) == (3, 3, 4)
    assert learnt["mean_performance"] == 0.5
    state = bench.state
    assert (state.iteration, state.stage, state.steps) == (1, Stage.SAMPLE, ())
    assert (state.num_sampled, len(state.sampled)) == (8, 6)
    assert [row["iteration"] for row in bench.rows] == [0] * 7


def test_what_was_found_before_is_not_found_again_but_scores_for_its_meta_iteration(pool):
    bench = Bench(pool)
    bench.run()
    bench.rows.clear()
    assert bench.run() == []
    assert bench.written["sampled_solutions.jsonl"] == [
        {"iteration": 0, "solutions": [0, 1]},
        {"iteration": 1, "solutions": [0, 1]},
    ]
    assert bench.row("find") == {"solving": 2, "new": 0}
    assert bench.row("score")["policy_last"]["oracle"] == 1
    assert (bench.row("replay")["size"], bench.state.num_sampled, len(bench.state.sampled)) == (3, 16, 6)


def test_without_relabeling_only_solved_demonstrations_become_examples(pool):
    bench = Bench(pool, hindsight=HindsightConfig(relabel=False))
    bench.run()
    assert bench.row("relabel") == {"experiences": 2, "solving": 2}
    lengths = bench.state.replay["policy"].items().data["prompt"].lengths
    assert lengths[1] < lengths[0]  # TURN solves one demonstration of the two


def test_without_policy_experiences_nothing_is_remembered(pool):
    bench = Bench(pool, replay={"policy_experiences": "none"})
    assert len(bench.run()) == 2
    assert [row["stage"] for row in bench.rows] == ["sample", "execute", "relabel", "find", "score", "learn"]
    assert len(bench.state.replay["policy"]) == 0


def test_stopped_while_sampling_nothing_has_changed(pool):
    bench = Bench(pool, stop_after=0)
    assert bench.run() == []
    state = bench.state
    assert (state.iteration, state.stage, state.steps) == (0, Stage.SAMPLE, ())
    assert (state.num_sampled, state.sampled, bench.rows) == (0, set(), [])


def test_stopped_while_learning_the_stage_is_recorded_once_when_it_ends(pool):
    bench = Bench(pool, stop_after=4)  # two batches of samples, two steps
    assert len(bench.run()) == 2
    assert (bench.state.iteration, bench.state.stage, bench.state.steps) == (0, Stage.LEARN, (0, 1))
    assert "learn" not in {row["stage"] for row in bench.rows}
    rest = Bench(pool)
    rest.state = bench.state
    assert rest.run() == []
    assert (rest.state.iteration, rest.state.stage, rest.row("learn")["num_steps"]) == (1, Stage.SAMPLE, 4)


def test_the_devices_are_idle_while_a_learning_stage_is_planned_and_busy_while_it_learns(pool, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(devices, "perf_counter", lambda: now[0])

    class SlowLearner(FakeLearner):
        def plan(self, *arguments):
            now[0] += 1.0
            return super().plan(*arguments)

        def learn(self, *arguments, **settings):
            now[0] += 3.0
            return super().learn(*arguments, **settings)

    bench = Bench(pool)
    bench.parts.learner = SlowLearner()
    bench.run()
    assert bench.row("learn")["t_idle_share"] == 0.25


def test_programs_that_differ_in_names_only_are_one(pool, monkeypatch):
    samples = ["x1 = hmirror(I)\nO = identity(x1)", "x7 = hmirror(I)\nO = identity(x7)"]
    monkeypatch.setitem(SAMPLES, "flip", samples * 2)
    bench = Bench(pool)
    assert [row["program"] for row in bench.run()] == samples[:1]
    monkeypatch.setitem(SAMPLES, "flip", samples[1:] + [TURN] * 3)
    assert [row["program"] for row in bench.run()] == [TURN]
    assert [row["solutions"] for row in bench.written["sampled_solutions.jsonl"]] == [[0], [0, 1]]


def test_a_stage_is_a_row_whose_clock_is_marked_unless_it_notes_nothing(pool):
    bench = Bench(pool)
    with bench.monitor.stage(3, "find") as stage:
        stage.note(new=2)
        stage.note(solving=4)
    with bench.monitor.stage(3, "replay"):
        pass
    bench.monitor.write_metrics()
    [row] = bench.rows
    assert list(row) == ["iteration", "stage", "new", "solving", "t_seconds"]
    assert (row["iteration"], row["stage"], row["new"], row["solving"]) == (3, "find", 2, 4)
    assert 0 <= row["t_seconds"] < 60


def test_keys_and_generators_are_functions_of_seed_iteration_and_stage():
    places = list(itertools.product((0, 1), (PRETRAINING, 0, 1), ("sample", "draw")))
    keys = {jax.random.key_data(stage_key(*place)).tobytes() for place in places}
    numbers = {stage_rng(*place).bytes(16) for place in places}
    assert len(keys) == len(numbers) == len(places)
    for place in places:
        np.testing.assert_array_equal(*(jax.random.key_data(stage_key(*place)) for _ in range(2)))
        assert stage_rng(*place).bytes(16) in numbers
