"""Stopping a run when somebody asks: the first signal is a request, granted at the next point that can be resumed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from codeit_jax.config.errors import PreemptedError

if TYPE_CHECKING:
    # Importing JAX takes seconds, in which a signal may come.
    from codeit_jax.parallel.hosts import Hosts

_STEPS_PER_VOTE = 8  # a vote costs milliseconds, and there are many steps; batches of samples are few


class StopRequest:
    """A request to stop the run, made by a signal.

    The processes of a run stop together: what was asked of one is decided by a vote, so that all get the same answer.
    One that stopped alone would leave the others waiting in the middle of a collective operation.
    """

    def __init__(self) -> None:
        self._hosts: Hosts | None = None
        self._asked = False
        self._granted = False
        self._steps = 0

    def ask(self) -> None:
        """Ask the run to stop."""
        self._asked = True

    def join(self, hosts: "Hosts") -> None:
        """Vote with the other processes of the run from now on; a process alone needn't call it."""
        self._hosts = hosts

    def vote(self) -> bool:
        """Return whether to stop; all processes have to call it, and get the same answer."""
        # Once granted no more votes are held, in no process, since all have had the same answers.
        self._granted = self._granted or (self._asked if self._hosts is None else self._hosts.any(self._asked))
        return self._granted

    def at(self, point: str) -> bool:
        """Return whether to stop at a point of a stage, as `vote` does; at `learn`, several processes seldom vote."""
        if point == "learn" and self._hosts is not None and self._hosts.count > 1:
            # Counted alike in all processes, which take the same steps: they vote at the same ones.
            self._steps += 1
            if self._steps % _STEPS_PER_VOTE:
                return self._granted
        return self.vote()

    def end_if_asked(self) -> None:
        """End a run that has nothing to save yet; all processes have to call it.

        Raises:
            PreemptedError: somebody asked.
        """
        if self.vote():
            raise PreemptedError("stopped as asked before anything was begun; the same command begins it")


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Turn the first signal that asks a process to end into a request to stop; the second one ends it at once.

    Yields:
        The request, to be asked at every point where the run can stop.
    """
    request = StopRequest()
    previous: dict[int, Any] = {}

    def note(signum: int, frame: FrameType | None) -> None:
        # Nothing is raised here: Python runs handlers between any two instructions, also inside callbacks, of garbage
        # collection for instance, whose exceptions are printed and dropped.
        request.ask()
        # From here on the kernel's own: it also ends a process that is stuck in a compilation.
        for caught in previous:
            signal.signal(caught, signal.SIG_DFL)

    # SIGTERM is what schedulers send some seconds before they take a preemptible machine away, SIGHUP what is left of a
    # terminal that was closed; whoever was started by `nohup` ignores that one, and still does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is signal.SIG_DFL:
            previous[number] = signal.signal(number, note)
    try:
        yield request
    finally:
        for caught, handler in previous.items():
            signal.signal(caught, handler)
