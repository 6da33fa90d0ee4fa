"""What a run is built of and never changes: tasks, prompts, network, optimizer, sampler, learner, interpreter pool."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import optax
from jax.sharding import Mesh

from codeit_jax.arc import TaskSet, load_tasks
from codeit_jax.config.errors import UserError, first_line
from codeit_jax.config.schema import Config, HardwareConfig, TextConfig
from codeit_jax.model import Params, PolicyModel, build_model
from codeit_jax.model.adapters import join
from codeit_jax.parallel import make_mesh
from codeit_jax.parallel.hosts import Hosts
from codeit_jax.programs import SeedProgram, load_programs
from codeit_jax.run.compilation_cache import use_compilation_cache
from codeit_jax.run.initial_weights import FrozenParams, frozen_params
from codeit_jax.sampling import Sampler
from codeit_jax.text import EncodedPrompt, Tokenizer, build_tokenizer
from codeit_jax.text.prompt import shown_demonstrations
from codeit_jax.training import make_optimizer
from codeit_jax.training.held_out import HeldOut, split_seeds
from codeit_jax.training.learner import Learner
from codeit_jax.training.throughput import StepTrace
from interpreter import InterpreterPool


@dataclass(frozen=True, kw_only=True)
class Components:
    """The parts of a run.

    Attributes:
        config: the whole configuration; each part has been given its own section.
        search_tasks: the tasks to solve; their tests are read only to score.
        training_tasks: the tasks of the seed programs, without those held out.
        seeds: the seed programs, likewise.
        held_out: programs that no draw has; None if there are none.
        prompts: task id and encoded prompt of every search task.
        tokenizer: for prompts and programs.
        model: the network without parameters.
        frozen: parameters that no step changes, beside those of the run's state.
        optimizer: of the fine-tuning step.
        sampler: draws programs.
        learner: fine-tunes on draws from the replay.
        pool: runs programs.
        mesh: the devices of all processes.
        hosts: the processes.
    """

    config: Config
    search_tasks: TaskSet
    training_tasks: TaskSet
    seeds: list[SeedProgram]
    held_out: HeldOut | None
    prompts: list[tuple[str, EncodedPrompt]]
    tokenizer: Tokenizer
    model: PolicyModel
    frozen: FrozenParams
    optimizer: optax.GradientTransformation
    sampler: Sampler
    learner: Learner
    pool: InterpreterPool
    mesh: Mesh
    hosts: Hosts

    def whole(self, learned: Params) -> Params:
        """Return all parameters of the policy, given those that are learned."""
        return join(learned, self.frozen.params)

    @property
    def sampling_sizes(self) -> dict[str, Any]:
        """The settings that decide how much device memory sampling needs."""
        sampling = self.config.sampling
        return {
            "sampling.prompts_per_batch": sampling.prompts_per_batch,
            "sampling.samples_per_task": sampling.samples_per_task,
        }

    @property
    def learning_sizes(self) -> dict[str, Any]:
        """The settings that decide how much device memory learning needs."""
        return {
            "training.tokens_per_device": self.config.training.tokens_per_device,
            "text.prompt_buckets": self.config.text.prompt_buckets,
        }


def build_components(config: Config, pool: InterpreterPool, hosts: Hosts, trace: StepTrace) -> Components:
    """Load and build everything that a run needs, cheapest first, so that what the user got wrong shows early.

    Args:
        config: the run's configuration.
        pool: running workers; the caller closes it.
        hosts: the processes of the run.
        trace: of some learning steps for the profiler.

    Raises:
        UserError: a task source, programs file, tokenizer, weights folder or device isn't as it should be, or nothing
            is left to learn from.
    """
    _check_guided(config)
    # The files first and the network last: a misspelled path shows before anything is compiled.
    search_tasks = load_tasks(config.data.search_tasks)[: config.data.num_search_tasks]
    training_tasks = load_tasks(config.data.training_tasks)
    seeds = _usable_seeds(load_programs(config.data.seeds), training_tasks, config.data.seeds)
    tokenizer = load_tokenizer(config.text)
    seeds, held_out_seeds = split_seeds(seeds, config.data.held_out_tasks, tokenizer, config.text)
    if not seeds:
        raise UserError(f"data.held_out_tasks is {config.data.held_out_tasks}, expected fewer: no seed program is left")
    mesh = make_mesh(config.hardware)
    model = build_model(config.model, tokenizer.vocabulary_size)
    optimizer = make_optimizer(config.training)
    held_out, training_tasks = _hold_out(held_out_seeds, training_tasks, model, tokenizer, config, mesh)
    sampler = make_sampler(config, model, tokenizer, mesh)
    prompts = encode_prompts(search_tasks, tokenizer, config)
    frozen = frozen_params(model, tokenizer, mesh, config.seed)
    return Components(
        config=config,
        search_tasks=search_tasks,
        training_tasks=training_tasks,
        seeds=seeds,
        held_out=held_out,
        prompts=prompts,
        tokenizer=tokenizer,
        model=model,
        frozen=frozen,
        optimizer=optimizer,
        sampler=sampler,
        learner=Learner(model, optimizer, tokenizer, config.training, config.text, mesh, trace, frozen.params),
        pool=pool,
        mesh=mesh,
        hosts=hosts,
    )


def _check_guided(config: Config) -> None:
    """Refuse guided mutation without its first parents.

    Raises:
        UserError: seeds and mutants don't run on all demonstrations of the search tasks.
    """
    mutation = config.mutation
    if config.search.guided_programs and not (mutation.score_tasks and mutation.candidates == "all"):
        found = f"mutation.score_tasks {mutation.score_tasks} and mutation.candidates {mutation.candidates!r}"
        raise UserError(
            f"search.guided_programs is {config.search.guided_programs} with {found}, expected True and 'all': "
            "the first parents are found while seeds and mutants are scored"
        )


def prepare_runtime(config: HardwareConfig) -> None:
    """Choose JAX's platform and compilation cache; must run before anything computes.

    Raises:
        UserError: the platform that was asked for isn't there; a run never falls back to another one.
    """
    # Both before the first computation: JAX chooses a backend once, and asks once whether it has a cache.
    if config.platform != "auto":
        jax.config.update("jax_platforms", config.platform)
    if config.compilation_cache is not None:
        use_compilation_cache(Path(config.compilation_cache).expanduser())
    try:
        jax.devices(None if config.platform == "auto" else config.platform)
    except (RuntimeError, AssertionError) as error:  # JAX asserts where no plugin for the platform is installed
        # An assertion says nothing.
        reason = first_line(error) or "no plugin for it is installed"
        raise UserError(f"hardware.platform is {config.platform!r}, which JAX can't use here ({reason})") from None


def _usable_seeds(seeds: list[SeedProgram], tasks: TaskSet, source: str) -> list[SeedProgram]:
    """Keep the programs of tasks that are there; none at all is an error."""
    # A file of all solvers serves a run on some of the tasks.
    usable = [seed for seed in seeds if seed.task_id in tasks]
    if not usable:
        raise UserError(
            f"{source}: none of its {len(seeds)} programs is for a task of {tasks.source}, expected at least one"
        )
    return usable


def _hold_out(
    seeds: list[SeedProgram],
    tasks: TaskSet,
    model: PolicyModel,
    tokenizer: Tokenizer,
    config: Config,
    mesh: Mesh,
) -> tuple[HeldOut | None, TaskSet]:
    """Return the programs that are held out, None for none, and the training tasks without theirs."""
    if not seeds:
        return None, tasks
    held_out = HeldOut(
        seeds,
        [tasks[seed.task_id] for seed in seeds],
        model=model,
        tokenizer=tokenizer,
        config=config.training,
        text=config.text,
        mesh=mesh,
    )
    # Their inputs too: a policy that had other programs on them would know them.
    excluded = {seed.task_id for seed in seeds}
    return held_out, tasks.subset([task.id for task in tasks if task.id not in excluded], source=tasks.source)


def load_tokenizer(config: TextConfig) -> Tokenizer:
    """Build the tokenizer, from its files if it has any.

    Raises:
        UserError: a file is missing or damaged.
    """
    path = config.tokenizer_path
    return build_tokenizer(
        config.tokenizer,
        None if path is None else Path(path).expanduser(),
        prompt_end=config.prompt_end,
        order=config.demonstration_order,
    )


def make_sampler(config: Config, model: PolicyModel, tokenizer: Tokenizer, mesh: Mesh) -> Sampler:
    """Build the sampler for prompts and programs of the configured lengths.

    Args:
        config: of the run; `sampling` and `text` are read.
        model: the network.
        tokenizer: for prompts and programs.
        mesh: the devices of all processes.

    Raises:
        UserError: the grammar doesn't go with the tokenizer or the vocabulary.
    """
    return Sampler(
        model,
        tokenizer,
        config.sampling,
        prompt_buckets=config.text.prompt_buckets,
        max_program_tokens=config.text.max_program_tokens,
        mesh=mesh,
    )


def encode_prompts(tasks: TaskSet, tokenizer: Tokenizer, config: Config) -> list[tuple[str, EncodedPrompt]]:
    """Return task id and prompt of every task, of as many demonstrations as the policy is shown.

    Args:
        tasks: only their demonstrations are read.
        tokenizer: encodes the prompts.
        config: of the run; `text` is read.
    """
    # Once a run: its prompts never change. Tests have no part in them, not even their inputs.
    return [
        (
            task.id,
            tokenizer.encode_prompt(
                shown_demonstrations(task.demonstrations, config.text), max_tokens=config.text.max_prompt_tokens
            ),
        )
        for task in tasks
    ]
