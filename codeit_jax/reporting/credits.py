"""Who found what, in words: the names of the rows of counts, and where a program is from."""

from codeit_jax.evaluation import Candidate
from codeit_jax.hindsight import BEFORE_TRAINING

ROW_NAMES = {
    "seeds": "seed programs",
    "mutants": "mutants of them",
    "guided": "guided mutants",
    "policy": "sampled from the policy",
    "policy_new": "by the policy alone",
    "policy_last": "in the last meta-iteration",
    "cumulative": "all together",
}
"""The rows of `solved` in summary.json, in the order in which they are shown, and what they are called in the page;
`guided` is there only where guided mutation found something."""

SCREENS = {
    "all": "seeds and mutants are candidates by the same rule as the policy's programs",
    "smallest_demonstration": (
        "seeds and mutants that reproduce only larger demonstrations were overlooked\n"
        "(mutation.candidates: smallest_demonstration)"
    ),
    None: "seeds and mutants weren't run on these tasks (mutation.score_tasks: false)",
}
"""What is said beside the counts, by `screen` in summary.json."""

_PROGRAMS = {"seed": "seed program", "mutant": "mutant", "guided": "guided mutant"}


def found_by(candidate: Candidate) -> str:
    """Return who found a program and when, and whether it is more than it looks like."""
    words = [_PROGRAMS.get(candidate.origin, candidate.origin)]
    if candidate.iteration != BEFORE_TRAINING:
        words.append(f"meta-iteration {candidate.iteration}")
    elif candidate.origin not in _PROGRAMS:
        words.append("before the first meta-iteration")
    if candidate.copy_of is not None:
        words.append(f"copy of a {_PROGRAMS.get(candidate.copy_of, candidate.copy_of)}")
    if candidate.constant:
        words.append("constant output")
    return ", ".join(words)


def demonstrations_held(candidate: Candidate) -> str:
    """Return how many of its task's demonstrations a program reproduces."""
    return f"{sum(candidate.demonstrations)}/{len(candidate.demonstrations)}"
