"""Contract test of the spine: from the command to what JAX has jitted in at most four calls of our own."""

import inspect
from pathlib import Path

import codeit_jax
import codeit_jax.commands.train as command
import codeit_jax.sampling.sampler as sampler
import codeit_jax.training.learner as learner

PACKAGE = Path(codeit_jax.__file__).parent
MOST_CALLS = 4


def calls_below_the_command():
    """Return the functions of the package on the stack, from the command's `run`, outermost first."""
    frame, names = inspect.currentframe(), []
    while frame.f_code is not command.run.__code__:
        # By file: frames of contextlib and of this test aren't the package's, and a generator has one frame only.
        if PACKAGE in Path(frame.f_code.co_filename).parents:
            names.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return tuple(reversed(names))


def test_the_jitted_functions_are_at_most_four_calls_away(tiny, tmp_path, monkeypatch):
    seen = {}
    for module, name in ((learner, "train_step"), (sampler, "sample_tokens")):
        jitted = getattr(module, name)

        def record(*arguments, name=name, jitted=jitted):
            seen.setdefault(name, set()).add(calls_below_the_command())
            return jitted(*arguments)

        monkeypatch.setattr(module, name, record)
    assert tiny(tmp_path, "num_meta_iterations=1").code == 0
    # One way only, in pretraining and after it; the last call is that of the jitted function itself.
    assert seen == {
        "train_step": {("train", "meta_iteration", "Learner.learn")},
        "sample_tokens": {("train", "meta_iteration", "Sampler.sample")},
    }
    assert all(len(way) + 1 <= MOST_CALLS for ways in seen.values() for way in ways)
