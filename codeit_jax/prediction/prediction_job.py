"""A job of predictions: its questions, the answers that its directory keeps, and a summary of what they are worth.

    answers.jsonl     an answer a line, in the order of coming; on the disk before anything else is sent in its place
    solutions.jsonl   with --write programs: the candidates, a line each
    programs.txt      with --write programs: a program for each task, in the form that `train` and `programs` read
    summary.json      the result

What a call did is in answers.jsonl alone; the other files are made from it.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from codeit_jax.arc import TaskSet
from codeit_jax.config.errors import StorageError, UserError
from codeit_jax.prediction.asking import Terms, ask
from codeit_jax.prediction.endpoint import Endpoint
from codeit_jax.prediction.grid_prompts import grid_questions
from codeit_jax.prediction.grid_text import GridForm
from codeit_jax.prediction.program_prompts import program_questions
from codeit_jax.prediction.questions import Answer, Question, QuestionKey
from codeit_jax.reporting.progress import Reporter
from codeit_jax.storage.job_directory import JobDirectory

ANSWERS_FILE = "answers.jsonl"

Kind = Literal["grids", "programs"]


@dataclass(frozen=True, kw_only=True)
class PredictionJob:
    """What is asked for.

    Attributes:
        tasks: whose test outputs, or programs; outputs of tests may be missing.
        endpoint: whom to ask.
        write: `grids`, or `programs`.
        num: samples for each test, or for each task's program; one at temperature 0, as all would be the same.
        form: how prompts show grids.
        repairs: rounds at most in which a model sees what is wrong with its program.
        prices: of a million tokens in prompts and of a million in completions, in the user's currency.
    """

    tasks: TaskSet
    endpoint: Endpoint
    write: Kind = "grids"
    num: int = 1
    form: GridForm = "rows"
    repairs: int = 2
    prices: tuple[float, float] | None = None

    @property
    def samples(self) -> int:
        """Return the number of samples that are asked for."""
        return self.num if self.endpoint.temperature else 1

    def questions(self) -> list[Question]:
        """Return all questions but those of repair rounds, in the order of asking."""
        if self.write == "programs":
            return list(program_questions(self.tasks, self.samples, self.form))
        return list(grid_questions(self.tasks, self.samples, self.endpoint.api, self.form))

    def settings(self) -> dict[str, Any]:
        """Return what a resumed job must have kept; samples, repairs and prices may change, and so may the address.

        Raises:
            UserError: one of them has the key in it.
        """
        first = [question.messages for question in self.questions() if question.sample == 0]
        settings = {
            "model": self.endpoint.model,
            "api": self.endpoint.api,
            "write": self.write,
            "format": self.form,
            "temperature": self.endpoint.temperature,
            "max_tokens": self.endpoint.max_tokens,
            "fields": dict(self.endpoint.fields),
            "seed": self.endpoint.seed,
            "tasks": self.tasks.digest,
            # Of all texts: another version of this program may word them differently.
            "prompts": hashlib.sha256(repr(first).encode()).hexdigest()[:16],
        }
        if self.endpoint.cleaned(text := json.dumps(settings)) != text:
            raise UserError(f"an option has the key in it, expected it in the variable {self.endpoint.key_name} alone")
        return settings


class KeptAnswers:
    """The answers that a directory has, and those that are added.

    Args:
        directory: opened with the job's settings.

    Raises:
        StorageError: a line is damaged.
    """

    def __init__(self, directory: JobDirectory) -> None:
        self._directory = directory
        self._answers: dict[QuestionKey, Answer] = {}
        for row in directory.rows(ANSWERS_FILE):
            try:
                answer = Answer.from_row(row)
            except TypeError:
                raise StorageError(
                    f"{directory.path / ANSWERS_FILE}: a line isn't an answer, expected its fields"
                ) from None
            self._answers[answer.key] = answer

    def __iter__(self) -> Iterator[Answer]:
        return iter(self._answers.values())

    def get(self, key: QuestionKey) -> Answer | None:
        """Return the answer to a question, if there is one."""
        return self._answers.get(key)

    def add(self, answer: Answer) -> None:
        """Keep an answer: it is on the disk when this returns.

        Raises:
            StorageError: the disk is full or can't be written.
        """
        self._directory.append(ANSWERS_FILE, [answer.to_row()], durable=True)
        self._answers[answer.key] = answer

    @property
    def tokens(self) -> int:
        """Return the tokens of all answers."""
        return sum(answer.tokens for answer in self)


class Prediction:
    """A job under way, from where its directory stands.

    Args:
        job: what to do.
        answers: of the job's directory.
        terms: how to ask.
        reporter: shows progress.

    Attributes:
        answers: those kept.
        unanswered: questions without an answer after all tries.
        last_failure: why the last of these was.
        is_spent: the budget ended the job.
    """

    def __init__(self, job: PredictionJob, answers: KeptAnswers, terms: Terms, reporter: Reporter) -> None:
        self.job = job
        self.answers = answers
        self.unanswered = 0
        self.last_failure = ""
        self.is_spent = False
        self._terms = terms
        self._reporter = reporter
        self._start = time.monotonic()

    def ask(self, title: str, questions: Sequence[Question]) -> None:
        """Ask those of the questions that have no answer yet.

        Raises:
            CodeitError, KeyboardInterrupt: see `asking.ask`.
        """
        missing = [question for question in questions if self.answers.get(question.key) is None]
        with self._reporter.stage(title) as advance:
            asked = ask(
                missing,
                self.job.endpoint,
                self._terms,
                spent=self.answers.tokens,
                is_known=any(answer.text is not None for answer in self.answers),
                keep=self.answers.add,
                advance=advance,
            )
        self.unanswered += asked.unanswered
        self.last_failure = asked.last_failure or self.last_failure
        self.is_spent = asked.is_spent

    def summary(self) -> dict[str, Any]:
        """Return what a result must be quoted with: data, model and settings, tokens, requests, cost."""
        job, answers = self.job, list(self.answers)
        prompt, completion = (sum(getattr(a, f"{part}_tokens") for a in answers) for part in ("prompt", "completion"))
        prices = job.prices
        return {
            "write": job.write,
            "model": job.endpoint.model,
            "endpoint": job.endpoint.base_url,
            "api": job.endpoint.api,
            "format": job.form,
            "temperature": job.endpoint.temperature,
            "seed": job.endpoint.seed,
            "num": job.samples,
            "snapshot": f"{job.tasks.snapshot}, digest {job.tasks.digest}",
            "tokens": {
                "prompt": prompt,
                "completion": completion,
                "estimated_answers": sum(answer.estimated for answer in answers),
            },
            "requests": {
                "sent": sum(answer.requests for answer in answers),
                "answered": sum(answer.text is not None for answer in answers),
                "refused": sum(answer.text is None for answer in answers),
                "unanswered": self.unanswered,
                "truncated": sum(answer.finish_reason == "length" for answer in answers),
            },
            "cost": None if prices is None else round((prompt * prices[0] + completion * prices[1]) / 1e6, 6),
            "stopped_by_budget": self.is_spent,
            "complete": not self.is_spent and not self.unanswered,
            "last_failure": self.last_failure,
            "seconds": round(time.monotonic() - self._start, 2),
        }
