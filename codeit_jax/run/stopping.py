"""Stopping a run when somebody asks: the first signal is a request, granted at the next point that can be resumed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from codeit_jax.parallel.hosts import Hosts

_STEPS_PER_VOTE = 8  # a vote costs milliseconds, and there are many steps; batches of samples are few


class StopRequest:
    """A request to stop the run, made by a signal.

    The processes of a run stop together: what was asked of one is decided by a vote, so that all get the same answer.
    One that stopped alone would leave the others waiting in the middle of a collective operation.

    Args:
        hosts: the processes of the run.

    Attributes:
        has_state: whether there is something to save; before that a request ends the run at once, as a second one does.
    """

    def __init__(self, hosts: Hosts) -> None:
        self.has_state = False
        self._hosts = hosts
        self._asked = False
        self._granted = False
        self._steps = 0

    def ask(self, signum: int, frame: FrameType | None) -> None:
        """Handle a signal.

        Raises:
            KeyboardInterrupt: there is nothing to save yet, or it is the second signal.
        """
        # Only a flag: Python runs handlers between any two instructions, so nothing here may touch files or devices.
        if self._asked or not self.has_state:
            raise KeyboardInterrupt
        self._asked = True

    def vote(self) -> bool:
        """Return whether to stop; all processes have to call it, and get the same answer."""
        # Once granted no more votes are held, in no process, since all have had the same answers.
        self._granted = self._granted or self._hosts.any(self._asked)
        return self._granted

    def at(self, point: str) -> bool:
        """Return whether to stop at a point of a stage, as `vote` does; at `learn`, several processes seldom vote."""
        if point == "learn" and self._hosts.count > 1:
            # Counted alike in all processes, which take the same steps: they vote at the same ones.
            self._steps += 1
            if self._steps % _STEPS_PER_VOTE:
                return self._granted
        return self.vote()


@contextmanager
def stop_request(hosts: Hosts) -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request to stop.

    Args:
        hosts: the processes of the run.

    Yields:
        The request, to be asked at every point where the run can stop.
    """
    # SIGTERM too: it is what schedulers send some seconds before they take a preemptible machine away.
    request = StopRequest(hosts)
    previous = {number: signal.signal(number, request.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
