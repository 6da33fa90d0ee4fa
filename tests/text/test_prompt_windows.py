"""Exact and property: what a prompt keeps when the encoder window is too short."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codeit_jax.arc import Example
from codeit_jax.text.bpe import BpeTokenizer

UNBOUNDED = 10**6

grids = hnp.arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 9)).map(
    lambda array: tuple(map(tuple, array.tolist()))
)
demonstration_lists = st.lists(st.builds(Example, input=grids, output=grids), min_size=1, max_size=6)


def solid(width, color):
    """Return a one-row example; its native length is 8 tokens, whatever the width."""
    return Example(input=((color,) * width,), output=((color,) * width,))


def bars(width):
    """Return an example whose native length is 6 + 2 * width tokens: rows without equal neighbors."""
    row = tuple(column % 7 + 1 for column in range(width))
    return Example(input=(row,), output=(row,))


def names(native, prompt):
    return [native.token_names[index] for index in prompt.token_ids]


@settings(deadline=None, max_examples=80)
@given(demonstrations=demonstration_lists, max_tokens=st.integers(4, 400))
def test_no_prompt_is_longer_than_its_window(tokenizer, demonstrations, max_tokens):
    prompt = tokenizer.encode_prompt(demonstrations, max_tokens=max_tokens)
    assert prompt.token_ids.dtype == np.int32
    assert len(prompt.token_ids) <= min(max_tokens, prompt.full_length)
    assert prompt.truncated == (len(prompt.token_ids) < prompt.full_length)
    whole = tokenizer.encode_prompt(demonstrations, max_tokens=UNBOUNDED)
    assert not whole.truncated
    assert len(whole.token_ids) == whole.full_length == prompt.full_length


@settings(deadline=None, max_examples=80)
@given(demonstrations=demonstration_lists, max_tokens=st.integers(1, 400))
def test_native_keeps_the_shortest_demonstrations_whole(native, demonstrations, max_tokens):
    prompt = native.encode_prompt(demonstrations, max_tokens=max_tokens)
    alone = sorted(
        (native.encode_prompt([example], max_tokens=UNBOUNDED).token_ids for example in demonstrations), key=len
    )
    whole = []
    while len(whole) < len(alone) and sum(map(len, [*whole, alone[len(whole)]])) <= max_tokens:
        whole.append(alone[len(whole)])
    wanted = np.concatenate(whole) if whole else alone[0][:max_tokens]
    assert prompt.token_ids.tolist() == wanted.tolist()


def test_native_prompt_exact(native):
    demonstrations = [bars(4), Example(input=((0, 0), (0, 3)), output=((3,),))]
    prompt = native.encode_prompt(demonstrations, max_tokens=100)
    bars_runs = ("height:1", "width:4", "run:1*1", "run:2*1", "run:3*1", "run:4*1")
    assert names(native, prompt) == [
        *("input:cells", "height:2", "width:2", "background:0", "color:3", "cell:1,1"),
        *("output:cells", "height:1", "width:1", "background:3"),
        *("input:runs", *bars_runs),
        *("output:runs", *bars_runs),
    ]


def test_native_drops_the_longest_demonstration_first(native):
    demonstrations = [bars(20), solid(3, 1), bars(5)]  # 46, 8 and 16 tokens
    for max_tokens, num_tokens in [(70, 70), (69, 24), (24, 24), (23, 8), (8, 8), (7, 7), (1, 1)]:
        prompt = native.encode_prompt(demonstrations, max_tokens=max_tokens)
        assert (len(prompt.token_ids), prompt.full_length) == (num_tokens, 70)
        assert prompt.truncated == (max_tokens < 70)


def test_bpe_prompt_is_the_framed_text(bpe):
    prompt = bpe.encode_prompt([solid(3, 4), solid(1, 2)], max_tokens=UNBOUNDED)
    assert (prompt.token_ids[0], prompt.token_ids[-1]) == (1, bpe.end_id)
    text = "1x1 background=2|1x3 background=4\n1x1 background=2|1x3 background=4"
    assert bpe.decode_program(prompt.token_ids) == text


def test_bpe_cuts_each_side_at_half_of_the_window(bpe):
    long, short = ((0, 1) * 15,) * 2, ((5,),)
    for example in (
        Example(input=long, output=short),
        Example(input=short, output=long),
        Example(input=long, output=long),
    ):
        whole = bpe.encode_prompt([example], max_tokens=UNBOUNDED).token_ids.tolist()
        newline = next(index for index in range(len(whole)) if bpe.decode_program(whole[1 : index + 1]).endswith("\n"))
        inputs, outputs = whole[:newline], whole[newline:-1]
        prompt = bpe.encode_prompt([example], max_tokens=64)
        assert prompt.token_ids.tolist() == [*inputs[:32], *outputs[:31], bpe.end_id]
        assert prompt.truncated


def test_without_an_end_the_outputs_have_its_place(bpe, bpe_folder):
    without = BpeTokenizer(bpe_folder, prompt_end=False)
    grid = ((0, 1) * 15,) * 2
    for example in (Example(input=grid, output=grid), Example(input=((5,),), output=((5,),))):
        whole = bpe.encode_prompt([example], max_tokens=UNBOUNDED).token_ids.tolist()
        assert without.encode_prompt([example], max_tokens=UNBOUNDED).token_ids.tolist() == whole[:-1]
    framed, unframed = (
        tokenizer.encode_prompt([Example(grid, grid)], max_tokens=64).token_ids.tolist() for tokenizer in (bpe, without)
    )
    assert (framed[:-1], len(unframed)) == (unframed[:-1], 64)
    assert unframed[-1] != bpe.end_id


@pytest.mark.parametrize(("demonstrations", "max_tokens"), [([], 100), ([solid(1, 1)], 0)])
def test_impossible_prompts_are_refused(tokenizer, demonstrations, max_tokens):
    with pytest.raises(ValueError, match="expected 1 in"):
        tokenizer.encode_prompt(demonstrations, max_tokens=max_tokens)
