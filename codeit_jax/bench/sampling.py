"""`codeit-jax bench sampling`: our sampling beside torch's `generate` and CTranslate2, same weights and forced lengths.

Greedy tokens are compared before anything is timed. Every case has a row by the wall and one of the processor (all
threads), for on a shared machine neither says all.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

from codeit_jax.arc import load_tasks
from codeit_jax.bench.comparison import OURS, BenchReport, Times, interleave
from codeit_jax.bench.sampling_peers import CTRANSLATE2, TORCH, ctranslate2_generate, peak_memory, torch_generate
from codeit_jax.bench.sampling_work import END, PAD, Work, float32_model, load_preset, make_work, our_sampling
from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import Config, SamplingConfig
from codeit_jax.model import Params, T5Model
from codeit_jax.model.huggingface import save_pretrained
from codeit_jax.parallel import make_mesh
from codeit_jax.programs import load_programs
from codeit_jax.sampling import Sampler
from codeit_jax.text import build_tokenizer

# Cases, and for each peer the ratio that must be reached and the goal: how many times our time it takes.
FULL, ALLOWED, LENGTHS, MEMORY = "full head", "allowed-token head", "real lengths", "peak memory"
GOALS = {
    (FULL, TORCH): (2.5, 3.5),
    (ALLOWED, TORCH): (4.3, 6.5),
    (ALLOWED, CTRANSLATE2["float32"]): (3.5, 5.0),
    (ALLOWED, CTRANSLATE2["int8"]): (2.6, 4.0),
    (LENGTHS, TORCH): (4.3, 7.0),
}
# Ratios as well: our peak must be 40 % of torch's at most, and the goal is 30 %.
MEMORY_GOAL = (1 / 0.40, 1 / 0.30)
PROGRAMS, PROGRAMS_MUST, PROGRAMS_GOAL = 9_600, 60.0, 25.0  # of a meta-iteration, and seconds
LENGTH_CAP = 256  # tokens; the peers run every sample to the longest, so one outlier would decide


def run(arguments: argparse.Namespace) -> BenchReport:
    """Time what suits the preset: a checkpoint's size beside its peers, or the native policy on 9,600 programs."""
    config = load_preset(arguments.preset)
    if config.text.tokenizer == "native":
        return _run_native(config, arguments)
    model = float32_model(config)
    work = make_work(
        model,
        prompts=arguments.prompts,
        prompt_tokens=arguments.prompt_tokens,
        samples=arguments.samples,
        tokens=arguments.tokens,
    )
    report = BenchReport(bench="sampling", work=_sizes(arguments))
    params = work.random_params()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights"
        save_pretrained(weights, params, model, pad_id=PAD, end_id=END, start_id=PAD)
        peers = _peers(weights, work, report)
        if TORCH in peers:
            _check_parity(work, params, torch_generate(weights, work))
        _time_heads(report, work, params, peers, arguments.repeats)
        _time_lengths(report, work, params, peers, arguments)
        if TORCH in peers:
            _measure_memory(report, work, weights, arguments.preset)
    return report


def _sizes(arguments: argparse.Namespace) -> dict[str, object]:
    names = ("preset", "prompts", "prompt_tokens", "samples", "tokens", "repeats")
    return {name: getattr(arguments, name) for name in names}


def _peers(folder: Path, work: Work, report: BenchReport) -> dict[str, Callable[[], object]]:
    """Return the installed peers; the others are noted."""
    peers: dict[str, Callable[[], object]] = {}
    if find_spec("torch") and find_spec("transformers"):
        peers[TORCH] = torch_generate(folder, work)
    else:
        report.notes[TORCH] = "torch and transformers aren't installed (pip install 'codeit_jax[torch]')"
    for kind, name in CTRANSLATE2.items():
        if TORCH in peers and find_spec("ctranslate2"):
            peers[name] = ctranslate2_generate(folder, work, kind)
        else:
            report.notes[name] = "needs ctranslate2 and, to convert the weights, torch and transformers"
    return peers


def _check_parity(work: Work, params: Params, generate: Callable[..., NDArray[np.int64]]) -> None:
    """Compare greedy tokens: the contenders must be the same network.

    Raises:
        UserError: they differ.
    """
    # A few tokens suffice: a wrong weight shows in the first, and greedy paths part by rounding sooner or later.
    num_tokens = min(8, work.num_tokens)
    sample, _ = our_sampling(replace(work, num_samples=1, num_tokens=num_tokens), params, allowed_only=False, top_k=1)
    ours, theirs = np.asarray(sample().tokens)[:, 0], generate(num_tokens, greedy=True)
    # We draw the end token as any other here, while torch suppresses it: compare up to there.
    before_end = np.cumsum(ours == END, axis=1) == 0
    if not np.array_equal(ours[before_end], theirs[before_end]):
        raise UserError(f"greedy tokens are {ours.tolist()}, expected torch's {theirs.tolist()}")


def _time_heads(
    report: BenchReport, work: Work, params: Params, peers: dict[str, Callable[[], object]], turns: int
) -> None:
    """Time the same forced lengths with the whole head, as the peers do it, and with the allowed tokens' alone."""
    full, full_seconds = our_sampling(work, params, allowed_only=False)
    allowed, allowed_seconds = our_sampling(work, params, allowed_only=True)
    report.compile_seconds = full_seconds + allowed_seconds
    # Both of ours in one comparison: the peers then run once for the two.
    times = interleave({FULL: full, ALLOWED: allowed, **peers}, turns)
    for case in (FULL, ALLOWED):
        _add(report, case, times[case], {name: times[name] for name in peers})


def _time_lengths(
    report: BenchReport,
    work: Work,
    params: Params,
    peers: dict[str, Callable[[], object]],
    arguments: argparse.Namespace,
) -> None:
    """Time samples that end where the seed programs do; torch runs all of them to the longest."""
    lengths = _program_lengths(arguments.tokenizer_path, work.num_samples * len(work.prompts))
    longest = int(lengths.max())
    sample, seconds = our_sampling(replace(work, num_tokens=longest), params, allowed_only=True, lengths=lengths)
    report.compile_seconds = (report.compile_seconds or 0.0) + seconds
    report.notes[LENGTHS] = (
        f"lengths of the seed programs ({'BPE' if arguments.tokenizer_path else 'native tokens'}), mean "
        f"{lengths.mean():.0f}, longest {longest}; {lengths.sum()} useful tokens on either side"
    )
    # Without a warm-up below: ours is compiled already, and torch compiles nothing.
    contenders: dict[str, Callable[[], object]] = {OURS: sample}
    if TORCH in peers:
        generate: Callable[..., object] = peers[TORCH]
        contenders[TORCH] = lambda: generate(longest)
    times = interleave(contenders, arguments.repeats, warm_up=False)
    _add(report, LENGTHS, times.pop(OURS), times)


def _program_lengths(tokenizer_path: Path | None, count: int) -> NDArray[np.int32]:
    """Draw lengths of seed programs, int32 [count], longer ones capped."""
    tokenizer = build_tokenizer("native" if tokenizer_path is None else "bpe", tokenizer_path)
    all_lengths = [len(tokenizer.encode_program(str(seed.program))) for seed in load_programs("builtin")]
    # Seeded, so that every run and every contender has the same lengths.
    drawn = np.random.default_rng(0).choice(all_lengths, count)
    return np.asarray(np.minimum(drawn, LENGTH_CAP), np.int32)


def _measure_memory(report: BenchReport, work: Work, folder: Path, preset: str) -> None:
    """Compare peak resident memory, each contender in a process of its own."""
    torch_bytes = peak_memory("torch", folder, preset, work)
    for side, head in (("full", FULL), ("allowed", ALLOWED)):
        case = f"{head}: {MEMORY}"
        report.figures[case] = {OURS: peak_memory(side, folder, preset, work), TORCH: torch_bytes}
        report.goals[case, TORCH] = MEMORY_GOAL
        report.units[case] = "B"


def _add(report: BenchReport, case: str, ours: Times, peers: dict[str, Times]) -> None:
    for clock in ("wall", "cpu"):
        row = f"{case}, {clock}"
        report.figures[row] = {OURS: getattr(ours, clock), **{name: getattr(t, clock) for name, t in peers.items()}}
        # A row by the wall and one of the processor are held to the same goals.
        for name in peers:
            if (case, name) in GOALS:
                report.goals[row, name] = GOALS[case, name]


def _run_native(config: Config, arguments: argparse.Namespace) -> BenchReport:
    """Time the whole sampling stage of the preset's policy on the evaluation tasks, random weights."""
    tokenizer = build_tokenizer("native", None)
    model = T5Model(config.model, tokenizer.vocabulary_size)
    tasks = load_tasks(config.data.search_tasks)
    per_task = PROGRAMS // len(tasks)
    sampler = Sampler(
        model,
        tokenizer,
        SamplingConfig(
            samples_per_task=per_task,
            prompts_per_batch=config.sampling.prompts_per_batch,
            grammar=config.sampling.grammar,
        ),
        prompt_buckets=config.text.prompt_buckets,
        max_program_tokens=config.text.max_program_tokens,
        mesh=make_mesh(config.hardware),
    )
    prompts = [
        (task.id, tokenizer.encode_prompt(task.demonstrations, max_tokens=config.text.max_prompt_tokens))
        for task in tasks
    ]
    params = jax.jit(model.init)(jax.random.key(0))

    def sample() -> None:
        for _ in sampler.sample(params, prompts, jax.random.key(1)):
            pass

    # The first stage compiles every bucket; its time over a later one is what compiling took.
    start = time.perf_counter()
    sample()
    first = time.perf_counter() - start
    times = interleave({OURS: sample}, arguments.repeats, warm_up=False)[OURS]
    case, budget = f"{len(prompts) * per_task} programs", f"{PROGRAMS_MUST:g} s"
    report = BenchReport(bench="sampling", work={"preset": arguments.preset, "tasks": len(tasks), "samples": per_task})
    report.figures[case] = {OURS: times.wall, budget: PROGRAMS_MUST}
    report.goals[case, budget] = (1.0, PROGRAMS_MUST / PROGRAMS_GOAL)
    report.compile_seconds = first - times.wall
    return report
