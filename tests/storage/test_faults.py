"""Exact tests of faults on purpose: what the variable may say, and when a fault strikes."""

import errno
import os
import signal

import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.storage import faults


@pytest.mark.parametrize(
    ("text", "action"), [("learn:3", "kill"), ("learn:3:kill", "kill"), ("learn:3:eio", "eio"), ("learn:3:", "kill")]
)
def test_a_fault_names_point_count_and_action(text, action):
    assert faults.read_fault(text) == faults.Fault(point="learn", passes_left=3, action=action)


@pytest.mark.parametrize("text", ["learn", ":1", "learn:x", "learn:-1", "learn:1:explode", "learn:1:kill:again", ""])
def test_other_texts_are_user_errors(text):
    with pytest.raises(UserError) as caught:
        faults.read_fault(text)
    expected = "expected point:n[:action] with an action of kill, term, int, enospc, eio"
    assert str(caught.value) == f"CODEIT_JAX_FAULT is {text!r}, {expected}"


@pytest.mark.parametrize(("action", "number"), [("enospc", errno.ENOSPC), ("eio", errno.EIO)])
def test_a_fault_strikes_at_the_nth_passing_and_only_then(monkeypatch, action, number):
    monkeypatch.setattr(faults, "armed", faults.read_fault(f"here:3:{action}"))
    for _ in range(2):
        faults.fault_point("here")
        faults.fault_point("elsewhere")
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        faults.fault_point("here")
    assert caught.value.errno == number
    faults.fault_point("here")


@pytest.mark.parametrize(("action", "number"), [("term", signal.SIGTERM), ("int", signal.SIGINT)])
def test_a_signal_is_handled_before_the_point_is_left(monkeypatch, action, number):
    received = []
    before = signal.signal(number, lambda signum, frame: received.append(signum))
    try:
        monkeypatch.setattr(faults, "armed", faults.read_fault(f"here:1:{action}"))
        faults.fault_point("here")
        assert received == [number]
    finally:
        signal.signal(number, before)


def test_without_the_variable_there_is_no_fault():
    assert faults.armed is None
