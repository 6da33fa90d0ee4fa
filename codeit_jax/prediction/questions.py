"""What is asked, and what came back: one question, one line of answers.jsonl."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

QuestionKey = tuple[str, int, int, int]
"""Task id, place of the test, number of the sample, repair round: what an answer belongs to."""

WHOLE_TASK = -1
"""In place of a test where one answer is for all of a task: a program."""

_CHARACTERS_PER_TOKEN = 2  # of grids as digits and blanks, and of program text; where a server doesn't count


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: `user` or `assistant`.
        content: the text.
    """

    role: str
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One request to a model.

    Attributes:
        task_id: the task.
        test: place of the test whose output is asked for; `WHOLE_TASK` for a program.
        sample: number of the sample, from 0.
        round: 0, or the repair round, from 1.
        messages: the conversation so far; the last one is the user's.
    """

    task_id: str
    test: int
    sample: int
    round: int = 0
    messages: tuple[Message, ...]

    @property
    def key(self) -> QuestionKey:
        """Return what tells the questions of a job apart."""
        return self.task_id, self.test, self.sample, self.round

    @property
    def num_characters(self) -> int:
        """Return the length of all messages."""
        return sum(len(message.content) for message in self.messages)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model answered, or why its server refused to.

    Attributes:
        task_id, test, sample, round: those of the question.
        text: what the model wrote; None where the server refused.
        refusal: what the server said instead, one line.
        finish_reason: why the text ends, in the server's words: `stop`, `length`, ...
        prompt_tokens, completion_tokens: as the server counts them; 0 for a refusal, which nobody charges for.
        estimated: the server didn't: one token for every two characters.
        requests: sent until there was an answer.
        t_seconds: from the first request to the answer, waits included.
    """

    task_id: str
    test: int
    sample: int
    round: int
    text: str | None = None
    refusal: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    requests: int = 1
    t_seconds: float = 0.0

    @property
    def key(self) -> QuestionKey:
        """Return the question's key."""
        return self.task_id, self.test, self.sample, self.round

    @property
    def tokens(self) -> int:
        """Return the tokens of prompt and completion."""
        return self.prompt_tokens + self.completion_tokens

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Answer":
        """Read a line of answers.jsonl.

        Raises:
            TypeError: it isn't one.
        """
        return cls(**row)

    def to_row(self) -> dict[str, Any]:
        """Return the line for answers.jsonl."""
        return asdict(self)


def estimated_tokens(num_characters: int) -> int:
    """Return how many tokens a text is taken for where the server doesn't say."""
    return -(-num_characters // _CHARACTERS_PER_TOKEN)
