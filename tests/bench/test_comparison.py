"""Exact tests of how contenders are interleaved."""

import gc

import pytest

from codeit_jax.bench.comparison import interleave


@pytest.mark.parametrize("collecting", [False, True])
def test_garbage_is_collected_only_where_that_is_asked_for(collecting):
    seen = []
    times = interleave({name: lambda: seen.append(gc.isenabled()) for name in "ab"}, turns=2, collecting=collecting)
    assert seen == [gc.isenabled()] * 2 + [collecting] * 4
    assert gc.isenabled()
    assert times.keys() == {"a", "b"}


def test_a_turn_does_not_pay_for_what_the_one_before_left():
    cycles = []

    def leave_garbage():
        cycle = []
        cycle.append(cycle)

    def count():
        cycles.append(gc.collect())

    interleave({"a": leave_garbage, "b": count}, turns=3, collecting=True)
    assert cycles[1:] == [0, 0, 0]
