"""Grids asked for, read and scored."""

from collections import defaultdict
from typing import Any

from codeit_jax.arc import Grid
from codeit_jax.prediction.grid_scores import (
    Predictions,
    concept_rows,
    count_tasks,
    count_tests,
    task_row,
)
from codeit_jax.prediction.grid_text import read_grid
from codeit_jax.prediction.prediction_job import Prediction


def predict_grids(prediction: Prediction) -> Predictions:
    """Ask for a grid for each test and sample, and read the answers.

    Raises:
        CodeitError, KeyboardInterrupt: see `asking.ask`.
    """
    prediction.ask("asking for grids", prediction.job.questions())
    return read_predictions(prediction)


def read_predictions(prediction: Prediction) -> Predictions:
    """Return the grids of the answers that are there, by test and then by sample."""
    job = prediction.job
    # A completion goes on with pairs of its own; a chat's answer comes after its reasoning.
    first = job.endpoint.api == "completions"
    predictions: defaultdict[tuple[str, int], list[Grid | None]] = defaultdict(list)
    for task in job.tasks:
        for place in range(len(task.tests)):
            for sample in range(job.samples):
                answer = prediction.answers.get((task.id, place, sample, 0))
                text = None if answer is None else answer.text
                predictions[task.id, place].append(None if text is None else read_grid(text, job.form, first=first))
    return predictions


def grid_result(prediction: Prediction, predictions: Predictions) -> dict[str, Any]:
    """Return the JSON object of a job: counts by task, test and concept, each task's guesses, and the summary."""
    tasks = list(prediction.job.tasks)
    return {
        "answers": sum(answer.text is not None for answer in prediction.answers),
        "grids": sum(grid is not None for grids in predictions.values() for grid in grids),
        "num_tasks": len(tasks),
        "solved": count_tasks(predictions, tasks),
        "tests": count_tests(predictions, tasks),
        "concepts": concept_rows(predictions, tasks),
        "tasks": [task_row(predictions, task) for task in tasks],
        **prediction.summary(),
    }
