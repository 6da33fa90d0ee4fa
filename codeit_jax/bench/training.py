"""`codeit-jax bench training`: a train step beside torch's, and what length buckets are worth on real lengths.

Both sides have the same weights, batches and AdamW; losses of three steps are compared before anything is timed.
Figures are of the processor, over all threads: on a shared machine they move less than the wall's.
"""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from codeit_jax.bench.comparison import OURS, BenchReport, Times, interleave
from codeit_jax.bench.length_mix import LengthMix, choose_buckets, draw_of, measure_lengths, planned_share
from codeit_jax.bench.training_peers import torch_step
from codeit_jax.config.errors import UserError
from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.config.schema import HardwareConfig, TextConfig, TrainingConfig
from codeit_jax.model import PolicyModel, T5Model
from codeit_jax.parallel import make_mesh
from codeit_jax.parallel.mesh import replicated
from codeit_jax.text import Tokenizer, build_tokenizer
from codeit_jax.training import TrainBatch, TrainState, init_state, make_optimizer, train_step
from codeit_jax.training.batches import BatchSizes, PlannedBatch, collate, plan_batches
from codeit_jax.training.compilation import compilations
from codeit_jax.training.throughput import useful_flops, useful_share

TORCH = "torch"
MUST_AND_GOAL = {"step": (0.9, 1.1), "mix": (1.1, 1.4)}
# Several steps: the second loss compares gradients and the optimizer too. Both add in float32 in their own order.
LOSS_STEPS, LOSS_TOLERANCE = 3, 2e-4
ROWS = 8  # of a batch of the length mix, ours and torch's

Step = Callable[[TrainBatch], float]
"""Takes a batch of one part, returns its loss."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What is timed.

    Attributes:
        model: its vocabulary is that of the published checkpoints.
        rows, prompt_length, program_length: of the batch without padding.
        mix_batches: batches of the length mix that are timed, of all that a draw makes; 0 leaves it out.
    """

    model: ModelConfig
    rows: int
    prompt_length: int
    program_length: int
    mix_batches: int
    vocabulary_size: int = 32_100


PRESETS = {
    "tiny": Preset(
        model=ModelConfig(d_model=32, d_ff=64, d_kv=8, num_heads=2, num_encoder_layers=1, num_decoder_layers=1),
        rows=4,
        prompt_length=32,
        program_length=16,
        mix_batches=2,
        vocabulary_size=2_000,
    ),
    "60m": Preset(model=ModelConfig(), rows=8, prompt_length=512, program_length=128, mix_batches=3),
    "220m": Preset(
        model=ModelConfig(d_model=768, d_ff=3072, num_heads=12, num_encoder_layers=12, num_decoder_layers=12),
        rows=2,
        prompt_length=512,
        program_length=128,
        mix_batches=0,
    ),
}


class JaxStep:
    """Our training step on one device, as a contender: a batch in, the loss out.

    Args:
        model: without dropout.
        config: of AdamW.
    """

    def __init__(self, model: PolicyModel, config: TrainingConfig) -> None:
        self._model = model
        self._optimizer = make_optimizer(config)
        mesh = make_mesh(HardwareConfig(), jax.devices()[:1])
        self._sharding = replicated(mesh)
        self.state: TrainState = init_state(model, self._optimizer, mesh, jax.random.key(0))

    def __call__(self, batch: TrainBatch) -> float:
        """Take one step."""
        # Placing counts as part of the step, as it does in a run.
        placed = jax.device_put(batch, self._sharding)
        limit = np.float32(np.inf)
        self.state, metrics = train_step(self._model, self._optimizer, self.state, placed, jax.random.key(0), limit)
        return float(metrics.loss)


def run(arguments: argparse.Namespace) -> BenchReport:
    """Time one preset, or those of the published sizes.

    Raises:
        UserError: the losses differ from torch's.
    """
    names = [arguments.preset] if arguments.preset else ["60m", "220m"]
    report = BenchReport(
        bench="training",
        work={"presets": " ".join(names), "turns": arguments.repeats, "threads": os.cpu_count(), "dtype": "float32"},
    )
    compile_seconds = compilations().seconds
    for name in names:
        _run_preset(name, PRESETS[name], arguments, report)
    report.compile_seconds = compilations().seconds - compile_seconds
    return report


def _run_preset(name: str, preset: Preset, arguments: argparse.Namespace, report: BenchReport) -> None:
    config = TrainingConfig()
    model = T5Model(replace(preset.model, dropout=0.0), preset.vocabulary_size)
    ours = JaxStep(model, config)
    steps: dict[str, Step] = {OURS: ours}
    try:
        theirs = torch_step(model, ours.state.params, config, num_threads=os.cpu_count() or 1)
        steps[TORCH] = lambda batch: theirs(jax.tree.map(lambda array: array[0], batch))
    except ImportError as error:
        report.notes[TORCH] = f"not installed ({error}): pip install 'codeit_jax[torch]'"
    batch = _full_batch(preset)
    case = f"{name}: step of {preset.rows} x ({preset.prompt_length} + {preset.program_length}) tokens"
    calls = {contender: partial(step, batch) for contender, step in steps.items()}
    compare_losses(case, calls, report)
    _note(case, interleave(calls, arguments.repeats, warm_up=False), MUST_AND_GOAL["step"], report)
    if preset.mix_batches:
        time_mix(name, preset, model, steps, arguments, report)


def _full_batch(preset: Preset) -> TrainBatch:
    """Return a batch of random tokens without padding."""
    # Without padding both sides do the same arithmetic, whatever they do with padding.
    rng = np.random.default_rng(0)
    shape = (1, preset.rows, preset.program_length)
    # Neither special tokens, 0 to 2, nor the sentinels at the end of the vocabulary.
    targets = rng.integers(3, preset.vocabulary_size - 100, shape, dtype=np.int32)
    prompts = rng.integers(3, preset.vocabulary_size - 100, (1, preset.rows, preset.prompt_length), dtype=np.int32)
    arrays: dict[str, Any] = {
        "encoder_input_tokens": prompts,
        "encoder_mask": np.ones(prompts.shape, bool),
        "decoder_input_tokens": np.insert(targets, 0, 0, axis=2)[..., :-1],
        "decoder_target_tokens": targets,
        "loss_mask": np.ones(shape, bool),
    }
    return TrainBatch(**arrays)


def compare_losses(case: str, steps: Mapping[str, Callable[[], float]], report: BenchReport) -> None:
    """Take the first steps of each contender, and note by how much their losses differ.

    Raises:
        UserError: by more than rounding.
    """
    losses = {name: [step() for _ in range(LOSS_STEPS)] for name, step in steps.items()}
    if TORCH not in losses:
        return
    difference = float(np.abs(np.subtract(losses[OURS], losses[TORCH])).max())
    if not difference <= LOSS_TOLERANCE:  # so written, NaN is refused too
        raise UserError(f"{case}: losses are {losses[OURS]}, expected torch's {losses[TORCH]} within {LOSS_TOLERANCE}")
    report.notes[case] = f"losses of {LOSS_STEPS} steps differ from torch's by at most {difference:.1e}"


def _note(case: str, times: dict[str, Times], goals: tuple[float, float], report: BenchReport) -> None:
    """Add a case's processor seconds, and its wall seconds in a note."""
    report.figures[case] = {name: taken.cpu for name, taken in times.items()}
    report.goals[case, TORCH] = goals
    wall = ", ".join(f"{name} {taken.wall:.3g} s" for name, taken in times.items())
    report.notes[f"{case}, by the wall"] = wall


def time_mix(
    name: str,
    preset: Preset,
    model: PolicyModel,
    steps: dict[str, Step],
    arguments: argparse.Namespace,
    report: BenchReport,
) -> None:
    """Time both sides' batches of the real length mix, each for as many operations of real tokens."""
    # Ours plans batches as a run does; torch's are sorted by program length, each padded to its longest.
    tokenizer, text, mix = _measured(model, arguments.tokenizer_path)
    draw, order = draw_of(mix), np.random.default_rng(0).permutation(len(mix.prompts))
    sizes = BatchSizes(batch_size=ROWS, tokens_per_device=1 << 30)  # no batch in parts: torch has none
    ours = plan_batches(draw, text, sizes, np.random.default_rng(0))
    theirs = _in_order(mix, np.argsort(mix.programs, kind="stable"))  # as the released code does
    training = TrainingConfig()
    sizes = BatchSizes(batch_size=training.batch_size, tokens_per_device=training.tokens_per_device)
    shares = {
        f"our {len(sizes.shapes(text))} shapes, batches of {training.batch_size} in parts": planned_share(
            model, mix, text, sizes
        ),
        f"our shapes, batches of {ROWS}": useful_share(model, draw, ours),
        f"batches of {ROWS} sorted by program length": useful_share(model, draw, theirs),
        f"random batches of {ROWS}": useful_share(model, draw, _in_order(mix, order)),
    }
    report.notes[f"{name}: useful share of FLOPs, {tokenizer.name} tokenizer"] = ", ".join(
        f"{what} {share:.3f}" for what, share in shares.items()
    )
    times = {}
    for contender, plan in ((OURS, ours), (TORCH, theirs)):
        if contender in steps:
            chosen = spread(plan, preset.mix_batches)
            work = [collate(draw, batch, tokenizer) for batch in chosen]
            calls = {str(number): partial(steps[contender], batch) for number, batch in enumerate(work)}
            # Our warm-up compiles each shape; torch, which compiles nothing, is timed at once.
            taken = interleave(calls, 1, warm_up=contender == OURS).values()
            # Per operation of real tokens, so that a side gains nothing by padding.
            unit = useful_flops(model, draw, chosen) / 1e12
            times[contender] = Times(sum(t.wall for t in taken) / unit, sum(t.cpu for t in taken) / unit)
    _note(f"{name}: 1e12 useful operations of the length mix", times, MUST_AND_GOAL["mix"], report)


def _measured(model: PolicyModel, tokenizer_path: Path | None) -> tuple[Tokenizer, TextConfig, LengthMix]:
    """Return a tokenizer, length buckets that suit it, and the lengths by it."""
    text = TextConfig()
    if tokenizer_path is None:
        tokenizer = build_tokenizer("native")
        return tokenizer, text, measure_lengths(tokenizer, text)
    tokenizer = build_tokenizer("bpe", tokenizer_path)
    mix = measure_lengths(tokenizer, text)
    prompts, programs = choose_buckets(model, mix, len(text.prompt_buckets), len(text.program_buckets))
    return tokenizer, replace(text, prompt_buckets=prompts, program_buckets=programs), mix


def _in_order(mix: LengthMix, order: np.ndarray) -> list[PlannedBatch]:
    """Split rows in an order into batches padded to their longest."""
    batches = []
    for at in range(0, len(order) - ROWS + 1, ROWS):
        chosen = order[at : at + ROWS]
        shape = (1, ROWS, int(mix.prompts[chosen].max()), int(mix.programs[chosen].max()))
        batches.append(PlannedBatch(shape=shape, rows=chosen))
    return batches


def spread(plan: Sequence[PlannedBatch], number: int) -> list[PlannedBatch]:
    """Choose batches from the shortest to the longest, each in the middle of an equal share of them."""
    # By shape, for a step's time is its shape's: a few batches stand for the whole plan.
    ordered = sorted(plan, key=lambda batch: batch.shape[2:])
    return [ordered[int((n + 0.5) * len(ordered) / number)] for n in range(number)]
