"""Token rows and keys: twin (lists, a dict), contract."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.replay import TokenArena, TokenRows
from codeit_jax.replay.store.key_index import KeyIndex, digest, digests

rows = st.lists(st.integers(0, 65_535), max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.integers(0, 40), rows, max_size=12), max_size=12), st.integers(0, 35))
def test_arena_matches_lists(writes, width):
    arena, twin, seen = TokenArena(), {}, []
    for write in writes:
        arena.write(np.array(list(write), int), list(write.values()))
        twin |= write
        if write:
            seen.append((arena[list(write)], list(write.values())))
    numbers = sorted(twin)
    batch = arena[numbers]
    expected = [twin[number] for number in numbers]
    assert [row.tolist() for row in batch] == expected
    assert batch.lengths.tolist() == list(map(len, expected))
    assert batch.flat().tolist() == sum(expected, [])
    padded = [(row + [7] * width)[:width] for row in expected]
    assert batch.pad(width, pad_id=7).tolist() == padded
    left = [[7] * (width - len(row)) + row[:width] for row in expected]
    assert batch.pad(width, pad_id=7, side="left").tolist() == left
    np.testing.assert_array_equal(batch.pad(width, pad_id=0)[~batch.mask(width)], 0)
    for rows_then, values_then in seen:  # whatever was written since
        assert [row.tolist() for row in rows_then] == values_then
    restored = TokenArena()
    restored.load_state_dict(arena.state_dict())
    assert [row.tolist() for row in restored[numbers]] == expected


def test_rows_index_like_arrays():
    batch = TokenArena().add([[1, 2], [3], [], [4, 5, 6]])
    assert batch.tolist() == [0, 1, 2, 3]
    packed = TokenRows.from_rows([[1, 2], [3], [], [4, 5, 6]])
    assert packed[3].tolist() == [4, 5, 6]
    assert packed[-1].tolist() == [4, 5, 6]
    assert [row.tolist() for row in packed[1:]] == [[3], [], [4, 5, 6]]
    assert [row.tolist() for row in packed[[3, 0]]] == [[4, 5, 6], [1, 2]]
    assert [row.tolist() for row in packed[packed.lengths > 1]] == [[1, 2], [4, 5, 6]]
    assert packed.pad().shape == (4, 3)
    assert packed.pad(dtype=np.int32).dtype == np.int32
    assert len(TokenRows.from_rows([])) == 0


@pytest.mark.parametrize("token", [-1, 65_536])
def test_tokens_out_of_range_are_refused(token):
    with pytest.raises(ValueError, match="holds"):
        TokenArena().add([[1, token]])


def test_overwriting_does_not_grow_the_arena():
    arena = TokenArena()
    for _ in range(2000):
        arena.write(np.array([0, 1]), [[5] * 100, [6] * 50])
    assert arena.nbytes < 2 * 2000
    assert arena[[1]].flat().tolist() == [6] * 50


def test_tokens_take_two_bytes_each():
    """1.5 KB for 600 + 150 tokens, against 35 KB as Python lists."""
    arena = TokenArena()
    for _ in range(20):
        arena.add([np.ones(750, np.uint16)] * 100)
    assert arena.nbytes / 2000 < 1.6 * 1500
    assert arena.state_dict()["tokens"].nbytes == 2000 * 1500


keys = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(keys, max_size=8))
def test_digests_differ_exactly_if_keys_do(batch):
    """Told apart by type too, as repr does."""
    canonical = {repr(sorted(map(repr, key)) if isinstance(key, frozenset) else key) for key in batch}
    if not any(isinstance(key, frozenset) or (isinstance(key, tuple) and "frozenset" in repr(key)) for key in batch):
        assert len({digest(key) for key in batch}) == len(canonical)
    assert [digest(key) for key in batch] == [digest(key) for key in batch]


def test_tuples_are_told_apart_by_their_parts():
    pairs = [("ab", "c"), ("a", "bc"), ("abc", ""), "abc", ("abc",), (("ab", "c"),), b"abc", ("a", "b", "c")]
    assert len(set(map(digest, pairs))) == len(pairs)
    assert digest(np.int64(3)) == digest(3)
    assert digest(frozenset({"x", "y", "z"})) == digest(frozenset({"z", "y", "x"}))
    with pytest.raises(TypeError, match="list"):
        digest(["unhashable"])


def test_digests_do_not_depend_on_the_process():
    code = "from codeit_jax.replay.store.key_index import digest; print(digest((('t', 1.5), frozenset('abc'))).hex())"
    runs = set()
    for seed in ("0", "1"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        runs.add(run.stdout)
    assert runs == {digest((("t", 1.5), frozenset("abc"))).hex() + "\n"}


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 60), max_size=20)), max_size=20))
def test_index_matches_a_dict(steps):
    index, twin, free = KeyIndex(), {}, list(range(61))
    for adding, names in steps:
        if adding:
            new = [name for name in sorted(names) if name not in twin]
            slots = [free.pop() for _ in new]
            index.insert(digests(new), np.array(slots, int))
            twin |= dict(zip(new, slots, strict=True))
        else:
            gone = [twin.pop(name) for name in sorted(names) if name in twin]
            index.remove_slots(np.array(gone, int))
            free += gone
        assert len(index) == len(twin)
        assert index.find(digests(range(61))).tolist() == [twin.get(name, -1) for name in range(61)]
        np.testing.assert_array_equal(index.digests_of(np.array(list(twin.values()), int)), digests(list(twin)))


def test_index_survives_digests_that_collide_in_every_bucket():
    names = np.stack([np.zeros(200, np.uint64), np.arange(1, 201, dtype=np.uint64)], axis=1)
    index = KeyIndex()
    index.insert(names, np.arange(200))
    assert index.find(names).tolist() == list(range(200))
    index.remove_slots(np.arange(0, 200, 2))
    assert index.find(names).tolist() == [slot if slot % 2 else -1 for slot in range(200)]


def test_removed_keys_do_not_fill_the_index():
    index = KeyIndex()
    for name in range(3000):
        index.insert(digests([name]), np.array([0]))
        index.remove_slots(np.array([0]))
    assert index.nbytes < 1000
