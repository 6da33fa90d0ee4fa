"""Programs asked for, run, repaired and scored: a model as one more proposer beside the policy."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import interpreter
from codeit_jax.arc import Task, reproduced
from codeit_jax.evaluation import Candidate, select_candidates
from codeit_jax.evaluation.program_ranking import RankedProgram
from codeit_jax.evaluation.task_results import concept_results, count_solved, count_tests, task_result
from codeit_jax.hindsight import execute
from codeit_jax.hindsight.executions import arc_outcome
from codeit_jax.prediction.prediction_job import Prediction
from codeit_jax.prediction.program_answers import read_program
from codeit_jax.prediction.program_prompts import feedback, repair_question
from codeit_jax.prediction.questions import WHOLE_TASK, Answer, Question
from codeit_jax.programs import SeedProgram, canonical_text, write_programs
from codeit_jax.storage.job_directory import JobDirectory
from interpreter import InterpreterPool, Job, Outcome, ProgramError

_HEADER = "Programs that a model wrote for tasks of {source}; chosen by the demonstrations alone, and not all right."

Programs = Mapping[str, Sequence[RankedProgram]]
"""The distinct programs for each task, by its id, in the order of samples and rounds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What an answer came to.

    Attributes:
        program: canonical text; None if there is none.
        shown: what the model is shown again: the program as it was read, or else its answer.
        complaint: why there is none; "" if there is one.
    """

    program: str | None
    shown: str
    complaint: str


def read_attempt(answer: str) -> Attempt:
    """Read a program from an answer, leniently, and check that it is one."""
    try:
        text = read_program(answer)
    except ValueError as error:
        return Attempt(program=None, shown=answer, complaint=f"No program: {error}.")
    try:
        return Attempt(program=canonical_text(text), shown=text, complaint="")
    except ProgramError as error:
        line = f" in `{text.splitlines()[error.line - 1]}`" if error.line else ""
        return Attempt(program=None, shown=text, complaint=f"Not a program of the language: {error}{line}.")


def predict_programs(prediction: Prediction, pool: InterpreterPool) -> Programs:
    """Ask for programs, run them on the demonstrations, and ask again for those that are wrong there.

    Args:
        prediction: the job.
        pool: runs the programs.

    Raises:
        CodeitError, KeyboardInterrupt: see `asking.ask`.
    """
    first = prediction.job.questions()
    open_questions: list[Question] = first
    for round in range(prediction.job.repairs + 1):
        if not open_questions or prediction.is_spent:
            break
        prediction.ask("asking for programs" if round == 0 else f"repair round {round}", open_questions)
        if round < prediction.job.repairs:
            asked_first = {(question.task_id, question.sample): question for question in first}
            open_questions = _repair_questions(prediction, open_questions, asked_first, pool)
    return run_attempts(prediction, pool)


def _repair_questions(
    prediction: Prediction,
    asked: Sequence[Question],
    first: Mapping[tuple[str, int], Question],
    pool: InterpreterPool,
) -> list[Question]:
    """Return a question for each answer that is no program, or one that misses a demonstration."""
    attempts = {q: read_attempt(a.text) for q in asked if (a := prediction.answers.get(q.key)) and a.text is not None}
    outcomes = _run_on_demonstrations(prediction, attempts, pool)
    questions = []
    for question, attempt in attempts.items():
        says = attempt.complaint
        if attempt.program is not None:
            task = prediction.job.tasks[question.task_id]
            row = outcomes[task.id, attempt.program]
            if all(reproduced([outcome.grid for outcome in row], task.demonstrations)):
                continue
            says = feedback(task, row, prediction.job.form)
        start = first[question.task_id, question.sample]
        questions.append(repair_question(start, question.round + 1, attempt.shown, says))
    return questions


def _run_on_demonstrations(
    prediction: Prediction, attempts: Mapping[Question, Attempt], pool: InterpreterPool
) -> dict[tuple[str, str], tuple[Outcome, ...]]:
    """Return the outcomes of each program, by task and text; tests are never run here."""
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for question, attempt in attempts.items():
        if attempt.program is not None:
            texts[question.task_id].append(attempt.program)
    executions = execute(texts, prediction.job.tasks, pool)
    return {(execution.task_id, execution.program): execution.outcomes for execution in executions}


def run_attempts(prediction: Prediction, pool: InterpreterPool) -> dict[str, list[RankedProgram]]:
    """Run the programs of all answers on their tasks; the tests' outputs are compared with to score only."""
    found = {task.id: _found(task, prediction) for task in prediction.job.tasks}
    jobs = [Job(list(found[task.id]), task.inputs) for task in prediction.job.tasks]
    return {
        task.id: [
            RankedProgram(
                candidate=Candidate.from_outcomes(task, text, row, origin="endpoint", work=places[0]),
                count=len(places),
                log_prob=None,
                outcomes=tuple(map(arc_outcome, row)),
            )
            for (text, places), row in zip(found[task.id].items(), rows, strict=True)
        ]
        for task, rows in zip(prediction.job.tasks, pool.run(jobs), strict=True)
    }


def _found(task: Task, prediction: Prediction) -> dict[str, list[int]]:
    """Return the programs for a task, each with the numbers of its attempts, from 1."""
    places: dict[str, list[int]] = {}
    for number, answer in enumerate(_answers(task, prediction), start=1):
        program = None if answer.text is None else read_attempt(answer.text).program
        if program is not None:
            places.setdefault(program, []).append(number)
    return places


def _answers(task: Task, prediction: Prediction) -> list[Answer]:
    """Return the answers for a task by sample and round, whatever the order of their coming."""
    job = prediction.job
    keys = [(task.id, WHOLE_TASK, sample, round) for sample in range(job.samples) for round in range(job.repairs + 1)]
    return [answer for key in keys if (answer := prediction.answers.get(key)) is not None]


def write_program_files(directory: JobDirectory, programs: Programs, source: str) -> None:
    """Write the candidates, and a programs file to learn from, if there are any.

    Args:
        directory: of the job.
        programs: all that were found.
        source: of the tasks, for the file's header.

    Raises:
        StorageError: a file can't be written.
    """
    candidates = [program.candidate for ranked in programs.values() for program in ranked]
    rows = [candidate.to_row() for candidate in candidates if any(candidate.demonstrations)]
    directory.write("solutions.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    # The format has no empty file.
    if seeds := programs_to_learn_from(programs):
        write_programs(directory.path / "programs.txt", seeds, header=_HEADER.format(source=source))


def programs_to_learn_from(programs: Programs) -> list[SeedProgram]:
    """Return a program for each task that has one that runs: the best candidate, or else one that makes most grids.

    Hindsight makes a true example of any of them. None is chosen by the tests.
    """
    chosen = []
    for task_id, ranked in programs.items():
        best = select_candidates([program.candidate for program in ranked], 1)
        texts = [candidate.program for candidate in best] or _running(ranked)
        if texts:
            chosen.append(SeedProgram(task_id, interpreter.parse(texts[0])))
    return chosen


def _running(ranked: Sequence[RankedProgram]) -> list[str]:
    """Return the programs that make a grid of some demonstration's input, those that make more first."""
    scored = [(_num_grids(program), program.candidate.program) for program in ranked]
    return [text for grids, text in sorted(scored, key=lambda pair: (-pair[0], len(pair[1]), pair[1])) if grids]


def _num_grids(program: RankedProgram) -> int:
    shown = len(program.candidate.demonstrations)
    return sum(outcome.grid is not None for outcome in program.outcomes[:shown])


def program_result(prediction: Prediction, programs: Programs) -> dict[str, Any]:
    """Return the JSON object of a job: that of `evaluate`, and the summary."""
    tasks = list(prediction.job.tasks)
    return {
        "programs": sum(answer.text is not None for answer in prediction.answers),
        "parsed": sum(program.count for ranked in programs.values() for program in ranked),
        "unique": sum(len(ranked) for ranked in programs.values()),
        "experiences": sum(_num_grids(program) > 0 for ranked in programs.values() for program in ranked),
        "num_tasks": len(tasks),
        "solved": count_solved(programs, tasks),
        "tests": count_tests(programs, tasks),
        "concepts": concept_results(programs, tasks),
        "tasks": [task_result(programs, task) for task in tasks],
        **prediction.summary(),
    }
