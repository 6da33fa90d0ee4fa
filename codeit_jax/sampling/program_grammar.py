"""The program grammar as an automaton over tokens, inside the jitted loop: a sample is a program by construction.

For tokenizers whose tokens are names: a line is a callee, its arguments and a line end `=x7` that names the variable
just defined; the end token stands in the last line for `=O`. Mode `syntax` admits known names, variables defined
before, the right number of arguments, and line ends in order. Mode `typed` also asks that an argument can be of its
parameter's type, that a callee's parameters can all be filled, and that the last line can give a grid.

Shape letters: R rows, A allowed tokens (columns), V variables, Y type names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from interpreter import CONSTANTS, SIGNATURES
from interpreter.language.type_names import SUBTYPES

Mode = Literal["syntax", "typed"]

MAX_ARGUMENTS = 4
_TYPES = tuple(SUBTYPES)
_TYPE_IDS = {name: index for index, name in enumerate(_TYPES)}
_ANY, _GRID, _CALLABLE = (_TYPE_IDS[name] for name in ("Any", "Grid", "Callable"))


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("callee", "num_arguments", "num_variables", "variable_types"),
    meta_fields=(),
)
@dataclass(frozen=True, kw_only=True)
class GrammarState:
    """Where each row is in its program.

    Attributes:
        callee: int32 [R], column of the running line's callee, -1 before it.
        num_arguments: int32 [R], arguments of the running line so far.
        num_variables: int32 [R], variables defined.
        variable_types: int32 [R, V].
    """

    callee: jax.Array
    num_arguments: jax.Array
    num_variables: jax.Array
    variable_types: jax.Array


@partial(
    jax.tree_util.register_dataclass,
    data_fields=(
        "is_primitive",
        "is_argument",
        "is_end",
        "variable",
        "line_end",
        "arity",
        "parameters",
        "needs",
        "result",
        "value_type",
        "static_types",
        "admits",
    ),
    meta_fields=("num_variables",),
)
@dataclass(frozen=True, kw_only=True)
class Grammar:
    """What each column's token is.

    Attributes:
        num_variables: V.
        is_primitive, is_argument, is_end: bool [A].
        variable: int32 [A], number of the variable (x1 is 0) that the token stands for, -1 for other tokens.
        line_end: int32 [A], number of the variable that the line end defines, -1 for other tokens.
        arity: int32 [A], number of parameters; 0 where a callee's is known only when the program runs.
        parameters: int32 [A, MAX_ARGUMENTS], type of each parameter.
        needs: float32 [A, Y], 1 where a callee has a parameter of the type.
        result: int32 [A], type of a call's result.
        value_type: int32 [A], type of the token as an argument; variables' types are in the state.
        static_types: bool [Y], types of the arguments that are always there.
        admits: bool [Y, Y], whether a parameter of one type can take a value of another.
    """

    num_variables: int
    is_primitive: jax.Array
    is_argument: jax.Array
    is_end: jax.Array
    variable: jax.Array
    line_end: jax.Array
    arity: jax.Array
    parameters: jax.Array
    needs: jax.Array
    result: jax.Array
    value_type: jax.Array
    static_types: jax.Array
    admits: jax.Array

    def start(self, num_rows: int) -> GrammarState:
        """Return the state before the first token."""
        zeros = jnp.zeros((num_rows,), jnp.int32)
        return GrammarState(
            callee=zeros - 1,
            num_arguments=zeros,
            num_variables=zeros,
            variable_types=jnp.zeros((num_rows, self.num_variables), jnp.int32),
        )

    def allowed(self, state: GrammarState) -> jax.Array:
        """Return the tokens that may come next, bool [R, A]; never an empty row in `syntax`."""
        variable = self.variable[None, :]
        defined = (variable >= 0) & (variable < state.num_variables[:, None])
        types = _token_types(self, state)  # [R, A]
        # A variable can be called if it may hold a function; its parameters are known only when the program runs.
        callee = self.is_primitive[None, :] & _fillable(self, state) | defined & self.admits[_CALLABLE][types]
        # A callee of -1 reads the last column here; the last line of this function drops what comes of it.
        arity = self.arity[state.callee][:, None]  # [R, 1]
        count = state.num_arguments[:, None]
        parameter = self.parameters[state.callee, jnp.minimum(state.num_arguments, MAX_ARGUMENTS - 1)]  # [R]
        known = (self.is_argument & (self.variable < 0))[None, :] | defined
        argument = known & self.admits[parameter[:, None], types] & (count < jnp.where(arity > 0, arity, MAX_ARGUMENTS))
        # Arity 0 stands for an unknown one: any number of arguments from one to the most is let through.
        complete = jnp.where(arity > 0, count == arity, count >= 1)
        is_grid = self.admits[_GRID][self.result[state.callee]][:, None]
        # Only the next variable: canonical programs number them in order. After the last, only the end is left.
        line_end = complete & (self.line_end[None, :] == state.num_variables[:, None])
        end = complete & self.is_end[None, :] & is_grid
        return jnp.where(state.callee[:, None] < 0, callee, argument | line_end | end)

    def advance(self, state: GrammarState, column: jax.Array) -> GrammarState:
        """Return the state after drawing a column int32 [R] for each row."""
        opens = state.callee < 0
        closes = self.line_end[column] >= 0
        numbers = jnp.arange(state.variable_types.shape[1])
        # Every field by `where`, for each row is at another place of its program.
        is_new = closes[:, None] & (numbers[None, :] == state.num_variables[:, None])
        result = self.result[state.callee][:, None]
        return GrammarState(
            callee=jnp.where(closes, -1, jnp.where(opens, column, state.callee)),
            num_arguments=jnp.where(closes | opens, 0, state.num_arguments + 1),
            num_variables=state.num_variables + closes.astype(jnp.int32),
            variable_types=jnp.where(is_new, result, state.variable_types),
        )


def build_grammar(names: Sequence[str], mode: Mode) -> Grammar:
    """Build the tables for the tokens of these names.

    Args:
        names: one for each column: `I`, constants, primitives, `x<number>`, `=x<number>`, and the end token's name.
        mode: `syntax` admits arguments of any type.
    """
    columns = [_Column(name) for name in names]
    needs = np.zeros((len(names), len(_TYPES)), np.float32)
    for row, column in zip(needs, columns, strict=True):
        row[list(column.parameters)] = 1.0
    admits = np.ones((len(_TYPES), len(_TYPES)), bool)
    if mode == "typed":
        # Types overlap rather than contain each other: a value of the wider may be one of the narrower.
        sets = [set(SUBTYPES[name]) for name in _TYPES]
        admits = np.array([[bool(wanted & given) for given in sets] for wanted in sets])
    static = np.zeros(len(_TYPES), bool)
    static[[column.value_type for column in columns if column.is_argument and column.variable < 0]] = True
    padded = [column.parameters + (_ANY,) * (MAX_ARGUMENTS - len(column.parameters)) for column in columns]
    return Grammar(
        num_variables=1 + max(column.variable for column in columns),
        is_primitive=jnp.array([column.is_primitive for column in columns]),
        is_argument=jnp.array([column.is_argument for column in columns]),
        is_end=jnp.array([column.is_end for column in columns]),
        variable=jnp.array([column.variable for column in columns], jnp.int32),
        line_end=jnp.array([column.line_end for column in columns], jnp.int32),
        arity=jnp.array([len(column.parameters) for column in columns], jnp.int32),
        parameters=jnp.array(padded, jnp.int32),
        needs=jnp.array(needs),
        result=jnp.array([column.result for column in columns], jnp.int32),
        value_type=jnp.array([column.value_type for column in columns], jnp.int32),
        static_types=jnp.array(static),
        admits=jnp.array(admits),
    )


def _token_types(grammar: Grammar, state: GrammarState) -> jax.Array:
    """Return the type of every token as an argument, int32 [R, A]."""
    of_variables = state.variable_types[:, jnp.maximum(grammar.variable, 0)]
    return jnp.where(grammar.variable[None, :] >= 0, of_variables, grammar.value_type[None, :])


def _fillable(grammar: Grammar, state: GrammarState) -> jax.Array:
    """Return for which callees every parameter has an argument that it admits, bool [R, A]."""
    numbers = jnp.arange(state.variable_types.shape[1])
    defined = numbers[None, :] < state.num_variables[:, None]
    # One-hot of -1 is all zeros: variables that aren't defined yet give no type.
    # Products in float32 count exactly up to 2 ** 24, and are what accelerators do; [R, A, Y] is never made.
    given = jax.nn.one_hot(jnp.where(defined, state.variable_types, -1), len(_TYPES)).max(axis=1)  # [R, Y]
    available = (given.astype(bool) | grammar.static_types[None, :]).astype(jnp.float32)  # [R, Y]
    missing = (available @ grammar.admits.T.astype(jnp.float32)) == 0  # [R, Y], by parameter type
    return (missing.astype(jnp.float32) @ grammar.needs.T) == 0


class _Column:
    """What one token is in the grammar."""

    def __init__(self, name: str) -> None:
        signature = SIGNATURES.get(name)
        self.is_primitive = signature is not None
        self.variable = int(name[1:]) - 1 if name[0] == "x" and name[1:].isdigit() else -1
        self.line_end = int(name[2:]) - 1 if name.startswith("=x") else -1
        self.is_argument = self.is_primitive or self.variable >= 0 or name == "I" or name in CONSTANTS
        self.is_end = not self.is_argument and self.line_end < 0
        self.parameters: tuple[int, ...] = ()
        self.result = self.value_type = _ANY
        if signature is not None:
            self.parameters = tuple(_TYPE_IDS[parameter.type] for parameter in signature.parameters)
            self.result, self.value_type = _TYPE_IDS[signature.result], _CALLABLE
        elif name in CONSTANTS:
            self.value_type = _TYPE_IDS[_constant_type(CONSTANTS[name])]
        elif name == "I":
            self.value_type = _GRID


def _constant_type(value: object) -> str:
    if isinstance(value, tuple):
        return "IntegerTuple"
    return "Boolean" if isinstance(value, bool) else "Integer"
