"""The replay of experiences: what the loop found, as token rows with priorities, and the draw for a learning stage.

With several processes every one holds all rows, with keys, priorities and programs, and so draws the very rows that one
process alone would draw, without communication. Of the prompts, most of the bytes, each is held by one process, chosen
by a checksum of the key; those of the drawn rows are exchanged.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from codeit_jax.config.schema import ReplayConfig, TextConfig
from codeit_jax.hindsight import BEFORE_TRAINING, Experience
from codeit_jax.parallel.hosts import ALONE, Hosts
from codeit_jax.replay import PrioritizedReplayBuffer, ReplayMixture, TokenRows, Tokens
from codeit_jax.replay.store.columns import concatenate_columns
from codeit_jax.text.prompt import shown_demonstrations
from codeit_jax.text.tokenizer import Tokenizer
from codeit_jax.training.draw_rules import DRAW_RULES

_NO_TOKENS = np.empty(0, np.uint16)  # in place of a prompt that another process holds
ORIGINS = ("seed", "mutant", "policy", "guided")  # the replay's files hold positions: only append
PARTITIONS = ("train", "policy")


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Experiences for one learning stage, one row each.

    Attributes:
        prompts: token rows of the prompts.
        programs: token rows of the programs, end token included.
        origins: int8 [n], index into `ORIGINS`.
        performance: float32 [n], share of demonstrations solved.
    """

    prompts: TokenRows
    programs: TokenRows
    origins: np.ndarray
    performance: np.ndarray

    def __len__(self) -> int:
        return len(self.programs)

    def mean_performance(self) -> float:
        """Return the mean share of solved demonstrations of the policy's rows: what prioritizing raises."""
        rows = self.performance[self.origins == ORIGINS.index("policy")]
        return float(rows.mean()) if rows.size else 0.0


class ExperienceReplay:
    """Two partitions, keyed by task and program: `train` (seeds and mutants), `policy` (what meta-iterations found).

    Args:
        config: draw rule, priority rule, sizes.
        text: token limits.
        tokenizer: encodes prompts and programs once, when they are added.
        hosts: the processes of the run.
    """

    def __init__(self, config: ReplayConfig, text: TextConfig, tokenizer: Tokenizer, hosts: Hosts = ALONE) -> None:
        self._config = config
        self._text = text
        self._tokenizer = tokenizer
        self._hosts = hosts
        # Half the bytes for every vocabulary but those of the large decoders.
        tokens = Tokens(np.uint16 if tokenizer.vocabulary_size <= 1 << 16 else np.uint32)
        # Token rows, not experiences: encoded once, when they are added, however often they are drawn.
        schema: dict[str, Tokens | DTypeLike] = {
            "prompt": tokens,
            "program": tokens,
            "home": np.uint32,
            "origin": np.int8,
            "iteration": np.int32,
            "performance": np.float32,
        }
        self._rule = DRAW_RULES["uniform" if config.priority == "uniform" else config.draw]
        policy = self._rule.make_buffer(
            config.capacity,
            schema,
            max_per_group=config.max_per_task,
            on_duplicate="replace" if config.distinct == "programs" else "keep",
        )
        self._mixture = ReplayMixture({"train": self._rule.make_buffer(config.capacity, schema), "policy": policy})

    def __getitem__(self, partition: str) -> PrioritizedReplayBuffer:
        """Return the buffer of a partition."""
        return self._mixture[partition]

    def add(self, experiences: Sequence[Experience]) -> int:
        """Store experiences; one that is there already (same task and program) is replaced.

        With `distinct: behaviors`, one of the same task and examples is left out.

        Returns:
            How many were left out because their program doesn't fit the decoder's window; none if it is truncated.
        """
        longest = self._text.max_program_tokens
        encoded = [(experience, self._tokenizer.encode_program(experience.program)) for experience in experiences]
        if self._text.long_programs == "truncate":
            encoded = [(experience, program[:longest]) for experience, program in encoded]
        fitting = [(experience, program) for experience, program in encoded if len(program) <= longest]
        for partition in PARTITIONS:
            rows = [row for row in fitting if (row[0].iteration == BEFORE_TRAINING) == (partition == "train")]
            if rows:
                self._add_rows(partition, rows)
        return len(encoded) - len(fitting)

    def draw(self, rng: np.random.Generator, *, train_only: bool = False) -> Draw:
        """Draw for one learning stage: seeds and mutants uniformly, the policy's programs by priority.

        Without replacement, a partition smaller than its share is taken whole.

        Args:
            rng: consumed.
            train_only: leave the policy's programs out, as before the first meta-iteration.

        Returns:
            The rows, the same in every process of the run; all have to call it.
        """
        config = self._config
        if train_only and config.pretraining == "all":
            # Each experience once: a pass over all that there is, not a draw by priority.
            parts = [self._mixture.sample({"train": len(self._mixture["train"])}, replacement=False, rng=rng)]
        else:
            again = config.train_draw == "with_replacement"
            parts = [self._mixture.sample({"train": config.num_train_experiences}, replacement=again, rng=rng)]
            if not train_only:
                parts.append(self._rule.sample(self._mixture, {"policy": config.num_policy_experiences}, rng=rng))
        data = concatenate_columns([part.data for part in parts])
        return Draw(
            prompts=self._gather_prompts(data["prompt"], self._home(data["home"])),
            programs=data["program"],
            origins=data["origin"],
            performance=data["performance"],
        )

    def save(self, folder: Path) -> None:
        """Write everything that decides later draws into a folder; each process writes its own prompts."""
        self._mixture.save(folder / _shard_file(self._hosts.index, self._hosts.count))

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote; the number of processes may have changed since."""
        # As many files as there were processes; `latest` has verified that none is missing.
        count = len(list(folder.glob(_shard_file("*", "*"))))
        if count == self._hosts.count:
            self._mixture = ReplayMixture.load(folder / _shard_file(self._hosts.index, count))
            return
        # Mapped, not read: of each shard this process needs only the prompts that move here.
        shards = [ReplayMixture.load(folder / _shard_file(number, count), mmap=True) for number in range(count)]
        self._mixture = ReplayMixture.load(folder / _shard_file(0, count))
        for partition in PARTITIONS:
            self._deal_prompts(partition, [shard[partition] for shard in shards])

    def _add_rows(self, partition: str, rows: Sequence[tuple[Experience, np.ndarray]]) -> None:
        by_behavior = partition == "policy" and self._config.distinct == "behaviors"
        if by_behavior:
            # The first of equal ones stays. Sorting is stable, so that nothing but the order of finding breaks ties.
            rows = sorted(rows, key=lambda row: len(row[0].program))
        experiences = [experience for experience, _ in rows]
        # A checksum, not hash(): all processes have to agree where a prompt lies, those of a later call too.
        homes = np.array([zlib.crc32(f"{e.task_id}\n{e.program}".encode()) for e in experiences], np.uint32)
        here = self._home(homes) == self._hosts.index  # [n]
        performance = np.array([e.demonstration_performance for e in experiences])
        self._mixture[partition].add(
            {
                "prompt": [
                    self._encode_prompt(e) if own else _NO_TOKENS for e, own in zip(experiences, here, strict=True)
                ],
                "program": [program for _, program in rows],
                "home": homes,
                "origin": np.array([ORIGINS.index(e.origin) for e in experiences], np.int8),
                "iteration": np.array([e.iteration for e in experiences], np.int32),
                "performance": performance.astype(np.float32),
            },
            priority=self._rule.priorities(partition, performance),
            key=[(e.task_id, repr(e.examples) if by_behavior else e.program) for e in experiences],
            # Files keep what they have always had where no bound needs groups.
            group=None if self._config.max_per_task is None else [e.task_id for e in experiences],
        )

    def _encode_prompt(self, experience: Experience) -> np.ndarray:
        shown = shown_demonstrations(experience.examples, self._text)
        return self._tokenizer.encode_prompt(shown, max_tokens=self._text.max_prompt_tokens).token_ids

    def _home(self, checksums: np.ndarray) -> np.ndarray:
        """Return which process holds the prompts of rows."""
        return checksums % np.uint32(self._hosts.count)

    def _gather_prompts(self, prompts: TokenRows, homes: np.ndarray) -> TokenRows:
        """Exchange drawn prompts: each process gives those that it holds, and gets all."""
        if self._hosts.count == 1:
            return prompts
        # Lengths first, then the tokens end to end; who receives them knows from the homes how many rows they are.
        own = prompts[homes == self._hosts.index]
        payload = own.lengths.astype(np.uint32).tobytes() + own.flat().tobytes()
        parts = []
        for process, received in enumerate(self._hosts.exchange(payload)):
            num_rows = int((homes == process).sum())
            lengths = np.frombuffer(received, np.uint32, num_rows).astype(np.int64)
            tokens = np.frombuffer(received, prompts.dtype, offset=4 * num_rows)
            parts.append(TokenRows(tokens, np.cumsum(lengths) - lengths, lengths))
        return _join(parts, homes)

    def _deal_prompts(self, partition: str, shards: Sequence[PrioritizedReplayBuffer]) -> None:
        """Take this process's prompts out of the shards that another number of processes saved."""
        buffer = self._mixture[partition]
        items = buffer.items()
        here = self._home(items.data["home"]) == self._hosts.index
        homes = items.data["home"] % np.uint32(len(shards))
        parts = [shard.items().data["prompt"][here & (homes == number)] for number, shard in enumerate(shards)]
        # The column has the prompts of shard 0: those that another process holds now have to go.
        column = buffer.table.columns["prompt"]
        column.clear(items.indices)
        column.write(items.indices[here], _join(parts, homes[here]))


def _join(parts: Sequence[TokenRows], homes: np.ndarray) -> TokenRows:
    """Interleave the rows of several parts: row i of the result is the next one of part `homes[i]`."""
    # A stable sort lists the rows part by part; its inverse permutation leads back to their places.
    position = np.empty(len(homes), np.int64)
    position[np.argsort(homes, kind="stable")] = np.arange(len(homes))
    rows: TokenRows = TokenRows.concatenate(parts)[position]
    return rows


def _shard_file(index: int | str, count: int | str) -> str:
    return f"replay-{index}-of-{count}.bin"
