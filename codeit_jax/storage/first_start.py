"""How a run directory was begun: by which command, of which commit, where and when. Nothing depends on it."""

import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_GIT_SECONDS = 10  # on a slow file system; a run must not wait for its own commit's name


def first_start() -> dict[str, Any]:
    """Return `command`, `commit`, `host` and `started` of this process, as JSON values.

    `commit` is None unless the package is a checkout of its repository; `-dirty` ends one whose files were changed.
    """
    return {
        "command": shlex.join(["codeit-jax", *sys.argv[1:]]),
        "commit": _commit(Path(__file__).parents[2]),
        "host": socket.gethostname(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S%z"),
    }


def _commit(root: Path) -> str | None:
    # Not git's search upwards: an environment inside somebody's own repository would be taken for that.
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):  # no git, or a repository of another user
        return None
    return ended.stdout.strip() or None
