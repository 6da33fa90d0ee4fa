"""An endpoint of the OpenAI kind: where it is, what is sent there, and what its responses mean.

Nothing here waits or opens a connection: `asking` does. Whatever a server sends is untrusted: bounded, checked, and
freed of the key before anything is kept or shown.
"""

import email.utils
import hashlib
import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from codeit_jax.config.errors import UserError, shown
from codeit_jax.prediction.questions import Question, estimated_tokens

Api = Literal["chat", "completions"]

MAX_BODY_BYTES = 4 << 20
"""The largest response that is read; 30 x 30 cells with a long reasoning have a hundredth of it."""

MAX_RETRY_AFTER_SECONDS = 600.0
"""The longest wait that a server may ask for; after that the same command can be given again."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PATHS: Mapping[Api, str] = {"chat": "/chat/completions", "completions": "/completions"}
# Too many requests, too busy, too slow: the same request may succeed later. 529 is what some say for "overloaded".
_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
# This request is wrong, e.g. longer than the model's window; others may be right.
_REFUSED = {400, 413, 422}
_SECRET_CHARACTERS = 8  # shorter keys are placeholders such as `EMPTY`, and may well be part of an answer
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_URL = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?(?:/[\x21-\x7e]*)?")
_MAX_TOKENS = 10**9
_MAX_SAID = 200  # characters of a server's message; those about a model's window need more than a line of values


class TryAgainError(Exception):
    """No answer this time; the same request may get one later.

    Args:
        reason: one line.
        wait: seconds that the server asks to wait; None if it doesn't say.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class RefusedError(Exception):
    """The server refuses this request for good: its one-line reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A usable response; the attributes are those of `Answer`."""

    text: str
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    estimated: bool


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A model behind an endpoint.

    Attributes:
        base_url: of the API, usually ending in `/v1`; checked by `checked_url`.
        model: its name there.
        api: `chat` sends messages, `completions` one text to continue.
        temperature: of the draws.
        max_tokens: of an answer.
        fields: further fields of a request, which win over ours; None leaves a field out.
        seed: with the question it decides the `seed` that a request asks for.
        key: sent as a bearer token; "" for none.
        key_name: of the environment variable that the key is from, for messages.
    """

    base_url: str
    model: str
    api: Api = "chat"
    temperature: float = 0.0
    max_tokens: int = 4096
    fields: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    # Not in the repr, which a traceback or a log may show.
    key: str = field(default="", repr=False)
    key_name: str = "OPENAI_API_KEY"

    @property
    def url(self) -> str:
        """Return where requests go."""
        return self.base_url.rstrip("/") + _PATHS[self.api]

    def headers(self) -> dict[str, str]:
        """Return the headers of a request, the key among them."""
        # Not compressed: a few bytes can't unfold to gigabytes then.
        common = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "codeit-jax"}
        return common | ({"Authorization": f"Bearer {self.key}"} if self.key else {})

    def body(self, question: Question) -> dict[str, Any]:
        """Return the JSON object of a request."""
        if self.api == "chat":
            asked: dict[str, Any] = {"messages": [{"role": m.role, "content": m.content} for m in question.messages]}
        else:
            # Ends where the model would begin the next pair of grids, which nobody reads.
            asked = {"prompt": "\n\n".join(message.content for message in question.messages), "stop": ["input"]}
        ours = {
            "model": self.model,
            **asked,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            # Servers that can draw reproducibly do so by this; a draw doesn't depend on the others.
            "seed": _draw_seed(self.seed, question),
            # Said, for some servers stream unless they are told.
            "stream": False,
        }
        return {name: value for name, value in (ours | dict(self.fields)).items() if value is not None}

    def read(self, status: int, headers: Mapping[str, str], content: bytes, question: Question) -> Reply:
        """Return what a response says.

        Args:
            status: the HTTP status.
            headers: the response's, by lower-case name.
            content: the whole body.
            question: that was asked.

        Raises:
            TryAgainError: busy, limited, or not a response of this protocol.
            RefusedError: this question can't be answered.
            UserError: no question can be: wrong key, model or address, or no credit left.
        """
        try:
            # Whatever the status: errors are objects, too.
            value = json.loads(content)
        except (ValueError, RecursionError):
            value = None
        if status == 200:
            return self._read_reply(value, question)
        # Quoted: a server's text must not move a terminal's cursor.
        said = self.cleaned(_error_text(value))[:_MAX_SAID]
        answer = f"{self.base_url}: answers {status}" + (f", {said!r}" if said else "")
        # The one "too many requests" that no waiting helps.
        if status == 429 and "insufficient_quota" in content.decode("utf-8", "replace"):
            raise UserError(f"{answer}; expected credit for {self.model}")
        if status in _PASSING:
            raise TryAgainError(answer, _retry_after(headers, answer))
        if status in _REFUSED:
            raise RefusedError(answer)
        raise UserError(f"{answer}; expected {self._expected(status)}")

    def cleaned(self, text: str) -> str:
        """Return a server's text without the key, should it repeat it, and as valid Unicode."""
        # JSON can spell half a surrogate pair, which no later request could be encoded with.
        text = text.encode("utf-8", "replace").decode("utf-8")
        return text.replace(self.key, "[key]") if len(self.key) >= _SECRET_CHARACTERS else text

    def _read_reply(self, value: object, question: Question) -> Reply:
        choice = _at(value, "choices", 0)
        finish_reason = _at(choice, "finish_reason")
        text = _content(_at(choice, "message", "content") if self.api == "chat" else _at(choice, "text"))
        # Null where a model spent all its tokens on reasoning: that is paid for, and asking again gives no more.
        if text is None and isinstance(finish_reason, str) and isinstance(_at(choice, "message"), dict):
            text = ""
        if text is None:
            raise TryAgainError(f"{self.base_url}: answers 200 without a text, expected one of a model")
        text = self.cleaned(text)
        counts = [_at(value, "usage", name) for name in ("prompt_tokens", "completion_tokens")]
        estimated = not all(type(count) is int and 0 <= count <= _MAX_TOKENS for count in counts)
        if estimated:
            counts = [estimated_tokens(question.num_characters), estimated_tokens(len(text))]
        return Reply(
            text=text,
            finish_reason=self.cleaned(finish_reason)[:40] if isinstance(finish_reason, str) else None,
            prompt_tokens=counts[0],
            completion_tokens=counts[1],
            estimated=estimated,
        )

    def _expected(self, status: int) -> str:
        if status in (401, 403):
            given = "is not accepted" if self.key else "is unset or empty"
            return f"the endpoint's key in the environment variable {self.key_name}, which {given}"
        if status == 402:
            return f"credit for {self.model}"
        if 300 <= status < 400:
            return "the final address: redirects aren't followed, since a key would go along"
        return f"the base of an API with {_PATHS[self.api]}, usually ending in /v1, and the name of a model there"


def checked_url(url: str, *, has_key: bool) -> str:
    """Return an endpoint's address as it may be used and written down.

    Args:
        url: as the user gave it.
        has_key: whether a key will be sent.

    Raises:
        UserError: not an address, one that carries a secret, or one where the key would travel in the open.
    """
    # First, and before anything is shown: what stands in front of an `@`, or behind a `?`, may be a secret.
    if any(character in url for character in "@?#"):
        raise UserError("--endpoint: found a user name, query or fragment, expected https://HOST/v1 alone")
    try:
        parts = urlsplit(url)
        is_address = bool(_URL.fullmatch(url)) and parts.port != 0
    except ValueError:  # a port above 65535, or no IPv6 address between the brackets
        is_address = False
    if not is_address:
        raise UserError(f"--endpoint: found {shown(url)}, expected an address such as https://HOST/v1")
    if any(parts.path.rstrip("/").endswith(path) for path in _PATHS.values()):
        raise UserError(f"--endpoint: found {shown(url)}, expected the base before /chat/completions or /completions")
    if has_key and parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise UserError(
            f"--endpoint: found {shown(url)}, expected https, for a key would travel in the open; "
            "--key-env '' asks without a key"
        )
    return url


def checked_key(value: str, name: str) -> str:
    """Return a key that can stand in a header; a malformed one is never shown.

    Raises:
        UserError: it has blanks, line breaks or characters outside ASCII.
    """
    key = value.strip()
    if key and not _VISIBLE.fullmatch(key):
        raise UserError(f"the environment variable {name}: expected a key of printable ASCII characters without blanks")
    return key


def _draw_seed(seed: int, question: Question) -> int:
    text = repr((seed, *question.key)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "little") >> 1  # a positive int32


def _retry_after(headers: Mapping[str, str], answer: str) -> float | None:
    """Return the seconds of a Retry-After header, which has a number or a date; None without a usable one."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    if math.isnan(seconds):
        return None
    if seconds > MAX_RETRY_AFTER_SECONDS:
        raise UserError(f"{answer}, and asks to wait {seconds:.0f} s, expected {MAX_RETRY_AFTER_SECONDS:.0f} at most")
    return max(0.0, seconds)


def _at(value: object, *path: str | int) -> Any:
    """Return what is at a path of keys and places in a decoded value; None where there is no such thing."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _content(value: object) -> str | None:
    """Return a message's text, which may come in parts; None if there is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(text for part in value if isinstance(text := _at(part, "text"), str))
    return None


def _error_text(value: object) -> str:
    """Return the first line of an error's message, wherever servers put it."""
    for path in (("error", "message"), ("error",), ("message",), ("detail",)):
        found = _at(value, *path)
        if isinstance(found, str):
            return found.strip().partition("\n")[0]
    return ""
