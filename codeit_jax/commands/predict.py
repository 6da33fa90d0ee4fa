"""`codeit-jax predict --endpoint URL --model NAME --tasks SOURCE [--write grids|programs]`: ask a model elsewhere."""

import argparse
import importlib.util
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeit_jax.commands.cli_options import (
    add_json_argument,
    add_workers_argument,
    check_targets,
    file_path,
    not_negative,
    positive,
    temperature,
)
from codeit_jax.commands.console import print_result, signals_interrupt
from codeit_jax.config.errors import PreemptedError, UserError, shown

if TYPE_CHECKING:
    from codeit_jax.prediction.endpoint import Endpoint
    from codeit_jax.prediction.prediction_job import Prediction, PredictionJob
    from codeit_jax.storage.job_directory import JobDirectory


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `predict`."""
    parser = subparsers.add_parser("predict", help="grids or programs from any endpoint of the OpenAI kind")
    parser.add_argument(
        "--endpoint", required=True, metavar="URL", help="base of the API, e.g. http://127.0.0.1:8000/v1"
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="the model's name there")
    parser.add_argument("--tasks", required=True, metavar="SOURCE", help="e.g. arc1/evaluation, a folder, a JSON file")
    _add_question_arguments(parser)
    _add_asking_arguments(parser)
    parser.add_argument(
        "--run-dir",
        type=file_path,
        metavar="DIR",
        help="keeps the answers; the same command resumes (default: runs/predict-MODEL)",
    )
    parser.add_argument(
        "--submission", type=file_path, metavar="FILE", help="write two guesses for each test, in Kaggle's form"
    )
    add_workers_argument(parser)
    add_json_argument(parser)
    parser.set_defaults(run=run)


def _add_question_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is asked")
    group.add_argument(
        "--write", choices=("grids", "programs"), default="grids", help="what is asked for (default: grids)"
    )
    group.add_argument(
        "--num", type=positive, default=1, metavar="N", help="samples for each test or program (default: 1)"
    )
    group.add_argument(
        "--temperature", type=temperature, default=0.0, metavar="T", help="0 asks once for each (default: 0)"
    )
    group.add_argument(
        "--format",
        choices=("rows", "sparse"),
        default="rows",
        help="grids as rows of digits or lists of cells (default: rows)",
    )
    group.add_argument(
        "--api",
        choices=("chat", "completions"),
        default="chat",
        help="chat describes what is asked, completions gives pairs to continue (default: chat)",
    )
    group.add_argument(
        "--repairs", type=not_negative, default=2, metavar="N", help="rounds to correct a program in (default: 2)"
    )
    group.add_argument("--max-tokens", type=positive, default=4096, metavar="N", help="of an answer (default: 4096)")
    group.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a further field of each request, JSON or text; null leaves out one of ours",
    )
    group.add_argument("--seed", type=not_negative, default=0, metavar="N", help="of draws and waits (default: 0)")


def _add_asking_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it is asked")
    group.add_argument(
        "--key-env",
        default="OPENAI_API_KEY",
        metavar="NAME",
        help="environment variable with the key; '' asks without one (default: OPENAI_API_KEY)",
    )
    group.add_argument("--concurrency", type=positive, default=8, metavar="K", help="requests at once (default: 8)")
    group.add_argument("--rate", type=positive, metavar="N", help="requests a minute at most (default: no limit)")
    group.add_argument("--tries", type=positive, default=6, metavar="N", help="for each answer (default: 6)")
    group.add_argument(
        "--timeout", type=positive, default=600, metavar="S", help="seconds for a request (default: 600)"
    )
    group.add_argument(
        "--budget", type=positive, metavar="TOKENS", help="of prompts and answers; stops there, and resumes with more"
    )
    group.add_argument(
        "--prices",
        type=_prices,
        metavar="P,C",
        help="of a million tokens in prompts and in completions, to show the cost",
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask a model about every task, keep its answers, and report what they solve.

    Raises:
        UserError: an option or the task source is wrong, the endpoint can't be reached or answers nothing, or the
            directory holds another job.
        StorageError: a file can't be written.
        PreemptedError: interrupted; the directory has every answer that came.
    """
    if importlib.util.find_spec("httpx2") is None:
        raise UserError("predict: httpx2 isn't installed, expected: pip install 'codeit_jax[predict]'")
    from codeit_jax.arc import load_tasks
    from codeit_jax.prediction.asking import Terms
    from codeit_jax.prediction.prediction_job import KeptAnswers, Prediction, PredictionJob
    from codeit_jax.reporting.progress import Reporter
    from codeit_jax.storage.job_directory import JobDirectory
    from codeit_jax.storage.run_directory import tell_who_died

    if arguments.submission is not None:
        check_targets([arguments.submission.expanduser()])
    job = PredictionJob(
        endpoint=_endpoint(arguments),
        tasks=load_tasks(arguments.tasks, scored=False),
        write=arguments.write,
        num=arguments.num,
        form=arguments.format,
        repairs=arguments.repairs,
        prices=arguments.prices,
    )
    terms = Terms(
        concurrency=arguments.concurrency,
        tries=arguments.tries,
        timeout_seconds=arguments.timeout,
        requests_per_minute=arguments.rate,
        budget=arguments.budget,
        seed=arguments.seed,
    )
    folder = (
        arguments.run_dir or Path("runs") / f"predict-{re.sub(r'[^A-Za-z0-9_.-]+', '-', arguments.model).strip('.-')}"
    )
    try:
        with signals_interrupt(), JobDirectory(folder, "predict", job.settings()) as directory:
            reporter = Reporter()
            tell_who_died(directory.left_by, reporter.say)
            prediction = Prediction(job, KeptAnswers(directory), terms, reporter)
            result = _predict(prediction, directory, arguments)
    except KeyboardInterrupt:
        raise PreemptedError(f"stopped, the same command resumes from {folder}") from None
    print_result(_text(result, job, folder), result, as_json=arguments.json)
    return 0


def _predict(prediction: "Prediction", directory: "JobDirectory", arguments: argparse.Namespace) -> dict[str, Any]:
    """Ask, score, and write what comes of it; answers that were kept before are scored, too."""
    from codeit_jax.storage.files import write_atomically

    grids = arguments.write == "grids"
    result, submission = (_grids if grids else _programs)(prediction, directory, arguments)
    directory.write("summary.json", json.dumps(result) + "\n")
    if arguments.submission is not None:
        write_atomically(arguments.submission.expanduser(), json.dumps(submission) + "\n")
    return result


def _grids(
    prediction: "Prediction", directory: "JobDirectory", arguments: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, Any]]:
    from codeit_jax.prediction.grid_job import grid_result, predict_grids
    from codeit_jax.prediction.grid_scores import grid_submission

    predictions = predict_grids(prediction)
    return grid_result(prediction, predictions), grid_submission(predictions, list(prediction.job.tasks))


def _programs(
    prediction: "Prediction", directory: "JobDirectory", arguments: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, Any]]:
    from codeit_jax.config.interpreter_limits import limits_from_config
    from codeit_jax.config.schema import InterpreterConfig
    from codeit_jax.evaluation.task_results import submission
    from codeit_jax.prediction.program_job import predict_programs, program_result, write_program_files
    from interpreter import InterpreterPool

    # A run's limits by default, so that all programs are scored alike.
    with InterpreterPool(arguments.workers, limits_from_config(InterpreterConfig())) as pool:
        programs = predict_programs(prediction, pool)
    write_program_files(directory, programs, prediction.job.tasks.source)
    return program_result(prediction, programs), submission(programs, prediction.job.tasks)


def _endpoint(arguments: argparse.Namespace) -> "Endpoint":
    from codeit_jax.prediction.endpoint import Endpoint, checked_key, checked_url

    # From the environment alone: a command line is in the shell's history and in every list of processes.
    key = checked_key(os.environ.get(arguments.key_env, ""), arguments.key_env)
    return Endpoint(
        base_url=checked_url(arguments.endpoint, has_key=bool(key)),
        model=arguments.model,
        api=arguments.api,
        temperature=arguments.temperature,
        max_tokens=arguments.max_tokens,
        fields=dict(map(_field, arguments.field)),
        seed=arguments.seed,
        key=key,
        key_name=arguments.key_env,
    )


def _field(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UserError(f"--field: found {shown(text)}, expected NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _prices(text: str) -> tuple[float, float]:
    """Parse two numbers of at least 0."""
    prices = tuple(temperature(part) for part in text.split(","))
    if len(prices) != 2:
        raise argparse.ArgumentTypeError(f"found {text}, expected two prices, as in 2.5,10")
    return prices[0], prices[1]


def _text(result: dict[str, Any], job: "PredictionJob", folder: Path) -> str:
    from codeit_jax.reporting.score_table import score_sentence, score_table

    tests, concepts, tokens, requests = (result[name] for name in ("tests", "concepts", "tokens", "requests"))
    got = (
        f"{result['grids']} grids in {result['answers']} answers"
        if job.write == "grids"
        else f"{result['parsed']} programs, {result['unique']} of them distinct, in {result['programs']} answers"
    )
    lines = [
        f"{got}, for {result['num_tasks']} tasks of {job.tasks.source}, by {job.endpoint.model} at temperature "
        f"{result['temperature']:g} ({job.form}, {job.endpoint.api})"
    ]
    if concepts:
        rows = {f"{name} ({concept['num_tasks']})": concept["solved"] for name, concept in concepts.items()}
        lines.append(score_table("tasks solved", rows))
    lines.append(score_sentence(result["solved"]))
    if tests["solved"] is None:
        lines.append("some outputs of tests aren't known, so that nothing of them is counted")
    else:
        two = f", {tests['vote@2']} by two guesses" if "vote@2" in tests else ""
        lines.append(f"tests solved of {tests['count']}: {tests['solved']} by pass@1, {tests['pass@3']} by pass@3{two}")
    about = f", {tokens['estimated_answers']} answers estimated" if tokens["estimated_answers"] else ""
    cost = "" if result["cost"] is None else f", cost {result['cost']:.4f}"
    lines.append(
        f"tokens: {tokens['prompt']} in prompts, {tokens['completion']} in completions{about}{cost}; "
        f"{requests['sent']} requests, {requests['refused']} refused, {requests['truncated']} cut at --max-tokens"
    )
    lines += _left_over(result, folder)
    return "\n".join(lines)


def _left_over(result: dict[str, Any], folder: Path) -> list[str]:
    """Return what is still to be done, and where everything is."""
    lines = []
    if result["stopped_by_budget"]:
        lines.append("the budget is spent; the same command with a larger --budget goes on")
    if result["requests"]["unanswered"]:
        lines.append(
            f"{result['requests']['unanswered']} questions have no answer ({result['last_failure']}); the same command "
            "asks them again"
        )
    return [*lines, f"answers and summary.json are in {folder}"]
