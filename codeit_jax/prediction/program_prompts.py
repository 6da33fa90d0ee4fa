"""Questions for programs: the language, a task, and what became of the last attempt."""

from collections.abc import Iterable, Iterator, Sequence

from codeit_jax.arc import Task, reproduced
from codeit_jax.prediction.grid_prompts import described_form, pairs_text
from codeit_jax.prediction.grid_text import GridForm, grid_text
from codeit_jax.prediction.language_reference import language_reference
from codeit_jax.prediction.questions import WHOLE_TASK, Message, Question
from interpreter import Outcome

_TASK = (
    "Each pair below is an input grid and the output grid that one rule makes of it; the rule is the same for all "
    "pairs. {form} Write a program in this language that makes each output of its input. Answer with the program's "
    "lines alone."
)
_AGAIN = "Write the whole program again, corrected. Answer with its lines alone."
_MAX_QUOTED = 4_000  # characters of an attempt that is shown again


def program_questions(tasks: Iterable[Task], num: int, form: GridForm) -> Iterator[Question]:
    """Yield the first-round questions for all tasks: all of the first sample, then all of the second, ...

    Args:
        tasks: whose programs; only their demonstrations are read.
        num: samples for each task.
        form: of the grids.
    """
    reference = language_reference()
    prompts = [(task.id, (Message("user", program_prompt(task, form, reference)),)) for task in tasks]
    for sample in range(num):
        for task_id, messages in prompts:
            yield Question(task_id=task_id, test=WHOLE_TASK, sample=sample, messages=messages)


def program_prompt(task: Task, form: GridForm, reference: str) -> str:
    """Return the text that asks for a task's program."""
    # The reference first: what prompts have in common at their beginning, servers compute, and charge for, only once.
    return f"{reference}\n\n{_TASK.format(form=described_form(form))}\n\n{pairs_text(task, form)}"


def repair_question(first: Question, round: int, attempt: str, feedback: str) -> Question:
    """Return the question that shows an attempt and what is wrong with it.

    Args:
        first: the question of round 0.
        round: number of the repair round, from 1.
        attempt: the program, or the answer in which none was found.
        feedback: see `feedback`.
    """
    # Of all attempts only the last: the first ones' mistakes cost tokens and teach nothing new.
    messages = (
        *first.messages,
        Message("assistant", attempt[:_MAX_QUOTED] or "(nothing)"),
        Message("user", f"{feedback}\n{_AGAIN}"),
    )
    return Question(task_id=first.task_id, test=first.test, sample=first.sample, round=round, messages=messages)


def feedback(task: Task, outcomes: Sequence[Outcome], form: GridForm) -> str:
    """Return what a program did on each demonstration, with the interpreter's messages and the first wrong grid."""
    right = reproduced((outcome.grid for outcome in outcomes), task.demonstrations)
    lines, has_grid = [], False
    for number, (outcome, is_right) in enumerate(zip(outcomes, right, strict=True), start=1):
        if is_right:
            lines.append(f"Pair {number}: right.")
        elif outcome.grid is None:
            lines.append(f"Pair {number}: no grid ({outcome.status}: {outcome.message}).")
        else:
            # One grid is enough to see what the program does, and a large one has 1,800 tokens.
            lines.append(
                f"Pair {number}: wrong"
                + ("." if has_grid else f", the program's output is\n{grid_text(outcome.grid, form)}")
            )
            has_grid = True
    return "\n".join(lines)
