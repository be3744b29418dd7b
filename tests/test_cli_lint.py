from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import fakes
from tests.test_cli_gate import run

WARNED: tuple[dict[str, object], ...] = ({"id": "mu", "question": "What is mu?", "answer": "Call us."},)
BROKEN: tuple[dict[str, object], ...] = ({"id": "mu", "question": "What is mu?", "answer": "Red. See question 9."},)
SENTENCE = "refers to question 9, but faq.jsonl has 1; name it by its words"


def linted(tmp_path: Path, index: Path, entries: tuple[dict[str, object], ...], *options: str) -> Any:
    """Run the rules on entries, with the encoder of the fake index."""
    folder = tmp_path / "faq"
    folder.mkdir(exist_ok=True)
    return run("lint", fakes.write_faq(folder, entries), "--index", index, *options)


def test_a_clean_faq(tmp_path: Path, index: Path) -> None:
    """Exit status 0 and nothing to read."""
    result = linted(tmp_path, index, fakes.FAQ)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_an_error(tmp_path: Path, index: Path) -> None:
    """Exit status 4, and a JSON line for each finding."""
    result = linted(tmp_path, index, BROKEN)
    assert result.exit_code == 4
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {
            "severity": "error",
            "rule": "dead-reference",
            "document": "faq.jsonl",
            "line": 1,
            "entry_id": "mu",
            "sentence": SENTENCE,
        }
    ]


def test_strict(tmp_path: Path, index: Path) -> None:
    """A warning passes, but not under --strict."""
    assert linted(tmp_path, index, WARNED).exit_code == 0
    assert linted(tmp_path, index, WARNED, "--strict").exit_code == 4


def test_table(tmp_path: Path, index: Path) -> None:
    """The format table is a line a finding, which says where, and a sum."""
    result = linted(tmp_path, index, BROKEN, "--format", "table")
    assert result.stdout == (
        f"error: dead-reference: faq.jsonl, line 1, mu: {SENTENCE}\n1 findings: error 1, warning 0, note 0\n"
    )


def test_json(tmp_path: Path, index: Path) -> None:
    """The format json is one list."""
    assert json.loads(linted(tmp_path, index, fakes.FAQ, "--format", "json").stdout) == []
    assert [f["rule"] for f in json.loads(linted(tmp_path, index, WARNED, "--format", "json").stdout)] == [
        "contact-only"
    ]


def test_a_folder_from_the_settings(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sources the FAQ's folder is read; a finding outside the entries names none."""
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    (data / "sub" / "faq.md").write_text("[Up](#up)\n\n## What is mu?\n\nRed.\n", "utf-8")
    monkeypatch.setenv("QA_DATA_DIR", str(data))
    result = run("lint", "--index", index, "--format", "table")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        0,
        "warning: dead-reference: sub/faq.md, line 1: the link to '#up': faq.md has no heading of that anchor; "
        "correct it, or give the heading {#…}",
    )


def test_stale_days(tmp_path: Path, index: Path) -> None:
    """How old a review may be is an option; the year 2000 is long ago, and no longer than 100,000 days."""
    old: tuple[dict[str, object], ...] = (
        {"id": "mu", "question": "What is mu?", "answer": "Red.", "reviewed_at": "2000-01-01"},
    )
    assert linted(tmp_path, index, old, "--strict").exit_code == 4
    assert linted(tmp_path, index, old, "--strict", "--stale-days", "100000").exit_code == 0


def test_labels(tmp_path: Path, index: Path) -> None:
    """A labelled file tells which entries its questions confuse; an id that is not in the files is an error."""
    labels = tmp_path / "questions.jsonl"
    labels.write_text(json.dumps({"text": "beta", "entry_id": "alpha"}) + "\n", "utf-8")
    result = linted(tmp_path, index, fakes.FAQ, "--labels", str(labels))
    (finding,) = (json.loads(line) for line in result.stdout.splitlines())
    assert (finding["rule"], finding["severity"], finding["entry_id"]) == ("competing", "note", "alpha")
    unknown = linted(tmp_path, index, WARNED, "--labels", str(labels))
    assert (unknown.exit_code, unknown.stderr) == (1, "qa: questions.jsonl, line 1: there is no entry 'alpha'\n")


def test_errors(tmp_path: Path, index: Path) -> None:
    """Without a FAQ or an index there is nothing to hold against the rules."""
    no_faq = run("lint", tmp_path / "none.md", "--index", index)
    no_index = linted(tmp_path, tmp_path / "none", fakes.FAQ)
    assert (no_faq.exit_code, no_faq.stderr) == (1, "qa: none.md: no such file or folder\n")
    assert (no_index.exit_code, no_index.stderr) == (1, "qa: CURRENT: no index has been built yet; run `qa build`\n")


def test_help() -> None:
    """The help names the exit statuses."""
    text = " ".join(run("lint", "--help").stdout.replace("│", " ").split())
    assert "Exits 0 without an error among the findings, 4 with one (with --strict: or with a warning)" in text
