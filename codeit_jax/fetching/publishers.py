"""Where the published files are: which ones exist at a commit, and their URLs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from codeit_jax.config.errors import UserError
from codeit_jax.fetching.download import read_url

HUB = "https://huggingface.co"
"""The Hugging Face hub."""

GITHUB_API = "https://api.github.com"
"""Where GitHub says which commit a branch names."""

GITHUB_FILES = "https://raw.githubusercontent.com"
"""Where GitHub has files without its pages around them."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
# A revision becomes part of a URL: no `?`, no `#`, and (see _checked_revision) no `..`.
_REVISION = re.compile(r"[\w.][\w./-]*")
# Bytes: a tokenizer's largest file has about 1 MB, the 770M weights 3 GB.
_SHORT = 8 << 20
_WEIGHTS = 8 << 30
# In the order of preference: safetensors is read without unpickling.
_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
_TEXT_FILES = ("config.json", "vocab.json", "merges.txt")


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file at a commit.

    Attributes:
        name: file name, without folders.
        url: where it is.
        max_bytes: a larger file is refused.
        sha256: digest in hex, if it is known in advance or announced by the publisher.
    """

    name: str
    url: str
    max_bytes: int
    sha256: str | None = None


class Publisher(Protocol):
    """A repository that files can be fetched from."""

    @property
    def repository(self) -> str:
        """Owner and name."""
        ...

    @property
    def revision(self) -> str:
        """What is fetched by default: a branch, tag or commit."""
        ...

    def commit(self, revision: str) -> str:
        """Return the commit, 40 hex digits, that a branch, tag or commit names now."""
        ...

    def files(self, commit: str) -> list[RemoteFile]:
        """Return the files to fetch."""
        ...


@dataclass(frozen=True)
class HubModel:
    """A T5 checkpoint on the Hugging Face hub.

    Attributes:
        repository: owner and name.
        revision: what is fetched by default.
        sha256: digests of files at that revision, as far as they are known here.
    """

    repository: str
    revision: str = "main"
    sha256: Mapping[str, str] = field(default_factory=dict)

    def commit(self, revision: str) -> str:
        """Return the commit that the hub gives for a revision."""
        return _checked_commit(self._describe(revision).get("sha"), self.repository, revision)

    def files(self, commit: str) -> list[RemoteFile]:
        """Return configuration, tokenizer and one file of weights, safetensors if there is one."""
        # The listing is that of the commit: on the branch, files may have come and gone since.
        listed = {entry.get("rfilename"): entry for entry in self._describe(commit).get("siblings", [])}
        weights = [name for name in _WEIGHT_FILES if name in listed][:1]
        missing = [name for name in _TEXT_FILES if name not in listed]
        if missing or not weights:
            lacks = ", ".join(missing) or " and ".join(_WEIGHT_FILES)
            raise UserError(f"{self.repository} at {commit}: has no {lacks}, expected a checkpoint with its tokenizer")
        # Digests known here belong to one commit; at others the hub's own are all there is.
        known = self.sha256 if commit == self.revision else {}
        # The hub has digests of large files (lfs) only; for the small ones the commit itself has to do.
        return [
            RemoteFile(
                name=name,
                url=f"{HUB}/{self.repository}/resolve/{commit}/{name}",
                max_bytes=_WEIGHTS if name in weights else _SHORT,
                sha256=known.get(name) or (listed[name].get("lfs") or {}).get("sha256"),
            )
            for name in (*_TEXT_FILES, *weights)
        ]

    def _describe(self, revision: str) -> dict[str, Any]:
        url = f"{HUB}/api/models/{self.repository}/revision/{_checked_revision(revision)}?blobs=true"
        try:
            description = json.loads(read_url(url, max_bytes=_SHORT))
        except (ValueError, RecursionError):
            description = None
        if not isinstance(description, dict):
            raise UserError(f"{url}: the response is not a JSON object, expected the hub's description of a model")
        return description


@dataclass(frozen=True)
class GithubFile:
    """One file of a repository on GitHub.

    Attributes:
        repository: owner and name.
        path: of the file in the repository.
        revision: what is fetched by default.
    """

    repository: str
    path: str
    revision: str

    def commit(self, revision: str) -> str:
        """Return the commit that GitHub gives for a revision; a full commit is taken as it is."""
        # Without asking: GitHub's interface allows few requests an hour from one address.
        if _COMMIT.fullmatch(revision):
            return revision
        url = f"{GITHUB_API}/repos/{self.repository}/commits/{_checked_revision(revision)}"
        # With this media type the response is the commit's 40 digits and nothing else.
        sha = read_url(url, max_bytes=100, accept="application/vnd.github.sha")
        return _checked_commit(sha.decode("ascii", "replace").strip(), self.repository, revision)

    def files(self, commit: str) -> list[RemoteFile]:
        """Return the one file."""
        url = f"{GITHUB_FILES}/{self.repository}/{commit}/{self.path}"
        return [RemoteFile(name=self.path, url=url, max_bytes=_SHORT)]


PUBLISHED: dict[str, Publisher] = {
    "codet5-small": HubModel(
        "Salesforce/codet5-small",
        revision="a642dc934e5475185369d09ac07091dfe72a31fc",
        sha256={"pytorch_model.bin": "968fb0f45e1efc8cf3dd50012d1f82ad82098107cbadde2c0fdd8e61bac02908"},
    ),
    # No digests here: the commit is pinned, and it fixes those that the hub announces.
    "codet5p-220m": HubModel("Salesforce/codet5p-220m", revision="bcef69c847f3218e9f980baadad708efdffb2541"),
    "codet5p-770m": HubModel("Salesforce/codet5p-770m"),
    "solvers.py": GithubFile("michaelhodel/arc-dsl", "solvers.py", "635de4902a5fb4e376f27333feaa396d3f5dfdcb"),
}
"""What `fetch` knows, by the user's name for it."""


def _checked_revision(revision: str) -> str:
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise UserError(f"the revision is {revision[:80]!r}, expected a branch, a tag or a commit")
    return revision


def _checked_commit(commit: Any, repository: str, revision: str) -> str:
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise UserError(f"{repository}: {revision} names {str(commit)[:80]!r}, expected a commit of 40 hex digits")
    return commit
