"""Contract tests of the whole: who imports whom, what is never called, file sizes, console, package list, README."""

import ast
import configparser
import fnmatch
import graphlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from codeit_jax import __version__
from codeit_jax.cli import VERBS, main

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("codeit_jax", "interpreter")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# Bottom to top: a room, which is a folder, imports only rooms named before it. This is the whole law of imports.
ROOMS = [
    *("interpreter/values", "interpreter/language", "interpreter/primitives", "interpreter/execution"),
    *("interpreter/pool", "interpreter"),
    *("config", "arc", "replay/tree", "replay/store", "replay", "parallel", "storage", "programs", "text"),
    *("hindsight", "mutation", "model", "sampling", "training", "evaluation", "statistics", "search", "reporting"),
    *("charts", "laboratory", "run"),
    *("baselines", "inference", "prediction", "fetching", "bench/plain", "bench", "commands"),
]
JAX_ROOMS = {"parallel", "model", "sampling", "training", "storage", "run", "inference", "bench"}
# Programs for measuring and comparing, which no other module imports.
BENCHMARKS = {f"codeit_jax/bench/replay{part}.py" for part in ("", "_peers", "_buffers", "_loop", "_goals")}


def name_of(path):
    """Return the dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SOURCES}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imports(name, nodes):
    """Return the modules that some nodes of a module import: ours by file, others by their top name."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: a relative import"
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = members & MODULES.keys()
            found.update(submodules)
            if submodules != members:
                found.add(node.module)
    return {module if module.split(".")[0] in PACKAGES else module.split(".")[0] for module in found}


IMPORTS = {name: imports(name, ast.walk(tree)) for name, tree in TREES.items()}


def room(module):
    """Return the folder of a module below `codeit_jax`, or from `interpreter` on; "" is the package's top."""
    folder = MODULES[module].parent.relative_to(ROOT)
    return str(folder.relative_to("codeit_jax") if folder.parts[0] == "codeit_jax" else folder).removeprefix(".")


def test_the_list_of_rooms_has_every_folder_once():
    assert sorted({room(name) for name in MODULES} - {""}) == sorted(ROOMS)


def test_the_top_holds_the_door_only():
    assert {name for name in MODULES if room(name) == ""} == {"codeit_jax", "codeit_jax.__main__", "codeit_jax.cli"}


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_rooms_below_it(name):
    below = {"", *ROOMS[: ROOMS.index(name) + 1]}
    for module in MODULES:
        if room(module) == name:
            assert {room(target) for target in IMPORTS[module] if target in MODULES} <= below, module


def test_no_module_imports_itself_in_a_circle():
    # An import under `if TYPE_CHECKING` never runs.
    typing_only = {
        inner
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    graph = {
        name: imports(name, (node for node in ast.walk(tree) if node not in typing_only)) & MODULES.keys()
        for name, tree in TREES.items()
    }
    list(graphlib.TopologicalSorter(graph).static_order())


def test_the_interpreter_and_the_replay_need_almost_nothing():
    for name in MODULES:
        others = IMPORTS[name] - set(sys.stdlib_module_names) - MODULES.keys()
        if room(name).startswith("interpreter"):
            assert others == set(), name
        if room(name).startswith("replay"):
            assert others <= {"numpy"}, name


def test_jax_is_imported_only_where_it_computes():
    users = {room(name) for name in MODULES if IMPORTS[name] & {"jax", "flax", "optax", "orbax"}}
    assert users - {"replay"} == JAX_ROOMS


def test_the_network_is_used_by_two_rooms_only():
    clients = {"httpx2", "httpx", "http", "urllib", "requests", "aiohttp", "ssl", "ftplib"}
    assert {room(name) for name in MODULES if IMPORTS[name] & clients} == {"fetching", "prediction"}


def test_benchmarks_are_imported_by_their_verb_only():
    names = {name for name, path in MODULES.items() if str(path.relative_to(ROOT)) in BENCHMARKS}
    assert len(names) == len(BENCHMARKS)
    importers = {name for name in MODULES.keys() - names if IMPORTS[name] & names}
    assert importers == {"codeit_jax.commands.bench"}


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("code", "banned"),
    [
        ("import interpreter", "numpy jax flax transformers codeit_jax pydantic yaml"),
        ("import codeit_jax.replay", "jax flax transformers torch interpreter pydantic yaml"),
        ("from codeit_jax.cli import build_parser; build_parser()", "numpy jax flax pydantic yaml interpreter"),
    ],
)
def test_an_import_brings_in_nothing_heavy(code, banned):
    result = python("-c", f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))")
    assert result.stderr == ""
    assert set(json.loads(result.stdout)) & set(banned.split()) == set()


def test_no_file_or_folder_has_a_name_that_says_nothing():
    empty = {"utils", "util", "common", "helpers", "helper", "misc", "base", "core", "lib"}
    parts = {part for name in MODULES for part in name.split(".")}
    assert parts & empty == set()
    assert parts & {f"_{word}" for word in empty} == set()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_is_at_most_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_every_module_says_what_it_is_for():
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


DANGEROUS_CALLS = {
    *("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "builtins.compile"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "shelve.open"),
    *("os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load"),
}
# Payload columns of arbitrary objects; refused unless the caller passes allow_pickle=True for a file that it trusts.
KNOWN_CALLS = {("codeit_jax.replay.store.persistence", "pickle.loads")}


def test_text_is_never_made_into_code():
    calls = {
        (name, ast.unparse(node.func))
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert {call for call in calls if call[1] in DANGEROUS_CALLS} == KNOWN_CALLS
    renamed = [
        (name, alias.name)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in {"pickle", "marshal", "builtins", "shelve"}
        for alias in node.names
    ]
    assert renamed == []


def test_no_call_asks_for_a_shell_or_for_pickled_arrays():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in {"shell", "allow_pickle"}:
                assert not (isinstance(node.value, ast.Constant) and node.value.value), name


def test_the_console_entry_runs_as_a_module():
    result = python("-m", "codeit_jax", "--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"codeit-jax {__version__}\n", "")


def test_a_user_error_is_one_line_without_a_traceback_and_exit_code_2():
    result = python("-m", "codeit_jax", "config", "show", "--config", "configs/smoke.yaml", "sed=1")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: unknown key 'sed' (command line); did you mean 'seed'?\n"


@pytest.mark.parametrize("arguments", [["nonsense"], [], ["train", "--nonsense"], ["config", "show", "--json", "seed"]])
def test_a_wrong_command_line_is_exit_code_2(arguments, capsys):
    try:
        code = main(arguments)
    except SystemExit as leaving:
        code = leaving.code
    assert code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "error: " in output.err.splitlines()[-1]
    assert "Traceback" not in output.err


@pytest.mark.parametrize("through", ["option", "environment"])
def test_debug_shows_the_traceback_of_a_user_error(through, capsys, monkeypatch):
    if through == "environment":
        monkeypatch.setenv("CODEIT_JAX_DEBUG", "1")
    assert main([*(["--debug"] if through == "option" else []), "config", "show", "sed=1"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Traceback (most recent call last):\n")
    assert error.splitlines()[-1] == "error: unknown key 'sed' (command line); did you mean 'seed'?"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help_text(verb, capsys):
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: codeit-jax {verb}")


def read_setup():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return setup


def test_the_installed_packages_are_the_folders_there_are():
    setup = read_setup()
    code = {name_of(path.parent / "__init__.py") for path in SOURCES}
    presets = {path.parent.relative_to(ROOT) for path in (ROOT / "configs").rglob("*.yaml")}
    mapped = {".".join(("codeit_jax", *folder.parts)): str(folder) for folder in presets}
    assert setup["options"]["packages"].split() == sorted(code | mapped.keys())
    lines = setup["options"]["package_dir"].strip().splitlines()
    assert dict(line.split(" = ") for line in lines) == mapped


def test_every_data_file_is_installed():
    patterns = read_setup()["options.package_data"]
    data = [p for package in PACKAGES for p in (ROOT / package).rglob("*") if p.is_file() and p.suffix != ".pyc"]
    data += (ROOT / "configs").rglob("*.yaml")
    for path in set(data) - set(SOURCES):
        folders = [folder for folder in path.parents if folder != ROOT and folder.is_relative_to(ROOT)]
        names = {".".join(folder.relative_to(ROOT).parts): folder for folder in folders}
        names |= {f"codeit_jax.{name}": folder for name, folder in names.items() if name.startswith("configs")}
        assert any(
            fnmatch.fnmatch(str(path.relative_to(folder)), pattern)
            for name, folder in names.items()
            for pattern in patterns.get(name, "").split()
        ), path


README = (ROOT / "README.md").read_text(encoding="utf-8")


def tree_paths():
    """Return the paths that the README's file tree names; two blanks of indentation are one folder."""
    [block] = [block for block in re.findall(r"^```\n(.*?)^```$", README, re.M | re.S) if "codeit_jax/" in block]
    paths, folders = [], []
    for line in block.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [name.rstrip("/")]
        paths.append("/".join(folders) + ("/" if name.endswith("/") else ""))
    return paths


def test_the_readmes_tree_names_only_what_exists():
    for path in tree_paths():
        assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file(), path


def test_the_readmes_tree_has_every_top_level_entry_and_every_room():
    listed = {path.rstrip("/") for path in tree_paths()}
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    top = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    top -= {name for name in top for pattern in ignored if fnmatch.fnmatch(name, pattern.rstrip("/"))}
    rooms = {str(path.parent.relative_to(ROOT)) for path in SOURCES}
    assert top - listed == set()
    assert rooms - listed == set()


def test_the_readmes_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#\s]+)", README)
    assert links
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_readme_names_every_verb():
    for verb in VERBS:
        assert f"codeit-jax {verb}" in README, verb


def test_no_two_modules_have_one_basename():
    stems = [path.stem for path in SOURCES if path.stem != "__init__"]
    assert sorted({stem for stem in stems if stems.count(stem) > 1}) == []


COMMANDING = {"Tell", "Say", "Have", "Take note", "Put", "Let"}


def test_docstrings_begin_with_what_comes_out():
    found = [
        (name, docstring.splitlines()[0])
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (docstring := ast.get_docstring(node))
    ]
    assert [(name, line) for name, line in found if line.startswith(tuple(f"{words} " for words in COMMANDING))] == []


# Documented despite the underscore; and Python's pickler in Python, whose fast form can't be told how to save a value.
PUBLIC = {"os._exit", "pickle._Pickler", "_replace", "_asdict", "_use_new_zipfile_serialization"}
REPLACING = {"setattr", "delattr", "getattr", "hasattr", "patch", "object"}


def is_private(name):
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def private_uses(tree):
    """Yield line and text of each private name of something else: reached into, imported, replaced or passed."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                continue
            case ast.Attribute(attr=name) if is_private(name) and not {name, ast.unparse(node)} & PUBLIC:
                yield node.lineno, ast.unparse(node)
            case ast.ImportFrom(module=str(module), names=names):
                imported = [f"{module}.{alias.name}" for alias in names]
                yield from ((node.lineno, name) for name in imported if is_private(name))
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=arguments, keywords=keywords):
                passed = [each.arg for each in keywords if each.arg]
                if called in REPLACING:
                    texts = [each.value for each in arguments if isinstance(each, ast.Constant)]
                    yield from ((node.lineno, text) for text in texts if isinstance(text, str) and is_private(text))
                yield from ((node.lineno, name) for name in passed if is_private(name) and name not in PUBLIC)


def private_uses_below(folder):
    return [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted(folder.rglob("*.py"))
        for line, text in private_uses(ast.parse(path.read_text(encoding="utf-8")))
    ]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import a\na._b", ["a._b"]),
        ("from a import _b", ["a._b"]),
        ("from a._b import c", ["a._b.c"]),
        ("monkeypatch.setattr(a, '_b', 1)", ["_b"]),
        ("monkeypatch.setattr('a._b', 1)", ["a._b"]),
        ("a(_b=1)", ["_b"]),
        ("super()._run()", ["super()._run"]),
        ("self._a\nos._exit(1)\na.__name__\nrow._replace(a=1)\nf('_a')", []),
    ],
)
def test_private_names_are_found(code, found):
    assert [text for _, text in private_uses(ast.parse(code))] == found


TEST_ROOMS = sorted(path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.mark.parametrize("room", TEST_ROOMS)
def test_tests_use_no_private_names(room):
    assert private_uses_below(ROOT / "tests" / room) == []
