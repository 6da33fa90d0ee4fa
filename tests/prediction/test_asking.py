"""Fault tests against a misbehaving server on this machine: how often it is asked, what is kept, and how it ends."""

import json
import threading

import pytest

from codeit_jax.config.errors import StorageError, UserError
from codeit_jax.prediction import asking
from codeit_jax.prediction.asking import GIVE_UP_AFTER, Asked, Terms, ask
from codeit_jax.prediction.endpoint import Endpoint
from codeit_jax.prediction.questions import Message, Question
from tests.prediction.model_server import Response, failed, said, serving

DONE = Asked(unanswered=0, last_failure="", is_spent=False)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(asking, "FIRST_WAIT_SECONDS", 0.001)


def questions(count):
    return [Question(task_id=f"t{n}", test=0, sample=0, messages=(Message("user", str(n)),)) for n in range(count)]


def ask_all(server, count=3, spent=0, is_known=False, **terms):
    """Ask questions and return the answers kept, by task, and how it ended."""
    kept = []
    endpoint = Endpoint(base_url=server.url, model="m")
    terms = Terms(**({"concurrency": 1, "tries": 3, "timeout_seconds": 20} | terms))
    ended = ask(
        questions(count),
        endpoint,
        terms,
        spent=spent,
        is_known=is_known,
        keep=kept.append,
        advance=lambda done, total: None,
    )
    return {answer.task_id: answer for answer in kept}, ended


BAD = {
    "429": failed(429, "slow down"),
    "500": failed(500, "oops"),
    "503 with a page": Response(status=503, body=b"<html>busy</html>"),
    "cut": Response(body=b'{"choices": [{"mess', announced=1000),
    "garbage": Response(body=b"\x00\xff not JSON"),
    "another type": Response(body=b'{"choices": "none"}'),
    "a list": Response(body=b"[1, 2]"),
    "no choices": Response(body=b'{"choices": []}'),
    "a number for a text": Response(body=b'{"choices": [{"message": {"content": 5}}]}'),
    "huge": Response(body=b" " * (5 << 20)),
    "not a status line": Response(headers={"Bad\nHeader": "x"}),
    "compressed, but not": Response(body=b"plain", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_question_is_asked_again_until_there_is_an_answer(name):
    with serving(lambda body, number: BAD[name] if number < 2 else said(f"ok {number}")) as server:
        answers, ended = ask_all(server)
    assert [answers[f"t{n}"].text for n in range(3)] == ["ok 2", "ok 3", "ok 4"]
    assert [answers[f"t{n}"].requests for n in range(3)] == [3, 1, 1]
    assert server.asked_for() == ["0", "0", "0", "1", "2"]
    assert ended.unanswered == 0


@pytest.mark.parametrize("name", BAD)
def test_a_question_without_an_answer_is_given_up_and_the_others_go_on(name):
    with serving(lambda body, number: BAD[name] if body["messages"][0]["content"] == "1" else said("ok")) as server:
        answers, ended = ask_all(server)
    assert sorted(answers) == ["t0", "t2"]
    assert server.asked_for() == ["0", "1", "1", "1", "2"]
    assert ended.unanswered == 1
    assert server.url in ended.last_failure


def test_a_server_that_never_ends_its_response_is_timed_out():
    held = Response(body=b'{"choices"', announced=1000, held=True)
    with serving(lambda body, number: held if number == 0 else said("ok")) as server:
        answers, _ = ask_all(server, count=1, timeout_seconds=0.5)
    assert answers["t0"].requests == 2


def test_an_endpoint_that_answers_nothing_ends_with_one_line():
    with serving(lambda body, number: failed(500, "oops")) as server, pytest.raises(UserError) as caught:
        ask_all(server, count=20)
    assert "answers 500, 'oops'" in str(caught.value)
    assert len(server.bodies) == 3 * GIVE_UP_AFTER


def test_a_few_questions_without_any_answer_end_with_one_line_too():
    with (
        serving(lambda body, number: failed(500, "oops")) as server,
        pytest.raises(UserError, match="no question has an"),
    ):
        ask_all(server, count=2)
    assert len(server.bodies) == 6


def test_a_refused_question_is_kept_once_another_was_answered():
    with serving(lambda body, number: failed(400, "too long") if number in (0, 2) else said("ok")) as server:
        answers, ended = ask_all(server, count=4)
    assert [answers[f"t{n}"].text for n in range(4)] == [None, "ok", None, "ok"]
    assert answers["t0"].refusal == f"{server.url}: answers 400, 'too long'"
    assert len(server.bodies) == 4
    assert ended == DONE


@pytest.mark.parametrize("count", [2, 20])
def test_an_endpoint_that_refuses_everything_ends_with_what_it_says(count):
    with (
        serving(lambda body, number: failed(400, "no such field")) as server,
        pytest.raises(UserError, match="no such field"),
    ):
        ask_all(server, count=count)
    assert len(server.bodies) == min(count, GIVE_UP_AFTER)


def test_a_refusal_by_an_endpoint_that_has_answered_before_is_kept():
    with serving(lambda body, number: failed(400, "too long")) as server:
        answers, ended = ask_all(server, count=7, is_known=True)
    assert [answers[f"t{n}"].text for n in range(7)] == [None] * 7
    assert ended == DONE


@pytest.mark.parametrize("status", [401, 403, 404, 307])
def test_what_is_wrong_with_all_is_asked_once(status):
    headers = {"Location": "http://127.0.0.1:1/elsewhere"}
    with (
        serving(lambda body, number: failed(status, "no", **headers)) as server,
        pytest.raises(UserError, match=f"answers {status}"),
    ):
        ask_all(server)
    assert len(server.bodies) == 1


def test_no_server_is_one_line():
    with serving(lambda body, number: said("ok")) as server:
        pass
    with pytest.raises(UserError, match="no connection .*expected a server"):
        ask_all(server)


def test_requests_under_way_are_kept_when_another_ends_the_command():
    both = threading.Barrier(2, timeout=30)
    refused = threading.Event()

    def answer(body, number):
        if body["messages"][0]["content"] in ("0", "1"):
            both.wait()
        if body["messages"][0]["content"] == "0":
            refused.set()
            return failed(401, "no")
        refused.wait(30)
        return said("ok")

    kept = []
    terms = Terms(concurrency=2)
    with serving(answer) as server, pytest.raises(UserError, match="answers 401"):
        ask(
            questions(9),
            Endpoint(base_url=server.url, model="m"),
            terms,
            spent=0,
            is_known=False,
            keep=kept.append,
            advance=print,
        )
    # The good answer may be read before the refusal, and the next question be asked: it is then under way, too.
    assert len(kept) == len(server.bodies) - 1 < 8
    assert {answer.text for answer in kept} == {"ok"}


def test_as_many_requests_are_under_way_as_asked_for():
    all_there = threading.Barrier(4, timeout=30)

    def answer(body, number):
        all_there.wait()
        return said("ok")

    with serving(answer) as server:
        answers, _ = ask_all(server, count=12, concurrency=4)
    assert (len(answers), server.most_under_way) == (12, 4)


def test_nobody_asks_before_the_time_that_the_server_names():
    with serving(lambda body, number: failed(429, "wait", Retry_After="1") if number == 0 else said("ok")) as server:
        answers, _ = ask_all(server, count=2)
    assert server.times[1] - server.times[0] >= 1
    assert [answers[name].requests for name in ("t0", "t1")] == [2, 1]


def test_requests_are_spread_over_the_minute():
    with serving(lambda body, number: said("ok")) as server:
        ask_all(server, concurrency=3, requests_per_minute=60)
    # Two gaps of a second. Measured where they arrive, and the first request may be late.
    assert server.times[2] - server.times[0] > 1


@pytest.mark.parametrize(("budget", "asked"), [(1, 1), (15, 1), (16, 2), (30, 2), (1000, 5)])
def test_a_budget_ends_the_asking(budget, asked):
    with serving(lambda body, number: said("ok", prompt_tokens=10, completion_tokens=5)) as server:
        answers, ended = ask_all(server, count=5, budget=budget)
    assert len(server.bodies) == len(answers) == asked
    assert ended == Asked(unanswered=0, last_failure="", is_spent=asked < 5)


def test_what_was_spent_before_counts():
    with serving(lambda body, number: said("ok")) as server:
        answers, ended = ask_all(server, spent=100, budget=100)
    assert (answers, server.bodies, ended.is_spent) == ({}, [], True)


def test_a_budget_that_the_last_answer_spends_is_no_reason_to_stop():
    with serving(lambda body, number: said("ok", prompt_tokens=10, completion_tokens=5)) as server:
        assert ask_all(server, count=2, budget=30)[1] == DONE


def test_a_full_disk_ends_it_with_its_own_error():
    def keep(answer):
        raise StorageError("disk full")

    with serving(lambda body, number: said("ok")) as server, pytest.raises(StorageError, match="disk full"):
        ask(
            questions(3),
            Endpoint(base_url=server.url, model="m"),
            Terms(),
            spent=0,
            is_known=False,
            keep=keep,
            advance=lambda *_: None,
        )


def test_answers_do_not_depend_on_the_number_of_requests_at_once():
    def answer(body, number):
        return failed(500) if number % 3 == 1 else said(json.dumps([body["seed"], body["messages"]]))

    found = []
    for concurrency in (1, 6):
        with serving(answer) as server:
            answers, _ = ask_all(server, count=12, concurrency=concurrency, tries=20)
        found.append({name: answer.text for name, answer in answers.items()})
    assert len(found[0]) == 12
    assert found[0] == found[1]
