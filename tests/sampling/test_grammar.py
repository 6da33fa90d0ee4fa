"""Contract and twin tests of the grammar: finished samples parse, typed ones fit their signatures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interpreter
from codeit_jax.arc import Example
from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import HardwareConfig, ModelConfig, SamplingConfig
from codeit_jax.model import T5Model
from codeit_jax.parallel import make_mesh
from codeit_jax.sampling import Sampler
from codeit_jax.sampling.program_grammar import build_grammar
from codeit_jax.text import build_tokenizer
from interpreter.language.type_names import SUBTYPES

TOKENIZER = build_tokenizer("native")
NAMES = [TOKENIZER.token_names[index] for index in TOKENIZER.program_token_ids]
MODEL = T5Model(
    ModelConfig(d_model=16, d_ff=16, d_kv=4, num_heads=2, num_encoder_layers=1, num_decoder_layers=1, dropout=0.0),
    TOKENIZER.vocabulary_size,
)
GRID = ((1, 2), (3, 4))


def sample(random_params, grammar: str, samples_per_task: int = 100) -> list:
    sampler = Sampler(
        MODEL,
        TOKENIZER,
        SamplingConfig(
            samples_per_task=samples_per_task, prompts_per_batch=8, grammar=grammar, temperature=1.5, top_k=0
        ),
        prompt_buckets=(32,),
        max_program_tokens=48,
        mesh=make_mesh(HardwareConfig(), jax.devices()[:1]),
    )
    prompt = TOKENIZER.encode_prompt([Example(GRID, GRID)], max_tokens=32)
    prompts = [(f"task{n}", prompt) for n in range(8)]
    batches = sampler.sample(random_params(MODEL), prompts, jax.random.key(1))
    return [program for batch in batches for program in batch if program.finished]


@pytest.mark.slow
def test_finished_samples_of_random_weights_parse(random_params):
    """Of 8,000 samples with random weights the finished ones parse, all of them: 99.9 % are asked for."""
    finished = sample(random_params, "syntax", samples_per_task=1_000)
    assert len(finished) > 1_000
    for program in finished:
        interpreter.parse(program.text)
    assert len({program.text for program in finished}) > 50


def test_typed_samples_fit_their_signatures_and_fail_less(random_params):
    """The types of a second, host-side reading of each program: every argument can be of its parameter's type."""
    typed = sample(random_params, "typed")
    assert len(typed) > 100
    for program in typed:
        types = {"I": "Grid"}
        for line in program.text.split("\n"):
            target, _, call = line.partition(" = ")
            callee, _, rest = call.rstrip(")").partition("(")
            arguments = rest.split(", ")
            signature = interpreter.SIGNATURES.get(callee)
            types[target] = signature.result if signature else "Any"
            if signature is None:
                assert "Callable" in SUBTYPES[types[callee]]
                continue
            for argument, parameter in zip(arguments, signature.parameters, strict=True):
                assert set(SUBTYPES[_type_of(argument, types)]) & set(SUBTYPES[parameter.type])
        assert "Grid" in SUBTYPES[types["O"]]
    ran = [share_without_error(sample(random_params, mode)) for mode in ("syntax", "typed")]
    assert ran[1] > 2 * ran[0]


def share_without_error(programs: list) -> float:
    outcomes = [interpreter.run(interpreter.parse(program.text), GRID) for program in programs]
    return float(np.mean([outcome.status is not interpreter.Status.ERROR for outcome in outcomes]))


def _type_of(name: str, types: dict[str, str]) -> str:
    if name in types:
        return types[name]
    if name in interpreter.SIGNATURES:
        return "Callable"
    value = interpreter.CONSTANTS[name]
    return "IntegerTuple" if isinstance(value, tuple) else "Boolean" if isinstance(value, bool) else "Integer"


@pytest.mark.parametrize("mode", ["syntax", "typed"])
def test_sensible_programs_are_never_masked(mode):
    """Walk programs through the automaton: each of their tokens must be allowed where it stands."""
    programs = [
        "O = hmirror(I)",
        "x1 = objects(I, T, F, T)\nx2 = argmax(x1, size)\nO = subgrid(x2, I)",
        "x1 = lbind(shift, I)\nx2 = ofcolor(I, ZERO)\nx3 = compose(first, totuple)\nx4 = x3(x2)\nO = fill(I, ONE, x2)",
        "x1 = rbind(multiply, TWO)\nx2 = x1(THREE)\nx3 = astuple(x2, x2)\nO = canvas(x2, x3)",
    ]
    grammar = build_grammar(NAMES, mode)
    column_of = {int(token): column for column, token in enumerate(TOKENIZER.program_token_ids)}
    for text in programs:
        state = grammar.start(1)
        for token in TOKENIZER.encode_program(text):
            column = column_of[int(token)]
            assert bool(grammar.allowed(state)[0, column]), (text, NAMES[column])
            state = grammar.advance(state, jnp.array([column]))


def test_what_is_not_defined_yet_is_masked():
    grammar = build_grammar(NAMES, "syntax")
    state = grammar.start(1)
    first = [NAMES[column] for column in np.flatnonzero(grammar.allowed(state)[0])]
    assert set(first) == set(interpreter.PRIMITIVES)
    state = grammar.advance(state, jnp.array([NAMES.index("hmirror")]))
    arguments = {NAMES[column] for column in np.flatnonzero(grammar.allowed(state)[0])}
    assert arguments == {"I", *interpreter.CONSTANTS, *interpreter.PRIMITIVES}
    state = grammar.advance(state, jnp.array([NAMES.index("I")]))
    ends = {NAMES[column] for column in np.flatnonzero(grammar.allowed(state)[0])}
    assert ends == {"=x1", "<end>"}
    state = grammar.advance(state, jnp.array([NAMES.index("=x1")]))
    assert {NAMES[column] for column in np.flatnonzero(grammar.allowed(state)[0])} == {
        "x1",
        *interpreter.PRIMITIVES,
    }


def test_the_grammar_needs_tokens_that_are_names():
    class Other:
        name = "bpe"
        start_id = end_id = pad_id = 0
        vocabulary_size = 10
        program_token_ids = np.arange(10)

    with pytest.raises(UserError, match=r"'syntax' with the bpe tokenizer, expected 'off' or 'released'"):
        Sampler(
            MODEL,
            Other(),
            SamplingConfig(grammar="syntax"),
            prompt_buckets=(32,),
            max_program_tokens=8,
            mesh=make_mesh(HardwareConfig(), jax.devices()[:1]),
        )
