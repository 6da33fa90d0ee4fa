"""The processes of a run as threads of one process: the same exchanges, no network."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from codeit_jax.parallel.hosts import Hosts


class MemoryStore:
    """The coordinator's store; `reachable` can be cleared to make it hang as a stopped coordinator does."""

    def __init__(self):
        self.values = {}
        self.reachable = threading.Event()
        self.reachable.set()
        self._changed = threading.Condition()

    def key_value_set(self, key, value, allow_overwrite=False):
        self.reachable.wait()
        with self._changed:
            assert allow_overwrite or key not in self.values, key
            self.values[key] = value
            self._changed.notify_all()

    def key_value_delete(self, key):
        with self._changed:
            del self.values[key]

    def key_value_dir_get(self, key):
        self.reachable.wait()
        with self._changed:
            return [(name, value) for name, value in self.values.items() if name.startswith(f"{key}/")]

    def blocking_key_value_get(self, key, timeout_in_ms):
        with self._changed:
            assert self._changed.wait_for(lambda: key in self.values, timeout=60), key
            return self.values[key]


class Gather:
    """Stacks an array of each thread, as a collective operation does: all have to bring one, of the same shape."""

    def __init__(self, count):
        self.shapes = []
        self._arrays = [None] * count
        self._barrier = threading.Barrier(count, timeout=60)

    def of(self, index):
        def gather(array):
            self._arrays[index] = array
            self._barrier.wait()
            stacked = np.stack(self._arrays)
            if index == 0:
                self.shapes.append(array.shape)
            self._barrier.wait()
            return stacked

        return gather


def together(count, work, store=None):
    """Return what `work(hosts)` returns for each of several processes, in their order, and the shapes exchanged."""
    store, gather = store or MemoryStore(), Gather(count)
    with ThreadPoolExecutor(count) as threads:
        running = [threads.submit(work, Hosts(index, count, store, gather.of(index))) for index in range(count)]
        return [each.result() for each in running], gather.shapes
