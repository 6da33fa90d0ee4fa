"""Exact tests of the devices' clock."""

from codeit_jax.run import devices
from codeit_jax.run.devices import DeviceClock


def test_the_idle_share_is_what_is_neither_busy_nor_waited_for(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(devices, "perf_counter", lambda: now[0])
    clock = DeviceClock()
    now[0] = 2.0
    with clock.busy():
        now[0] = 7.0
    with clock.busy():
        now[0] = 8.0
    now[0] = 10.0
    assert clock.idle_share(waiting_seconds=1.0) == 0.5
    with clock.busy():
        now[0] = 12.0
    assert clock.idle_share() == 0.0
