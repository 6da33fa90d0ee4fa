"""The configuration of a run: one frozen dataclass per room, each room receives its own part.

Every field has a default, so a preset names only what it changes. Values are validated on construction (types, ranges,
unknown names); `config_loading` reads them from YAML files and the command line. The names of the paper's settings are
in the field comments (Butt et al., ICML 2024, section 3.2 and appendix B).
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid")


def _number(value: Any) -> Any:
    """Refuse booleans, which would pass as 0 and 1."""
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


def _ascending(lengths: tuple[int, ...]) -> tuple[int, ...]:
    if not lengths or list(lengths) != sorted(set(lengths)):
        raise ValueError("at least one length, in ascending order, each once")
    return lengths


Number = BeforeValidator(_number)
PositiveInt = Annotated[int, Field(gt=0), Number]
NonNegativeInt = Annotated[int, Field(ge=0), Number]
Seed = Annotated[int, Field(ge=0, lt=1 << 32), Number]  # jax.random.key would silently drop higher bits
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False), Number]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False), Number]
Probability = Annotated[float, Field(ge=0, le=1), Number]
Buckets = Annotated[tuple[PositiveInt, ...], AfterValidator(_ascending)]


# YAML reads a bare `off` as false.
Grammar = Annotated[
    Literal["off", "released", "syntax", "typed"], BeforeValidator(lambda value: "off" if value is False else value)
]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class DataConfig:
    """What is searched, and what the policy starts from."""

    search_tasks: str = "arc1/evaluation"  # their test outputs are read only to score
    training_tasks: str = "arc1/training"
    seeds: str = "builtin"  # a programs file with `def solve_<task id>(I):`, or our own
    fresh_inputs: NonNegativeFloat = 0.0  # further experiences for each seed and mutant, on other tasks' inputs
    augment: NonNegativeFloat = 0.0  # and on its own inputs turned, mirrored and in other colours; outputs are run anew
    num_search_tasks: PositiveInt | None = None  # the first N by id; None is all


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class MutationConfig:
    """The augmented training set: mutants of the seed programs (paper, appendix A.2)."""

    method: Literal["d1", "dinf", "random"] = "d1"
    recipe: Literal["paper", "released"] = "paper"  # branch probabilities
    num_programs: NonNegativeInt = 19_200
    score_tasks: bool = True  # run the mutants on the search tasks, for the rows `mutants` and `cumulative`


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TextConfig:
    """Prompts and tokens."""

    tokenizer: Literal["native", "bpe"] = "native"
    tokenizer_path: str | None = None  # folder with vocab.json and merges.txt, or a tokenizer.json; for `bpe`
    # Padded lengths, chosen for the native tokenizer by codeit_jax.bench.length_mix; training compiles every pair.
    prompt_buckets: Buckets = (128, 176, 256, 352, 480, 720, 896, 1024)  # the last is the window (paper: 512 + 512)
    program_buckets: Buckets = (32, 48, 64, 96, 144, 512)  # the last is the decoder window, end token included

    @property
    def max_prompt_tokens(self) -> int:
        """Longer prompts lose demonstrations."""
        return self.prompt_buckets[-1]

    @property
    def max_program_tokens(self) -> int:
        """Longer programs aren't learnt, nor sampled."""
        return self.program_buckets[-1]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ModelConfig:
    """A T5 encoder-decoder (Raffel et al., 2020); the defaults are CodeT5-small's."""

    d_model: PositiveInt = 512
    d_ff: PositiveInt = 2048
    d_kv: PositiveInt = 64
    num_heads: PositiveInt = 8
    num_encoder_layers: PositiveInt = 6
    num_decoder_layers: PositiveInt = 6
    feed_forward: Literal["relu", "gated-gelu"] = "relu"
    tie_embeddings: bool = True  # head = embedding, decoder output scaled by d_model ** -0.5
    dropout: Probability = 0.1
    num_buckets: PositiveInt = 32  # relative positions
    max_distance: PositiveInt = 128
    norm_epsilon: PositiveFloat = 1e-6
    dtype: Literal["float32", "bfloat16"] = "float32"  # of the computation; parameters stay float32
    scan_layers: bool = True  # a loop over equal layers compiles in a time that doesn't grow with depth
    remat: Literal["none", "dots", "layer"] = "none"  # recompute attention's weights, or whole layers, to save memory
    weights: str | None = None  # folder with config.json and the tensors; None starts from random weights
    # Folder with the weights' own BPE, for `text.tokenizer: native`: each new token's embedding starts as the mean of
    # its text's pieces.
    weights_tokenizer: str | None = None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SamplingConfig:
    """Drawing programs from the policy."""

    samples_per_task: PositiveInt = 24  # n_rho
    temperature: PositiveFloat = 0.95  # tau
    top_k: NonNegativeInt = 50  # active by default in the released code; 0 is off
    prompts_per_batch: PositiveInt = 16
    vocabulary: Literal["program", "full"] = "program"  # draw among the tokens that a program can contain, or among all
    # What may come next in a program. `released` ends it after a token that no program contains, `vocabulary: full`;
    # `syntax` and `typed` make every finished sample a program, native tokenizer only.
    grammar: Grammar = "off"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class InterpreterConfig:
    """The pool of worker processes and its deterministic limits."""

    num_workers: NonNegativeInt = 0  # 0 is one a core
    mode: Literal["native", "codeit"] = "native"
    work_per_line: PositiveInt = 200_000  # stands for the paper's 0.25 s a line
    work_per_program: PositiveInt = 1_000_000
    wall_seconds: PositiveFloat = 10.0  # backstop for a program, counted when it strikes


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class HindsightConfig:
    """What becomes of the sampled programs."""

    relabel: bool = True  # false: of sampled programs only solved demonstrations become experiences (ablation A2)
    num_demonstrations: PositiveInt | None = None  # show only the first N in prompts (ablation A5); None is all


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ReplayConfig:
    """The draw for one learning stage."""

    recipe: Literal["released", "paper"] = "released"  # without / with replacement
    priority: Literal["demonstrations", "uniform"] = "demonstrations"  # uniform is ablation A3
    policy_experiences: bool = True  # false keeps sampled programs out of the replay (ablation A1)
    num_policy_experiences: NonNegativeInt = 90_000  # r_p
    num_train_experiences: NonNegativeInt = 10_000  # r_t
    capacity: PositiveInt = 10_000_000  # of each partition


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TrainingConfig:
    """The fine-tuning step."""

    learning_rate: PositiveFloat = 5e-5
    warmup_steps: NonNegativeInt = 0
    schedule: Literal["constant", "linear", "cosine"] = "constant"  # after the warm-up; the paper's is constant
    decay_steps: NonNegativeInt = 0  # steps from the warm-up's end to `min_learning_rate`, for the other two
    min_learning_rate: NonNegativeFloat = 0.0
    weight_decay: NonNegativeFloat = 0.01
    beta1: Probability = 0.9
    beta2: Probability = 0.999
    clip_norm: NonNegativeFloat = 0.0  # 0 is off
    batch_size: PositiveInt = 512  # examples of an optimizer step, on all devices together
    tokens_per_device: PositiveInt = 8_192  # padded, prompt and program; a larger batch is accumulated in parts
    pretraining_epochs: NonNegativeInt = 1  # passes over the train partition before the first meta-iteration
    epochs: PositiveInt = 1  # passes over each meta-iteration's draw
    reset_optimizer: bool = False  # the released code starts AdamW anew each meta-iteration
    pad_loss: bool = False  # the released code trains on pad positions
    max_skipped_steps: PositiveInt = 3  # non-finite steps in a row before the run stops
    spike_factor: PositiveFloat = 100.0  # a loss this many times the last steps' mean is told
    skip_spikes: bool = False  # and its step is left out


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class CheckpointConfig:
    """When the state of the run is saved."""

    every: PositiveInt = 1  # meta-iterations
    keep: PositiveInt = 3


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ParallelConfig:
    """The device mesh; -1 takes what the other axes leave."""

    data: Annotated[int, Field(ge=-1), Number] = -1
    fsdp: PositiveInt = 1
    tensor: PositiveInt = 1


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ProfileConfig:
    """A trace of some learning steps for the profiler, below the run directory."""

    start: PositiveInt | None = None  # first step traced, counted from this command's first; None is off
    steps: PositiveInt = 5


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class DistributedConfig:
    """The processes of a run on several hosts; each is started with the same settings but for `process_id`."""

    coordinator: str | None = None  # host:port of process 0; `auto` asks the Cloud TPU or Slurm; None is one process
    num_processes: PositiveInt | None = None  # None with `auto` only
    process_id: NonNegativeInt | None = None
    start_seconds: PositiveInt = 300  # how long the processes wait for each other at the start
    heartbeat_seconds: PositiveInt = 30  # a process silent for that long is lost, and all end


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class RuntimeConfig:
    """Where and how the run computes."""

    platform: Literal["auto", "cpu", "cuda", "tpu"] = "auto"  # a named platform that isn't there is an error
    compilation_cache: str | None = "~/.cache/codeit_jax/xla"
    overlap: bool = True  # run the programs of one batch while the next is sampled; changes no result


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Config:
    """Everything that decides a run; equal configurations and seeds give equal results."""

    seed: Seed = 0
    num_meta_iterations: NonNegativeInt = 100
    data: DataConfig = DataConfig()
    mutation: MutationConfig = MutationConfig()
    text: TextConfig = TextConfig()
    model: ModelConfig = ModelConfig()
    sampling: SamplingConfig = SamplingConfig()
    interpreter: InterpreterConfig = InterpreterConfig()
    hindsight: HindsightConfig = HindsightConfig()
    replay: ReplayConfig = ReplayConfig()
    training: TrainingConfig = TrainingConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    parallel: ParallelConfig = ParallelConfig()
    profile: ProfileConfig = ProfileConfig()
    distributed: DistributedConfig = DistributedConfig()
    runtime: RuntimeConfig = RuntimeConfig()


# A resumed run may change these. Every other field decides what the numbers mean; changing it needs a new directory.
CHANGEABLE_ON_RESUME = (
    "num_meta_iterations",
    "interpreter.num_workers",
    "checkpoint",
    "parallel",
    "profile",
    "distributed",
    "runtime",
)
