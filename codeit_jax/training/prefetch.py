"""Batches made by a thread while the device computes on the ones before."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

DEPTH = 2  # made ahead of the one in use


def prefetch(make: Callable[[int], T], numbers: Iterable[int]) -> Iterator[T]:
    """Yield `make(number)` for each number, in order; the next ones are made meanwhile in one thread.

    Whatever `make` raises is raised where its result would have come. Closing the iterator drops what was made ahead.
    """
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
    ahead: deque[Future[T]] = deque()
    try:
        for number in numbers:
            ahead.append(worker.submit(make, number))
            if len(ahead) > DEPTH:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        worker.shutdown(cancel_futures=True)
