"""How much of the prompts the encoder window cuts off."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codeit_jax.text.tokenizer import EncodedPrompt


@dataclass(frozen=True, kw_only=True)
class TruncationReport:
    """Truncation over a set of prompts; `str()` is one line for the log.

    Attributes:
        max_tokens: the encoder window.
        num_prompts: prompts encoded.
        num_truncated: prompts that lost something.
        num_tokens: tokens that are left.
        num_tokens_uncut: tokens there were.
        median_tokens_uncut: of a prompt; 0 for no prompts.
    """

    max_tokens: int
    num_prompts: int
    num_truncated: int
    num_tokens: int
    num_tokens_uncut: int
    median_tokens_uncut: float

    @classmethod
    def of(cls, prompts: Sequence[EncodedPrompt], *, max_tokens: int) -> "TruncationReport":
        """Summarize prompts that were encoded with `max_tokens`."""
        uncut = [prompt.num_tokens_uncut for prompt in prompts]
        return cls(
            max_tokens=max_tokens,
            num_prompts=len(prompts),
            num_truncated=sum(prompt.truncated for prompt in prompts),
            num_tokens=sum(len(prompt.token_ids) for prompt in prompts),
            num_tokens_uncut=sum(uncut),
            median_tokens_uncut=float(np.median(uncut)) if uncut else 0.0,
        )

    @property
    def share_truncated(self) -> float:
        """Share of the prompts that lost something."""
        return self.num_truncated / max(self.num_prompts, 1)

    @property
    def share_tokens_kept(self) -> float:
        """Share of all tokens that are left."""
        return self.num_tokens / max(self.num_tokens_uncut, 1)

    def __str__(self) -> str:
        return (
            f"{self.num_truncated} of {self.num_prompts} prompts truncated at {self.max_tokens} tokens "
            f"({self.share_truncated:.1%}; {self.share_tokens_kept:.1%} of the tokens kept, "
            f"median {self.median_tokens_uncut:.0f} uncut)"
        )
