"""Exact: every type that a column accepts comes back from file, map, pickle, journal; what doesn't fit is refused."""

import copy
import pickle

import numpy as np
import pytest

from codeit_jax.replay import (
    Column,
    LowestPriority,
    MaxAge,
    PrioritizedReplayBuffer,
    ReplayJournal,
    SumTree,
    TokenArena,
)

PADDED = np.dtype({"names": ["x", "y"], "formats": ["u1", "f8"], "offsets": [0, 8], "itemsize": 24})
FIELDS = np.dtype([("reward", "f4"), ("place", "i2", (2,)), ("inner", [("name", "S3"), ("when", "M8[s]")])])
TYPES = [
    *("?", "i1", "u8", ">i4", "f2", "f4", "<f8", ">f8", "g", "c8", "c16", "S5", "U7", ">U3", "V6"),
    *("M8[D]", "M8[ns]", "m8[us]", FIELDS, PADDED),
]  # fmt: skip


def values_of(dtype):
    """Four values of a type, with their bytes drawn at random where all bytes are allowed."""
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(1)
    if dtype.kind in "iuV" and dtype.names is None:
        return np.frombuffer(rng.bytes(4 * dtype.itemsize), dtype)
    values = np.zeros(4, dtype)
    if dtype.names:
        for name in dtype.names:
            values[name] = np.resize(values_of(dtype[name].base), values[name].shape)
        return values
    texts = {"S": [b"", b"a", b"abc", b"ab"], "U": ["", "a", "\u00e9\U0001f600", "abc"]}
    times = ["NaT", 0, -5, 2**40]
    others = {"M": times, "m": times, "b": [True, False, True, True]}
    values[:] = np.array(texts.get(dtype.kind) or others.get(dtype.kind) or [1.5, -np.inf, np.nan, 3.0]).astype(dtype)
    return values


def round_trips(buffer, folder):
    buffer.save(folder / "replay")
    yield PrioritizedReplayBuffer.load(folder / "replay")
    yield PrioritizedReplayBuffer.load(folder / "replay", mmap=True)
    yield pickle.loads(pickle.dumps(buffer))
    yield copy.deepcopy(buffer)


def make(dtype):
    return PrioritizedReplayBuffer(8, {"x": dtype, "pair": Column(dtype, (2,))})


def assert_same(buffer, values):
    stored = buffer.items().data
    assert stored["x"].dtype == values.dtype
    assert bytes_of(stored["x"]) == bytes_of(values)
    assert bytes_of(stored["pair"]) == bytes_of(np.repeat(values, 2))


def bytes_of(values):
    """Bytes of all fields, without what lies between them."""
    if values.dtype.names is None:
        return values.tobytes()
    return b"".join(bytes_of(values[name]) for name in values.dtype.names)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_type_comes_back_from_everywhere(tmp_path, dtype):
    """A structured type came back as raw bytes: https://github.com/zarr-developers/zarr-python/issues/6."""
    values = values_of(dtype)
    items = {"x": values, "pair": np.repeat(values, 2).reshape(4, 2)}
    buffer = make(dtype)
    buffer.add(items, 1.0)
    assert_same(buffer, values)
    for restored in round_trips(buffer, tmp_path):
        assert_same(restored, values)
    ReplayJournal(tmp_path / "journal", lambda: make(dtype)).add(items, 1.0)
    assert_same(ReplayJournal(tmp_path / "journal", lambda: make(dtype)).buffer, values)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "int4"])
def test_types_from_elsewhere_come_back(tmp_path, name):
    """So did bfloat16: https://github.com/jax-ml/ml_dtypes/issues/41."""
    dtype = np.dtype(getattr(pytest.importorskip("ml_dtypes"), name))
    buffer = PrioritizedReplayBuffer(8, {"x": dtype})
    buffer.add({"x": np.arange(4, dtype=np.float32).astype(dtype)}, 1.0)
    buffer.add({"x": np.float32(5)}, 1.0)
    for restored in round_trips(buffer, tmp_path):
        stored = restored.items().data["x"]
        assert stored.dtype == dtype
        assert stored.astype(float).tolist() == [0, 1, 2, 3, 5]


@pytest.mark.parametrize("dtype", [object, "S", "U", "V", [("a", object)], np.dtypes.StringDType()], ids=str)
def test_a_type_that_would_not_come_back_is_refused_when_the_buffer_is_made(dtype):
    with pytest.raises(ValueError, match="dtype is"):
        PrioritizedReplayBuffer(8, {"x": dtype})


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        *(("f4", 1e39), ("f4", -1e39), ("f2", 7e4), ("f2", 70_000), ("f4", np.float64(1e300)), ("c8", 1e300j)),
        *(("u1", 256), ("u1", -1), ("i8", 2**63), ("u8", -1), ("i4", np.int64(2**31))),
        *(("U3", "four"), ("S3", b"four"), ("M8[D]", np.datetime64("2020-01-01T12", "h"))),
        ("M8[ns]", np.datetime64("9999-01-01", "D")),
    ],
)
@pytest.mark.parametrize("single", [True, False])
def test_what_a_column_would_change_is_refused(dtype, value, single):
    buffer = PrioritizedReplayBuffer(8, {"x": dtype})
    with pytest.raises(ValueError, match="outside the range"):
        buffer.add({"x": value if single else np.array([value])}, 1.0)
    assert len(buffer) == 0


@pytest.mark.parametrize(
    ("dtype", "value"), [("i4", 1.5), ("i4", 2.0), ("?", 1), ("f4", "1"), ("f8", 1j), ("M8[s]", 1)]
)
def test_another_kind_of_value_is_refused(dtype, value):
    buffer = PrioritizedReplayBuffer(8, {"x": dtype})
    with pytest.raises(TypeError, match="the column holds"):
        buffer.add({"x": value}, 1.0)
    assert len(buffer) == 0


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_infinite_values_are_kept(value):
    buffer = PrioritizedReplayBuffer(8, {"x": np.float32})
    buffer.add({"x": value}, 1.0)
    np.testing.assert_array_equal(buffer.items().data["x"], np.float32(value))


@pytest.mark.parametrize(
    ("name", "make_it"),
    [
        ("capacity", lambda: PrioritizedReplayBuffer(10.5)),
        ("capacity", lambda: PrioritizedReplayBuffer(-1)),
        ("capacity", lambda: PrioritizedReplayBuffer(True)),
        ("capacity", lambda: PrioritizedReplayBuffer("10")),
        ("capacity", lambda: PrioritizedReplayBuffer(np.inf)),
        ("capacity", lambda: SumTree(10.5)),
        ("beta", lambda: PrioritizedReplayBuffer(3, beta=np.nan)),
        ("beta", lambda: PrioritizedReplayBuffer(3, beta=-0.1)),
        ("decay", lambda: PrioritizedReplayBuffer(3, decay=0.0)),
        ("decay", lambda: PrioritizedReplayBuffer(3, decay=1.5)),
        ("max_per_group", lambda: PrioritizedReplayBuffer(3, max_per_group=0)),
        ("max_per_group", lambda: PrioritizedReplayBuffer(3, max_per_group=1.5)),
        ("weights_dtype", lambda: PrioritizedReplayBuffer(3, weights_dtype=np.float16)),
        ("shape", lambda: PrioritizedReplayBuffer(3, {"x": Column(np.float32, (-1,))})),
        ("max_age", lambda: MaxAge(-1)),
        ("fraction", lambda: LowestPriority(np.nan)),
    ],
)
def test_a_setting_out_of_range_is_named(name, make_it):
    with pytest.raises(ValueError, match=name):
        make_it()


def test_a_size_may_be_written_as_a_float():
    """1e6 in a configuration, which is a float, was refused: https://github.com/instadeepai/Mava/pull/1065."""
    assert PrioritizedReplayBuffer(1e3).capacity == len(SumTree(1e3)) == 1000
    assert isinstance(PrioritizedReplayBuffer(np.float64(4)).capacity, int)


def test_positions_are_positions():
    """A mask was taken for positions: https://github.com/confusius-tools/confusius/pull/197."""
    buffer = PrioritizedReplayBuffer(8, {"x": np.int64})
    buffer.add({"x": np.arange(8)}, 1.0)
    assert buffer.update_priorities(np.arange(8) >= 6, 9.0) == 2
    assert buffer.priorities.raw.tolist() == [1.0] * 6 + [9.0] * 2
    assert buffer.at(np.arange(8) >= 6).data["x"].tolist() == [6, 7]
    for wrong in ([1.7, 2.9], [True, False], [-1], [8], ["0"]):
        with pytest.raises(IndexError):
            buffer.update_priorities(wrong, 5.0)
        with pytest.raises(IndexError):
            buffer.at(wrong)
    assert 5.0 not in buffer.priorities.raw
    for wrong in (2.5, -1, True):
        with pytest.raises(ValueError, match="n is"):
            buffer.sample(wrong)
    arena = TokenArena()
    arena.add([[1], [2, 2], [3]])
    assert [row.tolist() for row in arena[np.array([False, True, True])]] == [[2, 2], [3]]
    with pytest.raises(IndexError):
        arena[[0.5]]


def test_priorities_have_the_shape_of_the_indices():
    """(n, 1) met (n,): https://github.com/thu-ml/tianshou/pull/159, https://github.com/huggingface/trl/issues/6804."""
    buffer = PrioritizedReplayBuffer(8, {"x": np.int64})
    buffer.add({"x": np.arange(6)}, 1.0)
    buffer.update_priorities(np.arange(6).reshape(2, 3), np.arange(6.0).reshape(2, 3), np.arange(1, 7).reshape(2, 3))
    assert buffer.priorities.raw[:6].tolist() == [0, 1, 2, 3, 4, 5]
    for shape in ((6, 1), (1, 6), (5,)):
        with pytest.raises(ValueError, match="priority has shape"):
            buffer.update_priorities(np.arange(6), np.ones(shape))
        with pytest.raises(ValueError, match="priority has shape"):
            buffer.add({"x": np.arange(6)}, np.ones(shape))
