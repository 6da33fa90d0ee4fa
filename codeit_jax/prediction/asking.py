"""Asking many questions at once: retries with back-off, rate limits, time-outs, a budget; stopped at any time."""

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import httpx2

from codeit_jax.config.errors import CodeitError, UserError, first_line
from codeit_jax.prediction.endpoint import MAX_BODY_BYTES, Endpoint, RefusedError, Reply, TryAgainError
from codeit_jax.prediction.questions import Answer, Question

FIRST_WAIT_SECONDS = 1.0
"""Between the first two tries; it doubles with each further one."""

MAX_WAIT_SECONDS = 60.0
"""Between two tries, unless the server asks for more."""

GIVE_UP_AFTER = 5
"""Questions in a row without an answer, after which the endpoint is taken for broken; and refusals before the first."""

_CONNECT_SECONDS = 30.0
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How to ask.

    Attributes:
        concurrency: requests under way at once.
        tries: requests for one question at most.
        timeout_seconds: for one request, from connecting to the last byte.
        requests_per_minute: at most so many are sent; None for no limit of ours.
        budget: tokens of prompts and completions; when they are spent, nothing more is sent. None for no limit.
        seed: decides the jitter of the waits.
    """

    concurrency: int = 8
    tries: int = 6
    timeout_seconds: float = 600.0
    requests_per_minute: float | None = None
    budget: int | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How asking ended.

    Attributes:
        unanswered: questions given up after all tries, for now.
        last_failure: why the last of them was; "" if none was.
        is_spent: the budget ended it, with questions left.
    """

    unanswered: int
    last_failure: str
    is_spent: bool


def ask(
    questions: Sequence[Question],
    endpoint: Endpoint,
    terms: Terms,
    *,
    spent: int,
    is_known: bool,
    keep: Callable[[Answer], None],
    advance: Callable[[int, int], None],
) -> Asked:
    """Ask questions, and hand over each answer as soon as it is there.

    Args:
        questions: begun in this order; answers come in any.
        endpoint: whom to ask.
        terms: how to ask.
        spent: tokens of the budget that are spent already.
        is_known: the endpoint has answered questions of this job before, so that a refusal is about its question.
        keep: called with each answer, a refusal too; never while another call of it runs.
        advance: called with answers and questions in all.

    Raises:
        UserError: the endpoint can't be reached, or answers no question: wrong key, model or address. Requests that are
            under way then are waited for, and their answers kept.
        KeyboardInterrupt: on SIGINT, SIGTERM and SIGHUP. Requests that are under way are dropped.
    """
    if not questions:
        return Asked(unanswered=0, last_failure="", is_spent=False)
    before = {number: signal.getsignal(number) for number in _STOPPING}
    try:
        return asyncio.run(_Asking(questions, endpoint, terms, spent, is_known, keep, advance).run())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        # The event loop leaves the defaults behind.
        for number, handler in before.items():
            signal.signal(number, handler)


class _Asking:
    """The state of one call of `ask`; all of it is used by one thread."""

    def __init__(
        self,
        questions: Sequence[Question],
        endpoint: Endpoint,
        terms: Terms,
        spent: int,
        is_known: bool,
        keep: Callable[[Answer], None],
        advance: Callable[[int, int], None],
    ) -> None:
        self._questions = questions
        self._endpoint = endpoint
        self._terms = terms
        self._spent = spent
        self._is_known = is_known
        self._keep = keep
        self._advance = advance
        self._waiting: Iterator[Question] = iter(questions)
        self._next_request = 0.0  # on the loop's clock
        self._answered = 0
        self._refused: list[Answer] = []  # before the first answer
        self._unanswered = 0
        self._failed_in_a_row = 0
        self._last_failure = ""
        self._error: CodeitError | None = None
        self._over = asyncio.Event()

    async def run(self) -> Asked:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        # By the loop: a signal is seen where something is awaited, never while an answer is written.
        for number in _STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, task.cancel)
        limits = httpx2.Limits(max_connections=self._terms.concurrency)
        timeout = httpx2.Timeout(None, connect=_CONNECT_SECONDS)  # the whole is timed in `_post`
        async with (
            httpx2.AsyncClient(timeout=timeout, limits=limits, headers=self._endpoint.headers()) as self._client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(min(self._terms.concurrency, len(self._questions))):
                group.create_task(self._work())
        if self._refused and self._error is None:
            # Nothing was answered: what is wrong is most likely wrong with all requests.
            self._error = UserError(f"{self._refused[-1].refusal}; expected an answer to one question at least")
        if self._unanswered and not self._is_known and self._error is None:
            # Fewer questions than it takes to give up; but a result of nothing at all would look like one.
            self._error = UserError(f"{self._last_failure}; no question has an answer, expected one at least")
        if self._error is not None:
            raise self._error
        is_cut_short = self._answered + self._unanswered < len(self._questions)
        return Asked(unanswered=self._unanswered, last_failure=self._last_failure, is_spent=is_cut_short)

    @property
    def _is_over(self) -> bool:
        return self._error is not None or self._is_spent

    @property
    def _is_spent(self) -> bool:
        return self._terms.budget is not None and self._spent >= self._terms.budget

    async def _work(self) -> None:
        """Answer questions until there are none left, or a reason to stop."""
        while not self._is_over and (question := next(self._waiting, None)):
            try:
                answer = await self._answer(question)
                if answer is not None:
                    self._note(answer)
                elif not self._is_over:
                    self._note_failure()
            except CodeitError as error:
                # Not raised here: that would drop the other requests under way, which are paid for.
                self._error = error
            if self._is_over:
                self._over.set()

    async def _answer(self, question: Question) -> Answer | None:
        """Return the answer to a question; None if there is none after all tries."""
        start = time.monotonic()
        place = {"task_id": question.task_id, "test": question.test, "sample": question.sample, "round": question.round}
        # Of the question alone: what others wait changes nothing.
        rng = random.Random(repr((self._terms.seed, question.key)))
        for number in range(1, self._terms.tries + 1):
            await self._turn()
            if self._is_over:
                return None
            try:
                said = asdict(await self._request(question))
            except RefusedError as refusal:
                said = {"refusal": str(refusal)}
            except TryAgainError as failure:
                self._last_failure = str(failure)
                if number < self._terms.tries:
                    await self._pause(failure.wait, number, rng)
                continue
            return Answer.from_row(place | said | {"requests": number, "t_seconds": round(time.monotonic() - start, 3)})
        return None

    async def _request(self, question: Question) -> Reply:
        """Send a request once.

        Raises:
            TryAgainError, RefusedError, UserError: see `Endpoint.read`.
        """
        url = self._endpoint.base_url
        try:
            async with asyncio.timeout(self._terms.timeout_seconds):
                status, headers, content = await self._post(self._endpoint.body(question))
        except TimeoutError:
            raise TryAgainError(f"{url}: no answer in {self._terms.timeout_seconds:g} s") from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            # Later on a server may be starting again; before the first answer the address is likely wrong.
            if not self._answered:
                raise UserError(f"{url}: no connection ({_reason(error)}), expected a server") from None
            raise TryAgainError(f"{url}: no connection ({_reason(error)})") from None
        except httpx2.HTTPError as error:
            raise TryAgainError(f"{url}: the connection broke ({_reason(error)})") from None
        return self._endpoint.read(status, headers, content, question)

    async def _post(self, body: dict[str, object]) -> tuple[int, httpx2.Headers, bytes]:
        content = bytearray()
        async with self._client.stream("POST", self._endpoint.url, json=body) as response:
            async for chunk in response.aiter_bytes():
                content += chunk
                # Content-Length may be absent or wrong.
                if len(content) > MAX_BODY_BYTES:
                    raise TryAgainError(
                        f"{self._endpoint.base_url}: more than {MAX_BODY_BYTES} bytes, expected a short response"
                    )
            return response.status_code, response.headers, bytes(content)

    async def _turn(self) -> None:
        """Wait until a request may be sent."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next_request)
        rate = self._terms.requests_per_minute
        self._next_request = at + (60 / rate if rate else 0.0)
        await self._sleep(at - now)

    async def _pause(self, asked: float | None, number: int, rng: random.Random) -> None:
        """Wait after a failure: as long as the server asks, or twice as long after each try; always some more."""
        backoff = min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (number - 1))
        if asked is not None:
            # A limit is the key's, not this request's: nobody else asks before, either.
            self._next_request = max(self._next_request, asyncio.get_running_loop().time() + asked)
        # Spread, for requests that failed together would come back together.
        wait = backoff * rng.uniform(0.5, 1.0) if asked is None else asked + backoff * rng.uniform(0.0, 0.5)
        await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not for a time after which nothing will be sent."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    def _note(self, answer: Answer) -> None:
        self._failed_in_a_row = 0
        self._is_known = self._is_known or answer.text is not None
        if not self._is_known:
            self._refused.append(answer)
            if len(self._refused) >= GIVE_UP_AFTER:
                self._error = UserError(f"{answer.refusal}; expected an answer, found {GIVE_UP_AFTER} refusals")
            return
        # A refusal after an answer is about its question, e.g. one that is too long; so are those before, then.
        for kept in (*self._refused, answer):
            self._keep(kept)
            self._answered += 1
            self._spent += kept.tokens
        self._refused.clear()
        self._advance(self._answered, len(self._questions))

    def _note_failure(self) -> None:
        self._unanswered += 1
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= GIVE_UP_AFTER and self._error is None:
            self._error = UserError(
                f"{self._last_failure}; {GIVE_UP_AFTER} questions in a row have no answer after {self._terms.tries} "
                "tries each, expected one"
            )


def _reason(error: Exception) -> str:
    # Often without a text: then its name says what broke.
    return first_line(error) or type(error).__name__
