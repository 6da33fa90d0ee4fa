"""Contract: the replay bench has a figure for every goal, and a goal only for what is measured."""

from codeit_jax.bench import replay as bench_module


def test_the_bench_reports_every_case(monkeypatch):
    result = bench_module.run(max_slots=10_000, repeats=1)
    assert {"bench", "device", "work", "ours", "peers", "ratio", "compile_seconds"} <= set(result)
    assert result["ours"]["sample 8192 of 1e4"] > 0
    assert result["ratio"]["cumsum"]["mixed 8192 of 1e4"] > 0
    assert {"cumsum", "level tree (Dopamine)", "loop tree (dqn_zoo)"} <= set(result["peers"])
    cases = {goal["case"] for goal in result["goals"]}
    assert {
        "bytes per experience",
        "checkpoint of 1e6, np.savez",
        "bytes per slot of 1e6",
        "bytes per slot of 2^20",
    } <= cases
    assert all(goal["reached"] in ("no", "must", "stretch") for goal in result["goals"])


def test_every_goal_belongs_to_a_case_that_is_measured():
    figures = {case: {"ours": 1.0, **{goal.peer: 2.0 for goal in goals}} for case, goals in bench_module.GOALS.items()}
    assert len(bench_module.report(figures, {})["goals"]) == sum(map(len, bench_module.GOALS.values()))
