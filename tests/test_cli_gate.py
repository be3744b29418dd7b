from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from qa_service.build import BuildRequest, build
from qa_service.cli import app
from tests import fakes

RIGHT, WRONG, GONE, NEVER = (
    {"text": "What is alpha?", "entry_id": "alpha"},
    {"text": "What is beta?", "entry_id": "alpha"},
    {"text": "What is gamma?", "entry_id": "gamma"},
    {"text": "What is eta?", "entry_id": "eta"},
)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str | Path) -> Any:
    """Run a command in this process; what is no exit is a failure."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def write(path: Path, *lines: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


@pytest.fixture
def versions(tmp_path: Path) -> tuple[str, str]:
    """Two versions below `tmp_path/index`: in the second, alpha's question is another one's and gamma is gone."""
    first = fakes.build_index(tmp_path).version
    moved = [{**fakes.FAQ[0], "question": "Who must?"}, {**fakes.FAQ[1], "question": "What is alpha?"}]
    return first, fakes.build_index(tmp_path, moved).version


def test_nothing_changed(tmp_path: Path, versions: tuple[str, str]) -> None:
    """Exit status 0, no line, and a summary on standard error."""
    questions = write(tmp_path / "q.jsonl", RIGHT, WRONG)
    result = run("gate", versions[0], versions[0], questions, "--index", tmp_path / "index")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        f"2 questions, {versions[0]} to {versions[0]}: loss 0, gain 0, change 0, entry removed 0, unknown entry 0\n"
    )


@pytest.mark.usefixtures("versions")
def test_a_loss(tmp_path: Path) -> None:
    """Exit status 4, and one JSON line for each question that changed."""
    questions = write(tmp_path / "q.jsonl", RIGHT, GONE, NEVER)
    result = run("gate", "previous", "current", questions, "--index", tmp_path / "index")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 4
    assert [(line["kind"], line["text"], line["entry_ids"]) for line in lines] == [
        ("loss", "What is alpha?", ["alpha"]),
        ("entry removed", "What is gamma?", ["gamma"]),
        ("unknown entry", "What is eta?", ["eta"]),
    ]
    assert (lines[0]["old"]["winner"], lines[0]["new"]["winner"]) == ("alpha", "beta")
    assert result.stderr.endswith("loss 1, gain 0, change 0, entry removed 1, unknown entry 1\n")


def test_losses_that_are_allowed(tmp_path: Path, versions: tuple[str, str]) -> None:
    """One loss passes where one is allowed; entries that were removed are no losses."""
    root = tmp_path / "index"
    assert run("gate", *versions, write(tmp_path / "q.jsonl", RIGHT), "--index", root, "--allow", "1").exit_code == 0
    assert run("gate", *versions, write(tmp_path / "q.jsonl", GONE), "--index", root).exit_code == 0
    assert run("gate", *reversed(versions), write(tmp_path / "q.jsonl", RIGHT), "--index", root).exit_code == 0


def test_json(tmp_path: Path, versions: tuple[str, str]) -> None:
    """The format json gives one object with versions, counts and changes."""
    questions = write(tmp_path / "q.jsonl", RIGHT)
    result = run("gate", *versions, questions, "--index", tmp_path / "index", "--format", "json")
    report = json.loads(result.stdout)
    assert (report["old"], report["new"], report["questions"], report["notes"]) == (*versions, 1, [])
    assert report["counts"] == {"loss": 1, "gain": 0, "change": 0, "entry removed": 0, "unknown entry": 0}
    assert [change["kind"] for change in report["changes"]] == ["loss"]
    assert (result.exit_code, result.stderr) == (4, "")


def test_table(tmp_path: Path, versions: tuple[str, str]) -> None:
    """The format table shows the question beside what both versions make of it, losses first."""
    questions = write(tmp_path / "q.jsonl", GONE, RIGHT)
    result = run("gate", *versions, questions, "--index", tmp_path / "index", "--format", "table")
    rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert rows[0] == "what question right before now"
    assert rows[1].startswith("loss What is alpha? alpha ")
    assert rows[2].startswith("entry removed What is gamma? gamma ")
    assert rows[3].startswith("2 questions, ")
    assert result.stderr == ""


def test_another_precision_is_noted(tmp_path: Path, versions: tuple[str, str]) -> None:
    """Versions of another model or precision are compared with a note."""
    (tmp_path / "other").mkdir()
    request = BuildRequest([fakes.write_faq(tmp_path / "other")], tmp_path / "other" / "index")
    other = build(request, lambda _model: fakes.exporter(int8_distortion=0.5)).version
    path = tmp_path / "other" / "index" / other
    questions = write(tmp_path / "q.jsonl", RIGHT)
    result = run("gate", versions[0], path, questions, "--index", tmp_path / "index", "--format", "json")
    assert json.loads(result.stdout)["notes"] == ["the precision differs: int8 before, fp32 now"]
    table = run("gate", versions[0], path, questions, "--index", tmp_path / "index", "--format", "table")
    assert table.stdout.startswith("note: the precision differs: int8 before, fp32 now\n")


def test_errors(tmp_path: Path, versions: tuple[str, str]) -> None:
    """What can't be read is an error in a sentence, with exit status 1."""
    root = tmp_path / "index"
    missing = run("gate", *versions, tmp_path / "none.jsonl", "--index", root)
    unknown = run("gate", versions[0], "zebra", write(tmp_path / "q.jsonl", RIGHT), "--index", root)
    assert (missing.exit_code, unknown.exit_code) == (1, 1)
    assert missing.stderr == "qa: none.jsonl: can't be read as UTF-8 text (FileNotFoundError)\n"
    assert unknown.stderr.startswith("qa: zebra: no such version; kept in index/ are ")


def test_help() -> None:
    """The help names the exit statuses."""
    text = " ".join(run("gate", "--help").stdout.replace("│", " ").split())
    assert "Exits 0 without a loss, 4 with more losses than are allowed, 1 on an error." in text
