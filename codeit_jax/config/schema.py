"""The configuration of a run: `Config`, and below it one frozen dataclass for each of its sections.

Each room receives its own section. Every field has a default, so a preset names only what it changes; the defaults
follow the paper's recipe (see `codeit_jax.config.recipes`). Values are checked on construction: types, ranges, unknown
names. The text below a field is the only place that says what the setting does; docs/configuration.md is generated
from it by `codeit_jax.config.reference`. "The paper" is Butt et al., ICML 2024; its names of settings are given.
"""

from dataclasses import field
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from codeit_jax.config.model_schema import ModelConfig
from codeit_jax.config.value_types import (
    AxisSize,
    Buckets,
    Grammar,
    NonNegativeFloat,
    NonNegativeInt,
    NumWorkers,
    PositiveFloat,
    PositiveInt,
    Probability,
    Seed,
)

Recipe = Literal["paper", "released"]
DemonstrationOrder = Literal["cells", "sides"]
Dialect = Literal["native", "codeit"]
Screen = Literal["all", "smallest_demonstration"]

# What a resumed run may change. Every other setting decides what the numbers mean: changing it needs a new directory.
CHANGEABLE_ON_RESUME = ("num_meta_iterations", "interpreter.num_workers", "checkpoint", "hardware")

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Config:
    """Everything that decides a run; equal configurations and seeds give equal results."""

    recipe: Recipe = "paper"
    """Where the paper and its released code differ, which of the two to follow. Sets every setting in which they do;
    each can also be set by itself."""
    seed: Seed = 0
    """Seed of every random draw of the run."""
    num_meta_iterations: NonNegativeInt = 100
    """Rounds of sampling, relabeling and learning (paper, section 3.2)."""

    # Factories, because the sections are defined below.
    data: "DataConfig" = field(default_factory=lambda: DataConfig())
    mutation: "MutationConfig" = field(default_factory=lambda: MutationConfig())
    text: "TextConfig" = field(default_factory=lambda: TextConfig())
    model: ModelConfig = field(default_factory=ModelConfig)
    sampling: "SamplingConfig" = field(default_factory=lambda: SamplingConfig())
    search: "SearchConfig" = field(default_factory=lambda: SearchConfig())
    interpreter: "InterpreterConfig" = field(default_factory=lambda: InterpreterConfig())
    hindsight: "HindsightConfig" = field(default_factory=lambda: HindsightConfig())
    replay: "ReplayConfig" = field(default_factory=lambda: ReplayConfig())
    training: "TrainingConfig" = field(default_factory=lambda: TrainingConfig())
    checkpoint: "CheckpointConfig" = field(default_factory=lambda: CheckpointConfig())
    hardware: "HardwareConfig" = field(default_factory=lambda: HardwareConfig())


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class DataConfig:
    """What is searched, and what the policy starts from."""

    search_tasks: str = "arc1/evaluation"
    """Source of the tasks to solve (paper: 400 evaluation tasks); their test outputs are read only to score."""
    num_search_tasks: PositiveInt | None = None
    """The first N of them by id; null is all."""
    training_tasks: str = "arc1/training"
    """Source of the tasks that the seed programs solve."""
    seeds: str = "builtin"
    """A programs file with `def solve_<task id>(I):`; `builtin` is our own."""
    held_out_tasks: NonNegativeInt = 0
    """Training tasks that are kept out, with their seed programs, of all that is learned: what these programs cost the
    policy, and how much it saves by reading their task, is recorded after each learning stage. The same ones for every
    seed. Not in the paper."""
    fresh_inputs: NonNegativeFloat = 0.0
    """Further experiences for each seed and mutant, on other tasks' inputs; not in the paper."""
    augment: NonNegativeFloat = 0.0
    """Further experiences for each, on its own inputs turned, mirrored and in other colors; the outputs are computed
    again. Not in the paper."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class MutationConfig:
    """The augmented training set: mutants of the seed programs (paper, appendix A.2)."""

    method: Literal["d1", "dinf", "random"] = "d1"
    """Mutants of seeds only, of seeds and mutants, or programs built at random."""
    branch_probabilities: Recipe = "paper"
    """How often a mutation replaces a whole definition, an argument or a function (paper: phi_var, phi_arg, phi_func),
    or inserts a line."""
    num_programs: NonNegativeInt = 19_200
    """Mutants to make; 0 is ablation A6."""
    count: Literal["accepted", "attempts"] = "accepted"
    """What `num_programs` counts: mutants that are valid and new, or attempts at one, of which half are neither."""
    retries: NonNegativeInt = 0
    """Further tries of an attempt whose mutant isn't valid, at the same program; without them short programs have more
    mutants than long ones."""
    score_tasks: bool = True
    """Run seeds and mutants on the search tasks, for the rows `seeds`, `mutants` and `cumulative`."""
    candidates: Screen = "all"
    """Which of them are candidates: all that reproduce a demonstration, as of the policy's programs (paper), or, in a
    third of the time, only those that reproduce the smallest; the others are then overlooked."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TextConfig:
    """Prompts and tokens."""

    tokenizer: Literal["native", "bpe"] = "native"
    """One token for each name of the language and each number, or the published models' byte pairs."""
    tokenizer_path: str | None = None
    """Folder with vocab.json and merges.txt, or a tokenizer.json; for `bpe`."""
    # The defaults were chosen for the native tokenizer by codeit_jax.bench.length_mix.
    prompt_buckets: Buckets = (128, 176, 256, 352, 480, 720, 896, 1024)
    """Tokens that prompts are padded to; training compiles every pair of lengths. The last is the encoder's window
    (paper: 512 for inputs + 512 for outputs)."""
    program_buckets: Buckets = (32, 48, 64, 96, 144, 512)
    """Tokens that programs are padded to, end token included; the last is the decoder's window (paper: 512)."""

    num_demonstrations: PositiveInt | None = None
    """Prompts show only the N smallest (1 is ablation A5); null is all, ten at most."""
    demonstration_order: DemonstrationOrder = "cells"
    """What is small: few cells, input and output together; or few rows, input and output together, then few columns of
    the input. `native` prompts show those that are shown by number of tokens."""
    prompt_end: bool = True
    """End prompts with the end token, for `bpe`."""
    long_programs: Literal["truncate", "leave_out"] = "truncate"
    """Programs beyond the decoder's window: learned up to there, or not at all."""

    @property
    def max_prompt_tokens(self) -> int:
        """Longer prompts lose demonstrations."""
        return self.prompt_buckets[-1]

    @property
    def max_program_tokens(self) -> int:
        """Longer programs aren't sampled, and are learned as `long_programs` says."""
        return self.program_buckets[-1]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SamplingConfig:
    """Drawing programs from the policy."""

    samples_per_task: PositiveInt = 24
    """Programs for each task in a meta-iteration (paper: n_rho)."""
    temperature: NonNegativeFloat = 0.95
    """Divides the logits (paper: tau); at 0 each prompt gets one program, of the most probable tokens."""
    top_k: NonNegativeInt = 0
    """Draw among the k most probable tokens; 0 is off."""
    prompts_per_batch: PositiveInt = 16
    """Prompts sampled together, each `samples_per_task` times."""
    vocabulary: Literal["program", "full"] = "program"
    """Draw among the tokens that a program can contain, or among all."""
    grammar: Grammar = "off"
    """What may come next in a program. `released` ends it after a token that no program contains, and needs
    `vocabulary: full`; `syntax` and `typed` make every finished sample a program, and need the native tokenizer and
    `vocabulary: program`."""

    @property
    def draws_per_task(self) -> int:
        """Programs really drawn for a task: at temperature 0 all would be the same one."""
        return self.samples_per_task if self.temperature > 0 else 1


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SearchConfig:
    """Programs that are neither sampled nor there from the start; not in the paper."""

    guided_programs: NonNegativeInt = 0
    """Guided mutants for each task in a meta-iteration: of the seeds, mutants, samples and earlier guided mutants that
    come closest to its demonstrations. They are candidates and experiences; 0 is off."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class InterpreterConfig:
    """The pool of worker processes and its deterministic limits."""

    num_workers: NumWorkers = 0
    """Processes that run programs; 0 is one a core."""
    mode: Dialect = "native"
    """Our language, or the released code's dialect of it with its quirks."""
    work_per_line: PositiveInt = 400_000
    """Units of work that a line may take, 40 to 80 ms: deterministic, where the paper stops a line after 0.25 s."""
    work_per_program: PositiveInt = 2_000_000
    """Units of work that a program may take on one grid; the paper has no such bound."""
    wall_seconds: PositiveFloat = 10.0
    """Backstop for a program, in seconds; counted when it strikes."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class HindsightConfig:
    """What becomes of the sampled programs."""

    relabel: bool = True
    """Learn what programs really produced; false learns only demonstrations that a program solves (ablation A2)."""
    keep: Literal["some", "all"] = "some"
    """Learn a program's demonstrations with a valid output (without relabeling, the solved ones) if there are some, or
    only if all are such."""
    num_demonstrations: PositiveInt | None = None
    """Only the task's N smallest demonstrations can be learned from; null is all. Priority always counts all."""
    grid_lines: bool = False
    """Learn also the beginnings of the policy's programs up to each line that gives a grid, and what follows such a
    line where that needs nothing else of the input; not in the paper."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ReplayConfig:
    """The draw for one learning stage."""

    draw: Literal["with_replacement", "without_replacement"] = "with_replacement"
    """In proportion to priority, so that what has none is never drawn; or each experience once at most, first what has
    priority, then the rest uniformly."""
    train_draw: Literal["with_replacement", "without_replacement"] = "without_replacement"
    """The same of seed programs and mutants, which come uniformly; with replacement, a share may be larger than what
    there is."""
    priority: Literal["demonstrations", "uniform"] = "demonstrations"
    """The share of its task's demonstrations that a program solves, or the same for all (ablation A3)."""
    policy_experiences: Literal["sampled", "mutants", "none"] = "sampled"
    """What a meta-iteration remembers: the policy's programs; or as many new mutants, run on the search tasks in their
    place; or nothing. The latter two are ablation A1. Guided mutants are remembered beside either of the first two."""
    pretraining: Literal["all", "draw"] = "all"
    """What is learned before the first meta-iteration: every seed program and mutant, or `num_train_experiences`."""
    num_policy_experiences: NonNegativeInt = 90_000
    """Drawn from the policy's programs for a learning stage (paper: r_p)."""
    num_train_experiences: NonNegativeInt = 10_000
    """Drawn from seed programs and mutants for a learning stage (paper: r_t)."""
    max_per_task: PositiveInt | None = None
    """Experiences of one task that the policy's partition holds; of more those of lowest priority leave. Null is no
    bound; not in the paper."""
    distinct: Literal["programs", "behaviors"] = "programs"
    """What the policy's partition holds once for a task: each program; or, not in the paper, each behavior, which is
    what a program gives for the task, with the program found first, of those found together the shortest."""
    capacity: PositiveInt = 10_000_000
    """Experiences that each partition holds; a full one drops those of lowest priority."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TrainingConfig:
    """The fine-tuning step: AdamW on the negative log-likelihood of programs."""

    learning_rate: PositiveFloat = 5e-5
    """AdamW's, after the warm-up."""
    warmup_steps: NonNegativeInt = 0
    """Optimizer steps in which the learning rate rises from 0."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """Shape of the learning rate after the warm-up; the paper's is constant."""
    decay_steps: NonNegativeInt = 0
    """Steps from the warm-up's end to `min_learning_rate`, for `linear` and `cosine`."""
    min_learning_rate: NonNegativeFloat = 0.0
    """Where the decay ends."""
    weight_decay: NonNegativeFloat = 0.01
    """AdamW's, on all parameters."""
    beta1: Probability = 0.9
    """Decay of AdamW's mean of the gradients."""
    beta2: Probability = 0.999
    """Decay of AdamW's mean of their squares."""
    clip_norm: NonNegativeFloat = 0.0
    """Longest gradient, over all parameters; 0 is off."""
    batch_size: PositiveInt = 512
    """Examples of an optimizer step, on all devices together."""
    steps: Literal["by_length", "random"] = "by_length"
    """Which examples share a step: such as have about one length, or any. `random` pads each step to its longest
    example."""
    tokens_per_device: PositiveInt = 8_192
    """Padded tokens, prompt and program, that a device takes at once; a larger batch is accumulated in parts."""
    pretraining_epochs: NonNegativeInt = 1
    """Passes over what is learned before the first meta-iteration."""
    epochs: PositiveInt = 1
    """Passes over each meta-iteration's draw."""
    reset_optimizer: bool = False
    """Start AdamW from scratch in each meta-iteration."""
    pad_loss: bool = False
    """Train on pad positions too."""
    max_skipped_steps: PositiveInt = 3
    """Steps left out in a row, because their loss or gradient isn't finite, before the run stops."""
    spike_factor: PositiveFloat = 100.0
    """A loss this many times the recent steps' mean is reported as a spike."""
    skip_spikes: bool = False
    """Leave out the step of a loss that is reported as a spike."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class CheckpointConfig:
    """When the state of the run is saved."""

    every: PositiveInt = 1
    """Meta-iterations from one checkpoint to the next."""
    keep: PositiveInt = 3
    """Checkpoints that stay on disk."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class HardwareConfig:
    """Where the run computes: platform, device mesh, processes, and the profiler's trace.

    Each process of a run on several hosts is started with the same settings but for `process_id`.
    """

    platform: Literal["auto", "cpu", "cuda", "tpu"] = "auto"
    """JAX's platform; one that is named here but isn't there is an error."""
    data: AxisSize = -1
    """Devices along the mesh axis over which batches are split; -1 takes what the other axes leave."""
    fsdp: PositiveInt = 1
    """Devices along the axis over which batches, weights and the optimizer's state are split."""
    tensor: PositiveInt = 1
    """Devices along the axis over which each layer's heads and features are split."""
    coordinator: str | None = None
    """`host:port` of process 0; `auto` asks the Cloud TPU, Slurm or MPI; null is one process."""
    num_processes: PositiveInt | None = None
    """Processes of the run; may be null with `coordinator: auto`."""
    process_id: NonNegativeInt | None = None
    """Which of them this one is, from 0; may be null with `coordinator: auto`."""
    start_seconds: PositiveInt = 300
    """How long the processes wait for each other at the start."""
    heartbeat_seconds: PositiveInt = 30
    """A process silent for that long is lost, and all end."""
    compilation_cache: str | None = "~/.cache/codeit_jax/xla"
    """Folder in which compiled programs are kept for the next run; null is none."""
    overlap: bool = True
    """Run the programs of one batch while the next is sampled."""
    profile_start: PositiveInt | None = None
    """First learning step of a trace for the profiler, counted from this command's first; null is no trace."""
    profile_steps: PositiveInt = 5
    """Learning steps in that trace."""
