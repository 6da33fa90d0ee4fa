"""Measure the style of the packages and print one line: comments, docstrings, types, function lengths, import cycles.

    python .ci/style.py [--check]

`--check` ends with 1 where a figure is outside its bound (`problems`). Test files and data are no part of it.
"""

import argparse
import ast
import io
import statistics
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("codeit_jax", "interpreter")
PLAIN = Path("codeit_jax/bench/plain")  # its functions are the primitives, documented where the interpreter's own are
LEAST_COMMENTS = 6.0  # lines per 100 lines of code
LONGEST_FUNCTION = 60
THIN_FILE = 45
NO_CODE = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.COMMENT}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Graph = dict[str, set[str]]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A function or class.

    Attributes:
        name: with its file and the classes and functions around it.
        node: its syntax tree.
        public: whether a reader of the documentation would look for it: no leading underscore, nowhere on its path.
    """

    name: str
    node: Function | ast.ClassDef
    public: bool


@dataclass(frozen=True, kw_only=True)
class Source:
    """A Python file.

    Attributes:
        path: from the root.
        text: what is in it.
        tree: its syntax tree.
        units: all functions and classes, nested ones too.
    """

    path: Path
    text: str
    tree: ast.Module
    units: list[Unit]


@dataclass(frozen=True, kw_only=True)
class Style:
    """The figures of a tree of files.

    Attributes:
        code: lines of code, which are neither blank nor a comment nor part of a docstring.
        comments: lines with a comment, per 100 of code.
        docstrings: lines of docstrings, per 100 of code.
        untyped: functions with a parameter or a result without an annotation.
        typed: percentage of functions that aren't.
        undocumented: public modules, classes and functions without a docstring.
        documented: percentage of those that have one.
        lengths: of all functions, in lines, by name.
        cycles: groups of folders that import one another.
        thin: files under 45 lines, but for those that say what a package is.
        longest_file: its path and number of lines.
    """

    code: int
    comments: float
    docstrings: float
    untyped: list[str]
    typed: float
    undocumented: list[str]
    documented: float
    lengths: dict[str, int]
    cycles: list[list[str]]
    thin: list[str]
    longest_file: tuple[str, int]


def read_sources(root: Path, packages: Sequence[str]) -> list[Source]:
    """Read the Python files of the packages."""
    return [
        read_source(path.relative_to(root), path.read_text(encoding="utf-8"))
        for package in packages
        for path in sorted((root / package).rglob("*.py"))
    ]


def read_source(path: Path, text: str) -> Source:
    """Read one file."""
    tree = ast.parse(text)
    return Source(path=path, text=text, tree=tree, units=list(_units(tree, str(path), True)))


def _units(node: ast.AST, prefix: str, public: bool) -> Iterator[Unit]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            name, seen = f"{prefix}:{child.name}", public and not child.name.startswith("_")
            yield Unit(name=name, node=child, public=seen)
            # What is inside a function is nobody's to look up.
            yield from _units(child, name, seen and isinstance(child, ast.ClassDef))
        else:
            yield from _units(child, prefix, public)


def measure(sources: Sequence[Source]) -> Style:
    """Measure some files together."""
    counts = [count_lines(source) for source in sources]
    code = sum(count.code for count in counts)
    functions = [unit for source in sources for unit in source.units if isinstance(unit.node, Function)]
    untyped = [unit.name for unit in functions if not is_typed(unit.node)]
    names = [str(source.path) for source in sources]
    documented = {name: ast.get_docstring(source.tree) for name, source in zip(names, sources, strict=True)}
    own = [source for source in sources if source.path.parent != PLAIN]
    units = [unit for source in own for unit in source.units if unit.public and not _repeats(unit.node)]
    documented |= {unit.name: ast.get_docstring(unit.node) for unit in units}
    undocumented = [name for name, docstring in documented.items() if not docstring]
    lengths = {unit.name: (unit.node.end_lineno or 0) - unit.node.lineno + 1 for unit in functions}
    longest = max(sources, key=_num_lines)
    return Style(
        code=code,
        comments=100 * sum(count.comments for count in counts) / code,
        docstrings=100 * sum(count.docstrings for count in counts) / code,
        untyped=untyped,
        typed=100 * (1 - len(untyped) / len(functions)),
        undocumented=undocumented,
        documented=100 * (1 - len(undocumented) / len(documented)),
        lengths=lengths,
        cycles=cycles(folder_imports(sources)),
        thin=[str(source.path) for source in sources if _num_lines(source) < THIN_FILE and not _is_init(source)],
        longest_file=(str(longest.path), _num_lines(longest)),
    )


def _repeats(node: Function | ast.ClassDef) -> bool:
    """Return whether this is another form of something that is documented: a property's setter, an overload."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(name.endswith((".setter", "overload")) for name in decorators)


def _num_lines(source: Source) -> int:
    return len(source.text.splitlines())


def _is_init(source: Source) -> bool:
    return source.path.name in {"__init__.py", "__main__.py"}


@dataclass(frozen=True, kw_only=True)
class LineCounts:
    """How many lines of a file are code, have a comment, alone or behind code, and belong to docstrings."""

    code: int
    comments: int
    docstrings: int


def count_lines(source: Source) -> LineCounts:
    """Count the lines of a file; a string that stands for itself below a name documents that name."""
    comments: set[int] = set()
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    docstrings = {
        line
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    return LineCounts(code=len(code - docstrings), comments=len(comments), docstrings=len(docstrings))


def is_typed(function: Function | ast.ClassDef) -> bool:
    """Return whether every parameter but a method's own, and the result, has an annotation."""
    if isinstance(function, ast.ClassDef):
        return True
    given = function.args
    parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    named = [parameter for parameter in parameters if parameter is not None]
    if named and named[0].arg in {"self", "cls"}:
        named = named[1:]
    return function.returns is not None and all(parameter.annotation is not None for parameter in named)


def folder_imports(sources: Sequence[Source]) -> Graph:
    """Return which folders each folder imports from, by the files of these sources; itself left out."""
    modules = {".".join(source.path.with_suffix("").parts).removesuffix(".__init__"): source for source in sources}
    graph: Graph = {str(source.path.parent): set() for source in sources}
    for source in sources:
        for target in _imported(source.tree):
            if target in modules:
                graph[str(source.path.parent)].add(str(modules[target].path.parent))
    return {folder: targets - {folder} for folder, targets in graph.items()}


def _imported(tree: ast.Module) -> Iterator[str]:
    """Name the modules of the imports that run; `from package import name` may mean a module of that name."""
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree, but for what is there for type checkers only."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")):
            yield from _running(child)


def cycles(graph: Graph) -> list[list[str]]:
    """Return the groups of nodes, of two or more, in which each reaches each."""
    reached = {node: _reachable(graph, node) for node in graph}
    groups = {
        frozenset(other for other in reached[node] if node in reached[other]) for node in graph if node in reached[node]
    }
    return sorted(sorted(group) for group in groups)


def _reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(graph[node])
    return found


def table(style: Style) -> str:
    """Return the figures as a table of one row."""
    lengths = style.lengths.values()
    figures = {
        "comment lines /100": f"{style.comments:.1f}",
        "docstring lines /100": f"{style.docstrings:.0f}",
        "typed": f"{style.typed:.1f} %",
        "public documented": f"{style.documented:.1f} %",
        "median / longest function": f"{statistics.median(lengths):.0f} / {max(lengths)}",
        "folders in cycles": str(sum(map(len, style.cycles)) or "none"),
        f"files under {THIN_FILE}": str(len(style.thin)),
        "longest file": f"{style.longest_file[0]}, {style.longest_file[1]}",
        "lines of code": f"{style.code:,}",
    }
    return f"| {' | '.join(figures)} |\n| {' | '.join(figures.values())} |"


def problems(style: Style) -> list[str]:
    """Return a line for everything that is outside its bound."""
    found = [f"folders that import one another: {' '.join(group)}" for group in style.cycles]
    found += [f"{name}: an annotation is missing" for name in style.untyped]
    found += [f"{name}: public, without a docstring" for name in style.undocumented]
    if style.comments < LEAST_COMMENTS:
        found.append(f"{style.comments:.1f} comment lines per 100, expected at least {LEAST_COMMENTS:g}")
    long = [(name, length) for name, length in style.lengths.items() if length > LONGEST_FUNCTION]
    found += [f"{name}: {length} lines, expected at most {LONGEST_FUNCTION}" for name, length in long]
    return found


def main(arguments: Sequence[str]) -> int:
    """Print the table; with `--check` the problems too, and return 1 if there are any."""
    parser = argparse.ArgumentParser(description="measure the style of the packages")
    parser.add_argument("--check", action="store_true", help="fail where a figure is outside its bound")
    style = measure(read_sources(ROOT, PACKAGES))
    print(table(style))
    if not parser.parse_args(arguments).check:
        return 0
    found = problems(style)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
