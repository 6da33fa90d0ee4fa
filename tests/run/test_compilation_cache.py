"""Fault test of the compilation cache: a damaged entry is made again, once."""

import warnings

import jax

from codeit_jax.run.compilation_cache import use_compilation_cache


def compile_anew(folder):
    """Compile a function as a process that has just started does; return the cache's entries."""
    jax.clear_caches()
    with warnings.catch_warnings():
        use_compilation_cache(folder)
        jax.jit(lambda x: x * 3 + 1)(jax.numpy.ones(5)).block_until_ready()
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith("-cache")}


def test_a_damaged_entry_is_replaced(tmp_path):
    whole = compile_anew(tmp_path)
    assert whole
    for name, content in whole.items():
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    mended = compile_anew(tmp_path)
    assert mended.keys() == whole.keys()
    assert all(len(content) > len(whole[name]) // 2 for name, content in mended.items())
