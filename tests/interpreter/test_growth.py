"""Property tests: no result weighs more than the bound that stands for its weight, and bounding ends."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from primitive_arguments import arguments_of, odd_arguments_of, resolve

from interpreter import Status, growth, machine, parse, run_batch
from interpreter.growth import weigh
from interpreter.limits import Limits
from interpreter.machine import Failure, Machine
from interpreter.primitives import PRIMITIVES
from interpreter.work import SizeExceeded

MACHINE = Machine(Limits())
HEAVY = tuple(range(100, 160))


def heavier(value):
    """Put a heavy tuple for every 9, so that what is repeated without a charge tips the scales."""
    if type(value) in (tuple, frozenset):
        return type(value)(map(heavier, value))
    return HEAVY if value == 9 else value


@pytest.mark.parametrize("name", PRIMITIVES)
@given(data=st.data())
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_bound_is_never_below_the_weight(name, data):
    assert_bounded(name, data)


@pytest.mark.parametrize("name", growth._KEEPING)
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_tight_bound_is_never_below_the_weight(name, data):
    assert_bounded(name, data)


def assert_bounded(name, data):
    drawn = data.draw(st.one_of(arguments_of(name), odd_arguments_of(name)))
    arguments = [heavier(resolve(argument, PRIMITIVES)) for argument in drawn]
    with MACHINE.metered:
        result = MACHINE.call(PRIMITIVES[name], arguments, [1, *map(weigh, arguments)])
    if not isinstance(result, Failure):
        value, _, weight = result
        assert weight >= weigh(value)


def test_a_long_program_is_run_without_weighing_its_results(monkeypatch):
    weighed = []
    monkeypatch.setattr(machine, "weigh", lambda value, *limit: weighed.append(value) or weigh(value, *limit))
    lines = ["x1 = asobject(I)", *[f"x{k} = shift(x{k - 1}, UNITY)" for k in range(2, 60)]]
    grid = tuple(tuple((i * j) % 3 for j in range(20)) for i in range(20))
    program = parse("\n".join([*lines, "O = paint(I, x59)"]))
    ((outcome,),) = run_batch([program], [grid])
    assert outcome.status is Status.OK
    assert not weighed


def test_what_has_a_tight_bound_is_a_primitive():
    assert set(growth._KEEPING) <= set(PRIMITIVES)


def test_bounding_a_tower_of_closures_ends():
    tower = PRIMITIVES["size"]
    for _ in range(50):
        tower = PRIMITIVES["fork"](PRIMITIVES["add"], tower, tower)
    with MACHINE.metered:
        assert MACHINE.call(PRIMITIVES["apply"], [tower, ()], [1, 1, 1]) == ((), 1, 1)


def test_weighing_stops_at_the_limit():
    value = HEAVY
    for _ in range(60):
        value = (value, value)
    with pytest.raises(SizeExceeded):
        weigh(value, 1000)
    assert weigh((HEAVY, frozenset({HEAVY}), 3)) == 1 + 61 + 1 + 61 + 1


@pytest.mark.parametrize("name", ["product", "upscale", "hupscale", "vupscale"])
@pytest.mark.parametrize("second", [1, (), (1, 1), ((1, 2), (3, 4)), None])
def test_bounding_changes_no_verdict_on_nothing(name, second):
    for empty in ((), frozenset()):
        with MACHINE.metered:
            result = MACHINE.call(PRIMITIVES[name], [empty, second], [1, 1, weigh(second)])
        failure = None
        try:
            expected = PRIMITIVES[name](empty, second)
        except Exception as error:
            failure = type(error).__name__
        assert result.reason == failure if isinstance(result, Failure) else result[0] == expected
