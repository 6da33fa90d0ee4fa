"""Contract and fault tests of `fetch` against a server on this machine: pins, digests, errors, no leftovers."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from codeit_jax.cli import main
from codeit_jax.fetching import publishers
from codeit_jax.fetching.pinned_files import LOCK_FILE
from codeit_jax.fetching.publishers import PUBLISHED, HubModel

COMMIT, NEWER = "a1" * 20, "b2" * 20
FILES = {
    "config.json": b'{"model_type": "t5"}',
    "vocab.json": b"{}",
    "merges.txt": b"#version: 0.2\n",
    "pytorch_model.bin": bytes(range(256)) * 20_000,
    "README.md": b"not wanted",
}
SOLVERS = b"def solve_67a3c6ac(I):\n    O = vmirror(I)\n    return O\n"
MODEL = "/Salesforce/codet5p-770m"


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Server(ThreadingHTTPServer):
    """Answers like the hub and GitHub do; tests change what it says."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.main = COMMIT
        self.files = dict(FILES)
        self.announced = {}
        self.asked = []
        self.redirect_to = None
        self.answers = {}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path):
        """Return the status and body of a path without its query."""
        if path in self.answers:
            return self.answers[path]
        if path.startswith(f"/api/models{MODEL}/revision/"):
            revision = path.rpartition("/")[2]
            names = [
                {"rfilename": name, "lfs": {"sha256": self.announced[name]} if name in self.announced else None}
                for name in self.files
            ]
            sha = self.main if revision == "main" else revision
            return 200, json.dumps({"sha": sha, "siblings": names}).encode()
        if path == "/repos/michaelhodel/arc-dsl/commits/main":
            return 200, self.main.encode()
        if path.startswith("/michaelhodel/arc-dsl/") and path.endswith("/solvers.py"):
            return 200, SOLVERS
        if path.startswith(f"{MODEL}/resolve/{self.main}/"):
            return 200, self.files[path.rpartition("/")[2]]
        return 404, b""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        if self.server.redirect_to is not None and "/resolve/" in path:
            self.send_response(302)
            self.send_header("Location", self.server.redirect_to + path.replace("/resolve/", "/stored/"))
            self.end_headers()
            return
        status, body = self.server.answer(path.replace("/stored/", "/resolve/"))
        cut = isinstance(body, tuple)
        body, length = body if cut else (body, len(body))
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        for name in ("HUB", "GITHUB_API", "GITHUB_FILES"):
            monkeypatch.setattr(publishers, name, running.url)
        yield running
        running.shutdown()
        thread.join()


def fetch(folder, *options, name="codet5p-770m"):
    return main(["fetch", name, str(folder), *options])


def refused(capsys, folder, *mentions, options=(), name="codet5p-770m", code=2):
    capsys.readouterr()
    assert fetch(folder, *options, name=name) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert captured.err.splitlines()[-1] == line
    for mention in mentions:
        assert mention in line, line
    return line


def names_in(folder):
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_a_model_and_its_lock_file(server, tmp_path, capsys):
    folder = tmp_path / "new" / "codet5p-770m"
    assert fetch(folder, "--json") == 0
    wanted = {name: content for name, content in FILES.items() if name != "README.md"}
    assert names_in(folder) == wanted.keys() | {LOCK_FILE}
    assert all((folder / name).read_bytes() == content for name, content in wanted.items())
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    digests = {name: digest(content) for name, content in wanted.items()}
    repository = "Salesforce/codet5p-770m"
    assert result == {"folder": str(folder), "repository": repository, "revision": COMMIT, "sha256": digests}
    lock = json.loads((folder / LOCK_FILE).read_text())
    assert lock == {
        "name": "codet5p-770m",
        "repository": repository,
        "revision": COMMIT,
        "sha256": digests,
        "complete": True,
    }


def test_safetensors_win(server, tmp_path):
    server.files["model.safetensors"] = b"safe"
    assert fetch(tmp_path / "m") == 0
    assert "pytorch_model.bin" not in names_in(tmp_path / "m")
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == b"safe"


def test_one_file_and_its_pin(server, tmp_path, capsys):
    assert fetch(tmp_path / "dsl", name="solvers.py") == 0
    assert digest(SOLVERS) in capsys.readouterr().out
    assert (tmp_path / "dsl" / "solvers.py").read_bytes() == SOLVERS
    assert server.asked == [f"/michaelhodel/arc-dsl/{PUBLISHED['solvers.py'].revision}/solvers.py"]
    pin = ["--revision", COMMIT, "--sha256", digest(SOLVERS)]
    server.asked.clear()
    assert fetch(tmp_path / "pinned", *pin, name="solvers.py") == 0
    assert server.asked == [f"/michaelhodel/arc-dsl/{COMMIT}/solvers.py"]


def test_the_second_fetch_verifies_and_needs_no_network(server, tmp_path, capsys, monkeypatch):
    assert fetch(tmp_path / "m") == 0
    first = capsys.readouterr().out
    server.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch(tmp_path / "m") == 0
    assert server.asked == []
    assert capsys.readouterr().out == first
    (tmp_path / "m" / "vocab.json").write_text('{"a": 0}')
    refused(capsys, tmp_path / "m", "vocab.json", "remove it")


def test_a_lost_file_comes_again_from_the_same_commit(server, tmp_path, capsys):
    assert fetch(tmp_path / "m") == 0
    (tmp_path / "m" / "vocab.json").unlink()
    server.answers[f"/api/models{MODEL}/revision/main"] = (500, b"not asked")
    server.asked.clear()
    assert fetch(tmp_path / "m") == 0
    assert server.asked == [f"/api/models{MODEL}/revision/{COMMIT}", f"{MODEL}/resolve/{COMMIT}/vocab.json"]
    (tmp_path / "m" / "vocab.json").unlink()
    server.files["vocab.json"] = b"moved on"
    refused(capsys, tmp_path / "m", "vocab.json", digest(b"moved on"), digest(b"{}"))
    assert names_in(tmp_path / "m") == {"config.json", "merges.txt", "pytorch_model.bin", LOCK_FILE}


def test_a_fetch_that_broke_off_goes_on_with_its_commit(server, tmp_path, capsys):
    whole = server.files["pytorch_model.bin"]
    server.answers[f"{MODEL}/resolve/{COMMIT}/pytorch_model.bin"] = (200, (whole[:5000], len(whole)))
    refused(capsys, tmp_path / "m", f"5000 of {len(whole)} bytes")
    assert names_in(tmp_path / "m") == {"config.json", "vocab.json", "merges.txt", LOCK_FILE}
    server.answers.clear()
    server.answers[f"/api/models{MODEL}/revision/main"] = (200, json.dumps({"sha": NEWER}).encode())
    assert fetch(tmp_path / "m") == 0
    assert json.loads((tmp_path / "m" / LOCK_FILE).read_text())["revision"] == COMMIT


@pytest.mark.parametrize(
    ("options", "mention"),
    [
        (["--sha256", "0" * 64], "expected FILE="),
        (["--sha256", "vocab.json=12"], "expected FILE="),
        (["--sha256", "other.txt=" + "0" * 64], "has no file other.txt"),
        (["--sha256", "vocab.json=" + "0" * 64], "expected is 000"),
        (["--revision", "../../etc"], "expected a branch"),
        (["--revision", "a b"], "expected a branch"),
        (["--revision", "-x"], ""),
    ],
)
def test_a_wrong_pin_is_one_line(server, tmp_path, capsys, options, mention):
    if options[-1] == "-x":
        options = ["--revision=-x"]
    refused(capsys, tmp_path / "m", mention, options=options)


def test_the_publishers_own_digest_is_checked(server, tmp_path, capsys):
    server.announced["pytorch_model.bin"] = "0" * 64
    refused(capsys, tmp_path / "m", "announced by its publisher")
    server.announced["pytorch_model.bin"] = digest(FILES["pytorch_model.bin"])
    assert fetch(tmp_path / "m") == 0


def test_a_pinned_digest_holds_at_its_commit_only(server, tmp_path, monkeypatch, capsys):
    pinned = HubModel(MODEL[1:], revision=COMMIT, sha256={"pytorch_model.bin": "0" * 64})
    monkeypatch.setitem(PUBLISHED, "codet5p-770m", pinned)
    server.announced["pytorch_model.bin"] = digest(FILES["pytorch_model.bin"])
    refused(capsys, tmp_path / "m", "or pinned is " + "0" * 64)
    server.main = NEWER
    assert fetch(tmp_path / "n", "--revision", "main") == 0


def test_what_is_pinned_is_a_commit_and_digests():
    models = [publisher for publisher in PUBLISHED.values() if isinstance(publisher, HubModel)]
    assert all(len(bytes.fromhex(model.revision)) == 20 for model in models if model.revision != "main")
    assert all(len(bytes.fromhex(digest)) == 32 for model in models for digest in model.sha256.values())


def test_another_commit_or_name_than_the_lock_files_is_one_line(server, tmp_path, capsys):
    assert fetch(tmp_path / "m") == 0
    refused(capsys, tmp_path / "m", COMMIT, NEWER, options=["--revision", NEWER])
    refused(capsys, tmp_path / "m", "holds codet5p-770m", name="codet5p-220m")
    refused(capsys, tmp_path / "m", digest(b"{}"), options=["--sha256", "vocab.json=" + "0" * 64])


@pytest.mark.parametrize("lock", ["", "[]", "{}", '{"name": 1}', "null", "digests", "path"])
def test_a_damaged_lock_file_is_one_line(server, tmp_path, capsys, lock):
    assert fetch(tmp_path / "m") == 0
    path = tmp_path / "m" / LOCK_FILE
    content = json.loads(path.read_text())
    if lock == "digests":
        lock = json.dumps(content | {"sha256": {"vocab.json": "12"}})
    if lock == "path":
        lock = json.dumps(content | {"sha256": {"../../x": "0" * 64}})
    path.write_text(lock)
    refused(capsys, tmp_path / "m", LOCK_FILE)


def test_files_that_fetch_did_not_write_stay(server, tmp_path, capsys):
    (tmp_path / "vocab.json").write_text("mine")
    refused(capsys, tmp_path, "vocab.json", "exists")
    assert (tmp_path / "vocab.json").read_text() == "mine"


@pytest.mark.parametrize("offline", ["1", "true", "YES", "on"])
def test_offline_is_one_line_and_asks_nobody(server, tmp_path, capsys, monkeypatch, offline):
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    refused(capsys, tmp_path / "m", "HF_HUB_OFFLINE")
    assert server.asked == []
    assert names_in(tmp_path / "m") == set()


def test_no_server_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(publishers, "HUB", "http://127.0.0.1:9")
    refused(capsys, tmp_path / "m", "no connection", "127.0.0.1:9")


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_an_error_that_the_server_answers_is_one_line(server, tmp_path, capsys, status):
    server.answers[f"{MODEL}/resolve/{COMMIT}/merges.txt"] = (status, b"<html>")
    refused(capsys, tmp_path / "m", "merges.txt", str(status))
    assert not any(name.endswith(".part") for name in names_in(tmp_path / "m"))


@pytest.mark.parametrize("answer", [b"", b"[]", b"{", b'{"sha": "main"}', b'{"sha": 5}', b"x" * (9 << 20)])
def test_an_answer_that_is_none_is_one_line(server, tmp_path, capsys, answer):
    server.answers[f"/api/models{MODEL}/revision/main"] = (200, answer)
    refused(capsys, tmp_path / "m")


def test_github_naming_no_commit_is_one_line(server, tmp_path, capsys):
    server.main = "not-a-commit"
    refused(capsys, tmp_path / "m", "40 hex digits", options=("--revision", "main"), name="solvers.py")


def test_a_model_without_weights_or_tokenizer_is_one_line(server, tmp_path, capsys):
    del server.files["merges.txt"]
    refused(capsys, tmp_path / "m", "merges.txt")
    server.files = dict.fromkeys(("config.json", "vocab.json", "merges.txt"), b"")
    refused(capsys, tmp_path / "m", "model.safetensors and pytorch_model.bin")


def test_a_file_larger_than_it_may_be_is_one_line(server, tmp_path, capsys):
    server.files["vocab.json"] = b"x" * (9 << 20)
    refused(capsys, tmp_path / "m", "vocab.json", "at most")
    assert not any(name.startswith("vocab") for name in names_in(tmp_path / "m"))


@pytest.mark.parametrize("target", ["http://example.org", "file://", "ftp://127.0.0.1"])
def test_a_redirect_to_anything_but_https_is_refused(server, tmp_path, capsys, target):
    server.redirect_to = target
    refused(capsys, tmp_path / "m", "not allowed" if target == "file://" else "not https")


def test_a_redirect_is_followed(server, tmp_path):
    server.redirect_to = server.url
    assert fetch(tmp_path / "m") == 0
    assert any("/stored/" in path for path in server.asked)


def test_addresses_are_https():
    assert all(url.startswith("https://") for url in (publishers.HUB, publishers.GITHUB_API, publishers.GITHUB_FILES))


@pytest.mark.parametrize("below", ["file", "folder"])
def test_a_path_that_can_not_be_a_folder_is_one_line(server, tmp_path, capsys, below):
    (tmp_path / "file").write_text("")
    refused(capsys, tmp_path / "file" if below == "file" else tmp_path / "file" / "folder", "file")


def test_the_command_line_offers_what_is_published(capsys):
    with pytest.raises(SystemExit):
        main(["fetch", "--help"])
    assert set(publishers.PUBLISHED) <= set(re.findall(r"[\w.-]+", capsys.readouterr().out))
