"""Programs read from a model's answer: markup, a function around them, nested calls and literals are forgiven.

The text is parsed to Python's syntax tree and only looked at. What comes out is text for the interpreter's own parser,
which decides whether it is a program.
"""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

import interpreter
from codeit_jax.programs.solver_file import CONSTANT_NAMES

MAX_CHARACTERS = 20_000
"""Of an answer that are looked at, from its end: more than twice the longest program."""

_THINKING_END = "</think>"
_FENCED = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
_CODE_LINE = re.compile(
    r"\s*(?:[A-Za-z_]\w*\s*(?::[^=()]{1,60})?=\s*[A-Za-z_]\w*\s*\(.*\)|return\s.+)\s*(?:#.*)?", re.ASCII
)


def read_program(answer: str) -> str:
    """Return the program that an answer gives, as text with variables x1, x2, ..., O; perhaps not a valid one.

    Args:
        answer: lines of the language, or a Python function of them, perhaps with words and markup around.

    Raises:
        ValueError: there is none; one line says what is wrong, for people and for the model.
    """
    answer = answer[answer.rfind(_THINKING_END) + len(_THINKING_END) :] if _THINKING_END in answer else answer
    answer = answer[-MAX_CHARACTERS:]
    fenced = [block for block in _FENCED.findall(answer) if "(" in block]
    # The last block: models that think aloud first write what they then correct.
    source = fenced[-1] if fenced else "\n".join(line for line in answer.split("\n") if _CODE_LINE.fullmatch(line))
    try:
        return "\n".join(_Flattening().lines(list(_statements(_tree(source)))))
    except RecursionError:
        raise ValueError("calls nested too deeply, expected one call a line") from None


def _tree(source: str) -> ast.Module:
    try:
        # Python warns, on the terminal, about code that it finds odd; this is none of ours.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(textwrap.dedent(source).strip())
    except (SyntaxError, ValueError, MemoryError) as error:
        place = f" at `{error.text.strip()[:80]}`" if isinstance(error, SyntaxError) and error.text else ""
        raise ValueError(f"not lines `name = function(argument, ...)`{place}") from None


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements of the last function, or those of the module if it has none."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    yield from functions[-1].body if functions else tree.body


class _Flattening:
    """Lines with one call each, made of statements with any: SSA, so that names can be assigned again."""

    def __init__(self) -> None:
        self._calls: list[str] = []  # right-hand sides; line k, from 0, is x(k + 1)
        self._values: dict[str, str] = {"I": "I"}  # variable -> its name here

    def lines(self, statements: list[ast.stmt]) -> list[str]:
        """Return the program's lines.

        Raises:
            ValueError: no call, or something that isn't one.
        """
        result = None
        for statement in statements:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    self._values[name] = self._name(value)
                    result = self._values.get("O", result)
                case ast.Return(value=ast.expr() as value):
                    result = self._name(value)
                    break
                # Docstrings and imports do nothing; anything else would change the meaning if it were left out.
                case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom():
                    pass
                case _:
                    raise ValueError(f"`{_shown(statement)}`: expected `name = function(argument, ...)`")
        if not self._calls:
            raise ValueError("no program found, expected lines `name = function(argument, ...)`, the last one of O")
        return self._written(result)

    def _written(self, result: str | None) -> list[str]:
        last = f"x{len(self._calls)}"
        # Without an O, and without a `return`, the last line is meant.
        calls = self._calls if result in (None, last) else [*self._calls, f"identity({result})"]
        names = [*(f"x{number}" for number in range(1, len(calls))), "O"]
        return [f"{name} = {call}" for name, call in zip(names, calls, strict=True)]

    def _name(self, node: ast.expr) -> str:
        """Return the name of an expression's value; a call gets a line."""
        match node:
            case ast.Name(id=name):
                # Unknown ones stay as they are: the interpreter's message names their line.
                return self._values.get(name, name)
            case ast.Call(func=ast.Name(id=callee), args=arguments, keywords=keywords):
                names = [self._name(argument) for argument in arguments]
                names += self._keywords(callee, len(names), keywords)
                self._calls.append(f"{self._values.get(callee, callee)}({', '.join(names)})")
                return f"x{len(self._calls)}"
            case ast.Call(func=ast.Call() as inner, args=arguments, keywords=[]):
                function = self._name(inner)
                names = [self._name(argument) for argument in arguments]
                self._calls.append(f"{function}({', '.join(names)})")
                return f"x{len(self._calls)}"
        return _constant(node)

    def _keywords(self, callee: str, num_positional: int, keywords: list[ast.keyword]) -> list[str]:
        if not keywords:
            return []
        signature = interpreter.SIGNATURES.get(callee)
        expected = [] if signature is None else [p.name for p in signature.parameters[num_positional:]]
        values = {keyword.arg: self._name(keyword.value) for keyword in keywords}
        if set(values) != set(expected):
            raise ValueError(
                f"`{callee}` with the keywords {', '.join(map(str, values))}: expected positional arguments"
            )
        return [values[name] for name in expected]


def _constant(node: ast.expr) -> str:
    try:
        value = ast.literal_eval(node)
        name = CONSTANT_NAMES.get((type(value), value))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        name = None
    if name is None:
        raise ValueError(f"`{_shown(node)}`: expected I, an earlier name, a constant or the name of a function")
    return name


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= 60 else text[:60] + "..."
