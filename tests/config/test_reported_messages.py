"""Escape sequences and empty paths from public reports: whatever a name holds, a terminal gets printable text."""

import io

import pytest

from codeit_jax.cli import main
from codeit_jax.config.errors import MAX_LINE, UserError, error_line, printable, shown
from codeit_jax.reporting.progress import Reporter

NAMES = [
    ("https://github.com/dtolnay/anyhow/issues/424", "\x1b]8;;http://example.org\x07link\x1b]8;;\x07"),
    ("https://github.com/rust-lang/log/issues/611", "\x1b[2J\x1b[H\x1b[31mdone"),
    ("https://github.com/vicanso/http-stat-rs/issues/2", "\x1b]0;title\x07"),
    ("https://github.com/github/advisory-database/pull/4448", "\x9b31m.txt"),
    ("https://github.com/GingerGraham/bash-logger/issues/36", "text\x1b]4;0;rgb:00/00/00\x1b\\"),
    ("https://github.com/poe-platform/poe-code/issues/647", "x\nerror: all is well"),
    ("https://github.com/BaseIntelligence/bounty-challenge/issues/46804", "\x1b]52;c;aGk=\x07"),
    ("https://github.com/CWE-CAPEC/CWE-Content-Development-Repository/issues/112", "\u202e\u2066txt.exe\ud800"),
]


@pytest.mark.parametrize(("address", "name"), NAMES, ids=[row[0] for row in NAMES])
def test_a_hostile_name_is_one_printable_line(tmp_path, capsys, address, name):
    for words in (
        ["config", "show", "--config", name],
        ["config", "show", f"{name}=1"],
        ["config", "show", f"data.num_search_tasks={name}"],
        ["search", name, "--budget", "1programs"],
        ["show", str(tmp_path), name],
        [name],
        ["config", "show", f"--{name}"],
    ):
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        line = err.rstrip("\n")
        assert line.startswith("error: ")
        assert line.isprintable()
        assert len(line) <= MAX_LINE


@pytest.mark.parametrize(("address", "name"), NAMES, ids=[row[0] for row in NAMES])
def test_a_hostile_name_reaches_neither_the_terminal_nor_the_log(tmp_path, capsys, address, name):
    reporter = Reporter()
    reporter.open_log(tmp_path / "log.txt")
    reporter.say(f"found {name}")
    reporter.close()
    for text in (capsys.readouterr().err, (tmp_path / "log.txt").read_text(encoding="utf-8")):
        assert text.count("\n") == 1
        assert text.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://github.com/yutakasi634/OpenCafeMol/pull/18", ["train", "--config", "smoke", "--run-dir", ""]),
        ("https://github.com/openSUSE/obs-service-format_spec_file/pull/16", ["sweep", "--runs", "", "seed=1"]),
        ("https://github.com/pantsbuild/pants/pull/7908", ["report", "", "--output", "x.html"]),
        ("https://github.com/mitsuba-renderer/mitsuba3/pull/259", ["report", "x", "--output", ""]),
        ("https://github.com/xelatihy/yocto-gl/issues/262", ["export", "x", ""]),
    ],
)
def test_an_empty_path_is_refused_and_nothing_is_written(tmp_path, monkeypatch, capsys, address, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "found '', expected a path" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_long_message_keeps_its_place_and_what_was_expected():
    line = error_line(UserError(f"/here/file.yaml:3: found {'x' * 5000}, expected a number"))
    assert len(line) == MAX_LINE
    assert line.startswith("error: /here/file.yaml:3: found xxx")
    assert line.endswith("xxx, expected a number")


@pytest.mark.parametrize(
    "value", [16**5000, [[10**5000]], "x" * 10**6, "\x1b" * 100], ids=["digits", "deep", "x", "esc"]
)
def test_any_value_is_shown_in_one_short_line(value):
    assert shown(value).isprintable()
    assert len(shown(value)) <= 83


def test_printable_text_stays_as_it_is():
    assert printable("naïve 数 \\ 'quoted'") == "naïve 数 \\ 'quoted'"
    assert printable("a\tb\r\n\x1b\x85\u2028") == "a\\tb\\r\\n\\x1b\\x85\\u2028"


def test_standard_output_shows_what_its_encoding_lacks(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    assert main(["config", "show", "--diff", "data.seeds=größe.txt"]) == 0
    stream.flush()
    assert b"data.seeds: 'gr\\xf6\\xdfe.txt'" in stream.buffer.getvalue()
