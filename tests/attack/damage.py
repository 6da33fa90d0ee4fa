"""Damage to bytes, and hostile values: seeded, so that a finding can be made again from its seed and number."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

LINE_ENDS = ["\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"]
HOSTILE_TEXTS = [
    "",
    " ",
    "\0",
    "\x1b[2J\x1b[31m",
    "a\nerror: b",
    "\u202egrid",
    "\ud800",
    "x" * 100_000,
    "../../etc/passwd",
    "$(id)",
    "<script>alert(1)</script>",
    "é" * 300,
    "\u2028",
]
HOSTILE_NUMBERS = [-1, 10, 1 << 31, 1 << 64, 10**300, 0.5, -0.0, 1e308, float("inf"), float("nan")]


def hostile_value(rng: Random) -> Any:
    """Return a JSON value that has no business anywhere."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(HOSTILE_NUMBERS)
    if kind == 1:
        return rng.choice(HOSTILE_TEXTS)
    if kind == 2:
        return rng.choice([None, True, False, [], {}, [[]], [{}]])
    if kind == 3:
        value: Any = 1
        for _ in range(rng.choice([3, 200])):
            value = [value] if rng.random() < 0.5 else {"a": value}
        return value
    if kind == 4:
        return {rng.choice(HOSTILE_TEXTS): rng.choice(HOSTILE_NUMBERS)}
    return [rng.choice(HOSTILE_NUMBERS)] * rng.choice([1, 31, 1000])


def damage(content: bytes, rng: Random) -> bytes:
    """Return the bytes with one fault, as a disk, a network, an editor or an enemy makes it."""
    place, length = rng.randrange(len(content) + 1), len(content)
    kinds: list[Callable[[], bytes]] = [
        lambda: b"",
        lambda: content[:place],
        lambda: flip(content, rng),
        lambda: content[:place] + rng.randbytes(rng.choice([1, 4, 100])) + content[place:],
        lambda: content[:place] + bytes(min(512, length - place)) + content[place + 512 :],
        lambda: content + content[:place],
        lambda: content[place:],
        lambda: content.replace(b"\n", rng.choice(LINE_ENDS).encode()),
        lambda: b"\xef\xbb\xbf" + content,
        lambda: content.decode("utf-8", "replace").encode("utf-16"),
        lambda: content.replace(b"1", b"9" * 5000, 1),
        lambda: content[:place] + rng.choice([b"[" * 20_000, b"(" * 20_000, b"{" * 20_000]) + content[place:],
        lambda: content[:place] + rng.choice(HOSTILE_TEXTS).encode("utf-8", "surrogatepass") + content[place:],
    ]
    return rng.choice(kinds)()


def flip(content: bytes, rng: Random) -> bytes:
    """Return the bytes with one bit turned."""
    if not content:
        return content
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def change_json(content: bytes, rng: Random) -> bytes:
    """Return the JSON with one part replaced, removed or repeated."""
    value = json.loads(content)
    parents = [node for node in _nodes(value) if isinstance(node, dict | list) and node]
    node = rng.choice(parents)
    key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
    match rng.randrange(3):
        case 0:
            del node[key]
        case 1 if isinstance(node, list):
            node += [node[key]] * rng.choice([1, 40])
        case _:
            node[key] = hostile_value(rng)
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _nodes(value: Any) -> list[Any]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(node for part in parts for node in _nodes(part))]


PLACES = ["pipe", "folder", "loop", "dangling", "endless", "memory", "sparse"]


def place(kind: str, path: Path) -> None:
    """Make at a path what is no file to be read."""
    path.unlink(missing_ok=True)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path.name)
        case "dangling":
            path.symlink_to("nowhere")
        case "endless":
            path.symlink_to("/dev/zero")
        case "memory":
            path.symlink_to("/proc/self/mem")
        case "sparse":
            with open(path, "wb") as file:
                file.truncate(1 << 40)


def remove(path: Path) -> None:
    """Remove what `place` has put there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
