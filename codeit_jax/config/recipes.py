"""The recipe: where the paper and its released code differ, and what `recipe: paper | released` therefore sets."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from codeit_jax.config.schema import Config, Recipe


@dataclass(frozen=True)
class Difference:
    """A setting in which the paper and the released code differ.

    Attributes:
        setting: its dotted name.
        paper: its value under `recipe: paper`, which is also the setting's default.
        released: its value under `recipe: released`.
        source: what the paper says, and what the released code is seen to do.
    """

    setting: str
    paper: Any
    released: Any
    source: str


DIFFERENCES = (
    Difference(
        "mutation.branch_probabilities",
        "paper",
        "released",
        "Appendix A.2: phi_var .25, phi_arg .5, phi_func .25. Released: half of the argument replacements insert a new "
        "line instead, which the paper doesn't have.",
    ),
    Difference(
        "sampling.top_k",
        0,
        50,
        "Section 3.2 names a temperature only. Released: the sampling library's default of 50 is active.",
    ),
    Difference(
        "sampling.grammar",
        "off",
        "released",
        "A program ends with its end token. Released: also after the first token that no program contains.",
    ),
    Difference(
        "sampling.vocabulary",
        "program",
        "full",
        "The paper doesn't say; ours are the tokens that a program can contain. Released: all, as its grammar needs.",
    ),
    Difference(
        "interpreter.mode",
        "native",
        "codeit",
        "The language of arc-dsl. Released: an older copy of it, which drops values of 1,000 elements or more.",
    ),
    Difference(
        "replay.draw",
        "with_replacement",
        "without_replacement",
        "Section 3.2: in proportion to priority. Released: without replacement, so that what solved a demonstration "
        "comes exactly once and the rest is uniform.",
    ),
    Difference(
        "training.reset_optimizer",
        False,
        True,
        "Section 3.2: one model, trained on. Released: AdamW starts from scratch in each meta-iteration.",
    ),
    Difference(
        "training.pad_loss",
        False,
        True,
        "Section 3.2: likelihood of the program. Released: labels are padded with 0, and the padding is trained on.",
    ),
)


def recipe_settings(recipe: Recipe) -> dict[str, Any]:
    """Return dotted name -> value of every setting that the recipe decides."""
    return {difference.setting: getattr(difference, recipe) for difference in DIFFERENCES}


def departures(config: Config) -> dict[str, tuple[Any, Any]]:
    """Return dotted name -> (the recipe's value, the configuration's) of every setting that leaves its recipe."""
    wanted = recipe_settings(config.recipe)
    found = {name: attrgetter(name)(config) for name in wanted}
    return {name: (wanted[name], found[name]) for name in wanted if wanted[name] != found[name]}
