"""Exact values, contracts and fuzzing: addresses, keys, requests, and responses of any shape."""

import dataclasses
import email.utils
import json
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.config.errors import UserError
from codeit_jax.prediction.endpoint import Endpoint, RefusedError, TryAgainError, checked_key, checked_url
from codeit_jax.prediction.questions import Message, Question

KEY = "sk-very-secret-0123456789"
QUESTION = Question(task_id="t", test=0, sample=0, messages=(Message("user", "input: 1"),))
CHAT = Endpoint(base_url="https://host/v1", model="m", key=KEY)
COMPLETIONS = dataclasses.replace(CHAT, api="completions")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.host.com/v1",
        "https://host/v1/",
        "http://127.0.0.1:60999/v1",
        "http://[::1]:8000",
        "http://localhost",
    ],
)
def test_an_address_is_taken_as_it_is(url):
    assert checked_url(url, has_key=True) == url


@pytest.mark.parametrize(
    "url",
    [
        "host/v1",
        "ftp://host/v1",
        "https://",
        "https://host:0/v1",
        "https://host:99999/v1",
        "https://host:x/v1",
        "https://[1.2/v1",
        "https://ho st/v1",
        "https://host/v1\n",
        "https://hôst/v1",
        "https://host/v1/chat/completions",
        "https://host/v1/completions/",
    ],
)
def test_what_is_no_address_is_one_line(url):
    with pytest.raises(UserError, match="^--endpoint: found .*expected ") as caught:
        checked_url(url, has_key=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://me:{}@host/v1", "https://{}@host/v1", "https://host/v1?key={}", "https://host/#{}"]
)
def test_a_secret_in_an_address_is_refused_and_not_shown(url):
    with pytest.raises(UserError) as caught:
        checked_url(url.format(KEY), has_key=False)
    assert KEY not in str(caught.value)


def test_a_key_travels_encrypted_or_not_at_all():
    assert checked_url("http://gpu-box:8000/v1", has_key=False)
    with pytest.raises(UserError, match="expected https"):
        checked_url("http://gpu-box:8000/v1", has_key=True)


@pytest.mark.parametrize("key", [f"{KEY}\nX: y", f"two {KEY}", f"{KEY}é"])
def test_a_malformed_key_is_refused_and_not_shown(key):
    with pytest.raises(UserError, match="^the environment variable THE_KEY: expected") as caught:
        checked_key(key, "THE_KEY")
    assert KEY not in str(caught.value)
    assert checked_key(f" {KEY}\n", "THE_KEY") == KEY


def test_the_key_is_in_the_header_alone():
    assert CHAT.headers()["Authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(CHAT) + json.dumps(CHAT.body(QUESTION)) + CHAT.url
    assert "Authorization" not in dataclasses.replace(CHAT, key="").headers()


def test_a_request_has_what_was_asked_for_and_further_fields_win():
    body = CHAT.body(QUESTION)
    assert body.pop("seed") >= 0
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "input: 1"}],
        "temperature": 0.0,
        "max_tokens": 4096,
        "stream": False,
    }
    fields = {"temperature": None, "max_tokens": None, "stream": None, "max_completion_tokens": 5, "seed": 3}
    body = dataclasses.replace(COMPLETIONS, fields=fields).body(QUESTION)
    assert body == {"model": "m", "prompt": "input: 1", "stop": ["input"], "max_completion_tokens": 5, "seed": 3}


def test_seeds_of_draws_differ_by_question_and_by_seed():
    questions = [dataclasses.replace(QUESTION, **change) for change in ({}, {"sample": 1}, {"test": 1}, {"round": 1})]
    seeds = {dataclasses.replace(CHAT, seed=seed).body(q)["seed"] for seed in (0, 1) for q in questions}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**31 for seed in seeds)


def reply(endpoint, value, status=200, headers=None):
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return endpoint.read(status, headers or {}, content, QUESTION)


def test_a_reply_is_read():
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    chat = reply(CHAT, {"choices": [{"message": {"content": "0 0"}, "finish_reason": "stop"}], "usage": usage})
    completion = reply(COMPLETIONS, {"choices": [{"text": "0 0", "finish_reason": "stop"}], "usage": usage})
    assert chat == completion
    assert dataclasses.asdict(chat) == {"text": "0 0", "finish_reason": "stop", "estimated": False, **usage}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": [{"type": "text", "text": "a"}, {"type": "image"}, {"text": "b"}]}, "ab"),
        ({"content": None, "reasoning": "..."}, ""),
        ({"content": ""}, ""),
        ({"content": "\ud800 half"}, "? half"),
        ({"content": f"my key is {KEY}"}, "my key is [key]"),
    ],
)
def test_unusual_contents(message, text):
    assert reply(CHAT, {"choices": [{"message": message, "finish_reason": "length"}]}).text == text


@pytest.mark.parametrize(
    "usage",
    [None, 3, {}, {"prompt_tokens": "7", "completion_tokens": 3}, {"prompt_tokens": -1, "completion_tokens": True}],
)
def test_tokens_that_the_server_does_not_count_are_estimated(usage):
    found = reply(CHAT, {"choices": [{"message": {"content": "12345"}}], "usage": usage})
    assert (found.prompt_tokens, found.completion_tokens, found.estimated) == (4, 3, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "text", "usage", "error", "prompt_tokens"]), inner
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(JSON, st.sampled_from([200, 429, 500, 400, 401, 404, 301]))
def test_a_response_of_any_shape_is_a_reply_or_one_of_three_errors(value, status):
    for endpoint in (CHAT, COMPLETIONS):
        with suppress(TryAgainError, RefusedError, UserError):
            assert isinstance(reply(endpoint, value, status).text, str)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"choices": [', b"1" * 10_000])
def test_garbage_is_asked_again(content):
    with pytest.raises(TryAgainError, match="without a text"):
        reply(CHAT, content)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_asked_again(status):
    with pytest.raises(TryAgainError, match=f"answers {status}, 'busy'"):
        reply(CHAT, {"error": {"message": "busy\nlines"}}, status)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_wrong_with_one_question_is_a_refusal(status):
    with pytest.raises(RefusedError, match="too long"):
        reply(CHAT, {"detail": "too long"}, status)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, "the environment variable OPENAI_API_KEY"),
        (403, "is not accepted"),
        (404, "usually ending in /v1"),
        (402, "credit"),
        (307, "redirects"),
    ],
)
def test_what_is_wrong_with_all_questions_ends_the_command(status, expected):
    with pytest.raises(UserError, match=expected):
        reply(CHAT, {}, status)


def test_no_credit_is_not_waited_for():
    with pytest.raises(UserError, match="expected credit for m"):
        reply(CHAT, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, 429)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        ("-3", 0, 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0),
    ],
)
def test_retry_after_has_seconds_or_a_date(value, low, high):
    with pytest.raises(TryAgainError) as caught:
        reply(CHAT, {}, 429, {"retry-after": value})
    assert low <= caught.value.wait <= high


def test_a_date_to_come_is_waited_for():
    with pytest.raises(TryAgainError) as caught:
        reply(CHAT, {}, 429, {"retry-after": email.utils.formatdate(time.time() + 500, usegmt=True)})
    assert 0 < caught.value.wait <= 500


@pytest.mark.parametrize("value", ["", "soon", "nan", "Thu, 99 Xxx"])
def test_an_unusable_retry_after_is_none(value):
    with pytest.raises(TryAgainError) as caught:
        reply(CHAT, {}, 503, {"retry-after": value})
    assert caught.value.wait is None


@pytest.mark.parametrize("value", ["3600", "inf", email.utils.formatdate(2**33)])
def test_a_wait_of_an_hour_ends_the_command(value):
    with pytest.raises(UserError, match="asks to wait"):
        reply(CHAT, {}, 429, {"retry-after": value})


@pytest.mark.parametrize("status", [401, 400, 404, 429, 500])
def test_a_server_that_repeats_the_key_does_not_get_it_shown(status):
    with pytest.raises((TryAgainError, RefusedError, UserError)) as caught:
        reply(CHAT, {"error": {"message": f"Incorrect API key provided: {KEY}"}}, status)
    assert KEY not in str(caught.value)
    assert "[key]" in str(caught.value)


def test_a_placeholder_for_a_key_stays_in_answers():
    endpoint = dataclasses.replace(CHAT, key="1")
    assert reply(endpoint, {"choices": [{"message": {"content": "1 1"}}]}).text == "1 1"
