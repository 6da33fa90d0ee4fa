"""One file over https, checked and moved into place when it is whole."""

import hashlib
import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from codeit_jax.config.errors import StorageError, UserError

# For connecting and for each read, not for the whole file: weights of gigabytes may take hours.
_TIMEOUT_SECONDS = 60.0
_CHUNK = 1 << 20
# Plain http to this machine is what the tests' server speaks; nobody else can listen there.
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def read_url(url: str, *, max_bytes: int, accept: str = "*/*") -> bytes:
    """Return the content of a short response.

    Raises:
        UserError: no connection, an HTTP error, or more than `max_bytes`.
    """
    with _opened(url, accept) as response:
        # Content-Length may be absent or wrong: one byte too many tells as well.
        content = response.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise UserError(f"{url}: more than {max_bytes} bytes, expected a short response")
    return content


def download(url: str, path: Path, *, max_bytes: int, advance: Callable[[int, int], None]) -> str:
    """Download a URL to `path.part` and return its SHA-256 in hex; `keep` or `discard` comes next.

    Args:
        url: https, or http on this machine.
        path: where the file will be.
        max_bytes: largest size; more is an error before the disk is full.
        advance: called with the bytes done and the bytes in total.

    Raises:
        UserError: no connection, an HTTP error, or a file that is too large or incomplete.
        StorageError: the disk is full or can't be written.
    """
    # Hashed as it comes, so that gigabytes aren't read a second time.
    sha, done = hashlib.sha256(), 0
    with _opened(url) as response:
        # 0 where the server doesn't say; then the digest alone tells a whole file from a part.
        total = int(response.headers.get("Content-Length") or 0)
        # An OSError in here is the disk's: `_read` turns the connection's into UserErrors.
        try:
            # A new file: a leftover, or a link that somebody put there to another one, isn't written into.
            discard(path)
            with open(_part(path), "xb") as file:
                while chunk := _read(response, url):
                    done += len(chunk)
                    if max(done, total) > max_bytes:
                        raise UserError(f"{url}: {max(done, total)} bytes or more, expected at most {max_bytes}")
                    sha.update(chunk)
                    file.write(chunk)
                    advance(done, max(done, total))
                # Before `keep` renames it: after a power cut a name must not stand for a file of zeros.
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(f"{path}: can't be written ({error.strerror})") from None
    if total and done != total:
        raise UserError(f"{url}: ended after {done} of {total} bytes, expected all; try again")
    return sha.hexdigest()


def keep(path: Path) -> None:
    """Move a downloaded file into place.

    Raises:
        StorageError: the disk can't be written.
    """
    try:
        os.replace(_part(path), path)
    except OSError as error:
        raise StorageError(f"{path}: can't be written ({error.strerror})") from None


def discard(path: Path) -> None:
    """Remove what was downloaded and not kept, if anything."""
    _part(path).unlink(missing_ok=True)


def _part(path: Path) -> Path:
    # In the same folder: `keep` is a rename, which is atomic within one file system only.
    return path.with_name(path.name + ".part")


def _check_scheme(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UserError(f"{url[:100]}: not https, expected an encrypted connection")


class _StaysEncrypted(urllib.request.HTTPRedirectHandler):
    # urllib follows a redirect from https to http or ftp without a word.
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def _opened(url: str, accept: str = "*/*") -> Iterator[http.client.HTTPResponse]:
    _check_scheme(url)
    # GitHub refuses requests without a user agent.
    request = urllib.request.Request(url, headers={"User-Agent": "codeit-jax", "Accept": accept})
    try:
        with urllib.request.build_opener(_StaysEncrypted).open(request, timeout=_TIMEOUT_SECONDS) as response:
            yield response
    except urllib.error.HTTPError as error:
        raise UserError(f"{url}: the server answers {error.code} ({error.reason}), expected the file") from None
    # HTTPError is a URLError, so its clause comes first; a read in the caller's `with` can raise the others, too.
    except (urllib.error.URLError, ssl.SSLError, TimeoutError, http.client.HTTPException, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"{url}: no connection ({reason}), expected access to the network") from None


def _read(response: http.client.HTTPResponse, url: str) -> bytes:
    try:
        return response.read(_CHUNK)
    # Timeouts and resets are OSErrors; a body shorter than announced is an HTTPException, often without a text.
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"{url}: the connection broke ({error or type(error).__name__}); try again") from None
