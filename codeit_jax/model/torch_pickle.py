"""The table of tensors inside a torch file, read without unpickling.

torch stores a state dict as a pickle. Unpickling calls whatever the file names, so this module doesn't unpickle: it
follows the few opcodes that torch writes on a stack of plain values. A global is a name here, two names can be applied,
and both applications make a plain value. Nothing is imported, nothing is called.
"""

import pickletools
from dataclasses import dataclass
from typing import Any

_MAX_OPCODES = 2_000_000  # 737 M parameters take 40,000
_MAX_DIMENSIONS = 8
_REBUILD_TENSOR, _ORDERED_DICT = "torch._utils._rebuild_tensor_v2", "collections.OrderedDict"
_STORAGE_DTYPES = {
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
}
_CONSTANTS: dict[str, Any] = {"NEWTRUE": True, "NEWFALSE": False, "NONE": None, "EMPTY_TUPLE": ()}
_TUPLE_LENGTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class Storage:
    """A flat array in the archive: its entry's key, dtype name and number of elements."""

    key: str
    dtype: str
    num_elements: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as a view of a storage: offset and strides in elements, all inside the storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Global:
    name: str


def read_tensor_table(pickled: bytes) -> dict[str, StoredTensor]:
    """Return the tensors of a pickled state dict by name.

    Raises:
        ValueError: the pickle is damaged, names a global outside the allow-list, does anything else that saving
            tensors doesn't do, or describes a tensor that doesn't lie in its storage.
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(pickled)):
            if count >= _MAX_OPCODES:
                raise ValueError(f"its pickle has more than {_MAX_OPCODES} opcodes, expected fewer")
            machine.step(opcode.name, argument)
    except (IndexError, KeyError):
        raise ValueError("its pickle is damaged: it takes a value that isn't there") from None
    # What is left on the stack is what unpickling would return.
    [*rest, table] = machine.stack or [None]
    if rest or not isinstance(table, dict):
        raise ValueError("its pickle holds something else, expected one dict from names to tensors")
    for name, value in table.items():
        if not isinstance(value, StoredTensor):
            raise ValueError(f"{_shown(name)} is of type {type(value).__name__}, expected a tensor")
    return table


class _Machine:
    """The stack and memo of a pickle, for the opcodes of protocol 2 that torch writes."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        """Do one opcode."""
        match opcode:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "BINUNICODE" | "BININT" | "BININT1" | "BININT2" | "LONG1":
                self.stack.append(argument)
            case "NEWTRUE" | "NEWFALSE" | "NONE" | "EMPTY_TUPLE":
                self.stack.append(_CONSTANTS[opcode])
            case "EMPTY_DICT":
                self.stack.append({})
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                self.stack.append(self._memo[argument])
            case "MARK":
                self._marks.append(len(self.stack))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.stack.append(tuple([self.stack.pop() for _ in range(_TUPLE_LENGTHS[opcode])][::-1]))
            case "TUPLE":
                self.stack.append(tuple(self._pop_to_mark()))
            case "SETITEM":
                value, key = self.stack.pop(), self.stack.pop()
                self._set_items([key, value])
            case "SETITEMS":
                self._set_items(self._pop_to_mark())
            case "GLOBAL":
                self.stack.append(_allowed_global(argument))
            # torch keeps the numbers outside the pickle, in entries of their own that it names by persistent ids.
            case "BINPERSID":
                self.stack.append(_storage(self.stack.pop()))
            # Where unpickling would call a function: here two known names, and no other, make plain values.
            case "REDUCE":
                arguments, function = self.stack.pop(), self.stack.pop()
                self.stack.append(_apply(function, arguments))
            case "BUILD":
                self._build()
            case _:
                raise ValueError(f"its pickle has the opcode {opcode}, expected those of saved tensors only")

    def _pop_to_mark(self) -> list[Any]:
        start = self._marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def _set_items(self, flat: list[Any]) -> None:
        table = self.stack[-1]
        if not isinstance(table, dict) or len(flat) % 2:
            raise ValueError("its pickle sets items of something else than a dict")
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            if not isinstance(key, str):
                raise ValueError(f"its pickle has a key of type {type(key).__name__}, expected names")
            # A dict would keep the last of the two in silence.
            if key in table:
                raise ValueError(f"its pickle names {_shown(key)} twice, expected once")
            table[key] = value

    def _build(self) -> None:
        """Drop the attributes that torch gives a state dict: versions of its modules."""
        state = self.stack.pop()
        if not isinstance(state, dict) or not isinstance(self.stack[-1], dict):
            raise ValueError("its pickle sets the state of an object, expected none")


def _allowed_global(argument: str) -> _Global:
    name = ".".join(argument.split(" "))  # pickletools gives module and name with a blank between them
    if name not in (_REBUILD_TENSOR, _ORDERED_DICT, *_STORAGE_DTYPES):
        raise ValueError(f"its pickle asks for {_shown(name)}, expected nothing but tensors")
    return _Global(name)


def _storage(persistent_id: Any) -> Storage:
    match persistent_id:
        case ("storage", _Global(name), str(key), str(), int(size)) if name in _STORAGE_DTYPES and size >= 0:
            return Storage(key=key, dtype=_STORAGE_DTYPES[name], num_elements=size)
    raise ValueError("its pickle refers to something outside itself that is no storage")


def _apply(function: Any, arguments: Any) -> Any:
    match function, arguments:
        case _Global(name), () if name == _ORDERED_DICT:
            return {}
        # What follows the strides: whether it requires a gradient, and its hooks; neither is a number of the model.
        case _Global(name), (Storage() as storage, int(offset), tuple(shape), tuple(strides), bool(), dict(), *_) if (
            name == _REBUILD_TENSOR
        ):
            tensor = StoredTensor(storage, offset, shape, strides)
            _check_inside(tensor)
            return tensor
    raise ValueError("its pickle calls something, expected saved tensors only")


def _check_inside(tensor: StoredTensor) -> None:
    """Raise ValueError unless every element is in the storage, and no shape makes more elements than it has."""
    numbers = (tensor.offset, *tensor.shape, *tensor.strides)
    sane = len(tensor.shape) == len(tensor.strides) <= _MAX_DIMENSIONS
    # `type`, since True and False are ints too.
    if not sane or not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("a tensor's shape and strides aren't lists of as many sizes")
    # Python integers: a product of hostile sizes can't overflow.
    size, last = 1, tensor.offset
    for length, stride in zip(tensor.shape, tensor.strides, strict=True):
        size *= length
        last += (length - 1) * stride
    if size > tensor.storage.num_elements or (size and last >= tensor.storage.num_elements):
        raise ValueError(
            f"a tensor of {size} elements up to place {last} has a storage of {tensor.storage.num_elements}"
        )


def _shown(name: str) -> str:
    return repr(name[:80])
