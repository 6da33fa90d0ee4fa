"""The replay of experiences: what the loop found, as token rows with priorities, and the draw for a learning stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codeit_jax.config import ReplayConfig, TextConfig
from codeit_jax.hindsight import Experience
from codeit_jax.replay import RECIPES, PrioritizedReplayBuffer, ReplayMixture, TokenRows, Tokens
from codeit_jax.text.tokenizer import Tokenizer

ORIGINS = ("seed", "mutant", "policy")
PARTITIONS = ("train", "policy")
REPLAY_FILE = "replay.bin"


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
        """Mean share of solved demonstrations among the rows that the policy wrote: what prioritizing raises."""
        rows = self.performance[self.origins == ORIGINS.index("policy")]
        return float(rows.mean()) if rows.size else 0.0


class ExperienceReplay:
    """Two partitions, `train` (seeds and mutants) and `policy` (sampled programs), keyed by task and program.

    Args:
        config: recipe, priority rule, sizes.
        text: token limits.
        tokenizer: encodes prompts and programs once, when they are added.
    """

    def __init__(self, config: ReplayConfig, text: TextConfig, tokenizer: Tokenizer) -> None:
        self._config = config
        self._text = text
        self._tokenizer = tokenizer
        schema = {
            "prompt": Tokens(),
            "program": Tokens(),
            "origin": np.int8,
            "iteration": np.int32,
            "performance": np.float32,
        }
        self._recipe = RECIPES["uniform" if config.priority == "uniform" else config.recipe]
        self._mixture = ReplayMixture({name: self._recipe.make_buffer(config.capacity, schema) for name in PARTITIONS})

    def __getitem__(self, partition: str) -> PrioritizedReplayBuffer:
        return self._mixture[partition]

    def add(self, experiences: Sequence[Experience]) -> int:
        """Store experiences; one that is there already (same task and program) is replaced.

        Returns:
            How many were left out because their program doesn't fit the decoder's window.
        """
        encoded = [(experience, self._tokenizer.encode_program(experience.program)) for experience in experiences]
        fitting = [(e, program) for e, program in encoded if len(program) <= self._text.max_program_tokens]
        for partition in PARTITIONS:
            rows = [row for row in fitting if (row[0].origin == "policy") == (partition == "policy")]
            if rows:
                self._add_rows(partition, rows)
        return len(encoded) - len(fitting)

    def draw(self, rng: np.random.Generator, *, train_only: bool = False) -> Draw:
        """Draw for one learning stage, by priority; a partition smaller than its share is taken whole.

        Args:
            rng: consumed.
            train_only: leave the policy's programs out, as before the first meta-iteration.
        """
        if train_only:
            # Each experience once: a pass over all that there is, not a draw by priority.
            data = self._mixture.sample({"train": len(self._mixture["train"])}, replacement=False, rng=rng).data
        else:
            wanted = {"train": self._config.num_train_experiences, "policy": self._config.num_policy_experiences}
            data = self._recipe.sample(self._mixture, wanted, rng=rng).data
        return Draw(
            prompts=data["prompt"], programs=data["program"], origins=data["origin"], performance=data["performance"]
        )

    def save(self, folder: Path) -> None:
        """Write everything that decides later draws into a folder."""
        self._mixture.save(folder / REPLAY_FILE)

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""
        self._mixture = ReplayMixture.load(folder / REPLAY_FILE)

    def _add_rows(self, partition: str, rows: Sequence[tuple[Experience, np.ndarray]]) -> None:
        experiences = [experience for experience, _ in rows]
        performance = np.array([e.demonstration_performance for e in experiences])
        self._mixture[partition].add(
            {
                "prompt": [self._encode_prompt(e) for e in experiences],
                "program": [program for _, program in rows],
                "origin": np.array([ORIGINS.index(e.origin) for e in experiences], np.int8),
                "iteration": np.array([e.iteration for e in experiences], np.int32),
                "performance": performance.astype(np.float32),
            },
            priority=self._recipe.priorities(partition, performance),
            key=[(e.task_id, e.program) for e in experiences],
        )

    def _encode_prompt(self, experience: Experience) -> np.ndarray:
        encoded = self._tokenizer.encode_prompt(experience.examples, max_tokens=self._text.max_prompt_tokens)
        return encoded.token_ids
