"""Questions for a test's output grid, in two published forms.

The bare form is a text of pairs that a completion model continues (after Mirchandani et al., arXiv 2307.04721). The
described form says what is asked, for a chat model (after Gendron et al., arXiv 2305.19555). The words are ours.
"""

from collections.abc import Iterable, Iterator

from codeit_jax.arc import Task
from codeit_jax.prediction.endpoint import Api
from codeit_jax.prediction.grid_text import GridForm, grid_text
from codeit_jax.prediction.questions import Message, Question

_DESCRIPTION = (
    "Each pair below is an input grid and the output grid that one rule makes of it; the rule is the same for all "
    "pairs. {form} Find the rule and apply it to the last input. Answer with the last output grid alone, written as "
    "the others are."
)
_FORMS: dict[GridForm, str] = {
    "rows": "A grid is written row by row, one digit from 0 to 9 for the color of each cell.",
    "sparse": (
        "A grid is written as its numbers of rows and columns, the color of its background, and for every other color "
        "its cells as row,column, counted from 0; colors are digits from 0 to 9."
    ),
}


def grid_questions(tasks: Iterable[Task], num: int, api: Api, form: GridForm) -> Iterator[Question]:
    """Yield the questions for all tests: all of the first sample, then all of the second, ...

    Args:
        tasks: whose tests; their outputs are not read.
        num: samples for each test.
        api: `chat` takes the described form, `completions` the bare one.
        form: of the grids.
    """
    # By sample: a job whose budget ends early has asked about every task as often as about any other, to within one.
    asked = [
        (task.id, place, grid_prompt(task, place, api, form)) for task in tasks for place in range(len(task.tests))
    ]
    for sample in range(num):
        for task_id, place, prompt in asked:
            yield Question(task_id=task_id, test=place, sample=sample, messages=(Message("user", prompt),))


def grid_prompt(task: Task, place: int, api: Api, form: GridForm) -> str:
    """Return the text that asks for the output of the test at a place."""
    pairs = pairs_text(task, form)
    prompt = f"{pairs}\n\ninput:\n{grid_text(task.test_inputs[place], form)}\noutput:"
    # No newline at the end of either: tokenizers join it with what follows.
    return prompt if api == "completions" else f"{_DESCRIPTION.format(form=_FORMS[form])}\n\n{prompt}"


def pairs_text(task: Task, form: GridForm) -> str:
    """Return the demonstrations of a task, in its own order."""
    return "\n\n".join(
        f"input:\n{grid_text(pair.input, form)}\noutput:\n{grid_text(pair.output, form)}"
        for pair in task.demonstrations
    )


def described_form(form: GridForm) -> str:
    """Return the sentence that says how grids are written."""
    return _FORMS[form]
