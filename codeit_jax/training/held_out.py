"""Programs that no draw has: what they cost the policy, and how much of that it saves by reading the task.

The loss of held-out programs moves long before solved tasks do, and costs a second. Shown another task's
demonstrations, a policy that reads them is surprised; one that has only learned which programs are likely is not.

Shape letters as in `train_step`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from codeit_jax.arc import Task
from codeit_jax.config.schema import TextConfig, TrainingConfig
from codeit_jax.model import Params, PolicyModel
from codeit_jax.parallel.mesh import batch_sharding, num_batch_shards, put, replicated
from codeit_jax.programs import SeedProgram
from codeit_jax.replay import TokenRows
from codeit_jax.text.prompt import shown_demonstrations
from codeit_jax.text.tokenizer import Tokenizer
from codeit_jax.training.batches import BatchSizes, PlannedBatch, collate, shape_of
from codeit_jax.training.experience_replay import Draw
from codeit_jax.training.train_step import TrainBatch, target_nll

_SHIFTS = (1, 2, 3, 4)  # whose demonstrations a program is shown instead: those of so many programs further on


@dataclass(frozen=True, kw_only=True)
class HeldOutMetrics:
    """What held-out programs cost, in nats a program.

    Attributes:
        held_out_programs: how many.
        held_out_loss: mean negative log-likelihood of a program, end token included, given its own task.
        held_out_loss_elsewhere: the same given another task, mean over four others.
        task_information: the difference: what reading the task saves.
    """

    held_out_programs: int
    held_out_loss: float
    held_out_loss_elsewhere: float
    task_information: float


def split_seeds(
    seeds: Sequence[SeedProgram], number: int, tokenizer: Tokenizer, text: TextConfig
) -> tuple[list[SeedProgram], list[SeedProgram]]:
    """Split seed programs into those to learn from and those of held-out tasks.

    The tasks are spread evenly over the ids of those with a program that fits the decoder's window, so they are the
    same in every run.

    Args:
        seeds: of all tasks.
        number: of tasks to hold out, fewer if there are fewer.
        tokenizer: of the run.
        text: token limits.

    Returns:
        Both in the order given; of the held-out ones only those that fit.
    """

    def fits(seed: SeedProgram) -> bool:
        return len(tokenizer.encode_program(str(seed.program))) <= text.max_program_tokens

    ids = sorted({seed.task_id for seed in seeds if fits(seed)})
    held_out = {ids[place * len(ids) // number] for place in range(number)} if number < len(ids) else set(ids)
    learned = [seed for seed in seeds if seed.task_id not in held_out]
    return learned, [seed for seed in seeds if seed.task_id in held_out and fits(seed)]


class HeldOut:
    """Held-out programs with their own and with other tasks' demonstrations, in batches on the devices.

    Args:
        programs: at least one.
        tasks: theirs, in their order.
        model: the network.
        tokenizer: of the run.
        config: how large a part may be.
        text: token limits.
        mesh: the devices of all processes.
    """

    def __init__(
        self,
        programs: Sequence[SeedProgram],
        tasks: Sequence[Task],
        *,
        model: PolicyModel,
        tokenizer: Tokenizer,
        config: TrainingConfig,
        text: TextConfig,
        mesh: Mesh,
    ) -> None:
        encoded = TokenRows.from_rows([tokenizer.encode_program(str(seed.program)) for seed in programs], np.uint32)
        prompts = TokenRows.from_rows([_encode_prompt(task, tokenizer, text) for task in tasks], np.uint32)
        self._number = len(programs)
        # The program's own task first. All in one draw, so that all go through one compiled function.
        rows = np.arange(self._number)
        shown = np.concatenate([np.roll(rows, -shift) for shift in (0, *_SHIFTS)])  # [5 n]
        repeated = np.tile(rows, 1 + len(_SHIFTS))
        nothing = np.zeros(len(shown))
        draw = Draw(prompts=prompts[shown], programs=encoded[repeated], origins=nothing, performance=nothing)
        sizes = BatchSizes(
            batch_size=config.batch_size,
            tokens_per_device=config.tokens_per_device,
            num_shards=num_batch_shards(mesh),
        )
        shape = shape_of(np.stack([prompts.lengths, encoded.lengths], axis=1), text, sizes)
        self._plan = [
            PlannedBatch(shape=shape, rows=np.arange(len(shown))[start : start + config.batch_size])
            for start in range(0, len(shown), config.batch_size)
        ]
        # [N, B, L], as in learning.
        sharding = NamedSharding(mesh, PartitionSpec(None, *batch_sharding(mesh).spec))
        self._batches: list[TrainBatch] = [put(collate(draw, batch, tokenizer), sharding) for batch in self._plan]
        # Replicated, so that every process can read all of it.
        self._nll = jax.jit(partial(_program_nll, model), out_shardings=replicated(mesh))

    def measure(self, params: Params) -> HeldOutMetrics:
        """Return what the programs cost now; all processes have to call it.

        Args:
            params: all of the policy's; not donated.
        """
        found = [
            np.asarray(self._nll(params, batch)).reshape(-1)[: len(planned.rows)]
            for planned, batch in zip(self._plan, self._batches, strict=True)
        ]
        losses = np.concatenate(found, dtype=np.float64).reshape(1 + len(_SHIFTS), self._number)  # [5, n]
        own, elsewhere = float(losses[0].mean()), float(losses[1:].mean())
        return HeldOutMetrics(
            held_out_programs=self._number,
            held_out_loss=own,
            held_out_loss_elsewhere=elsewhere,
            task_information=elsewhere - own,
        )


def _encode_prompt(task: Task, tokenizer: Tokenizer, text: TextConfig) -> np.ndarray:
    shown = shown_demonstrations(task.demonstrations, text)
    return tokenizer.encode_prompt(shown, max_tokens=text.max_prompt_tokens).token_ids


def _program_nll(model: PolicyModel, params: Params, batch: TrainBatch) -> jax.Array:
    """Return the negative log-likelihood of each program, float32 [N, B]."""

    def part_nll(part: TrainBatch) -> jax.Array:
        network = model.bind(params)
        hidden = network.program_states(part.encoder_input_tokens, part.encoder_mask, part.decoder_input_tokens, None)
        return target_nll(network.logits(hidden), part.decoder_target_tokens, part.loss_mask).sum(axis=1)  # [B]

    nll: jax.Array = jax.lax.map(part_nll, batch)  # [N, B]
    return nll
