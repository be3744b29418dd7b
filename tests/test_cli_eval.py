from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from qa_service.artifact.publish import current
from qa_service.artifact.read import read
from qa_service.cli import app
from qa_service.domain import LabelledQuestion
from qa_service.evaluation import FIGURES, learned_questions
from tests import fakes

LABELS: list[tuple[str, Any]] = [
    ("what must alpha do", "alpha"),
    ("when is alpha red", "alpha"),
    ("what must beta keep", "beta"),
    ("who is beta", "beta"),
    ("what must gamma", "gamma"),
    ("where is gamma blue", "gamma"),
    ("delta epsilon zeta", None),
    ("eta theta pending", None),
    ("kappa lamda mu", None),
]


pytestmark = pytest.mark.usefixtures("bare_environment")


def write(path: Path, labels: list[tuple[str, Any]]) -> Path:
    path.write_text("".join(json.dumps({"text": t, "entry_id": i}) + "\n" for t, i in labels), "utf-8")
    return path


def run(*arguments: str | Path) -> Any:
    """Run `qa eval` in this process; what is no exit is a failure."""
    result = CliRunner().invoke(app, ["eval", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def taught(tmp_path: Path) -> Path:
    """An index of the fake FAQ that has learned the labels."""
    fakes.build_index(tmp_path, labels=write(tmp_path / "questions.jsonl", LABELS))
    return tmp_path / "index"


def test_json_in_a_pipe(index: Path, tmp_path: Path) -> None:
    """One line of JSON with every figure; the official questions themselves are all found."""
    file = write(
        tmp_path / "q.jsonl", [("What is alpha?", "alpha"), ("What is beta?", ["beta", "alpha"]), ("ten", None)]
    )
    result = run(file, "--index", index)
    assert (result.exit_code, result.stderr, result.stdout.count("\n")) == (0, "", 1)
    got = json.loads(result.stdout)
    assert (got["answerable"], got["unanswerable"], got["learned"], got["warning"]) == (2, 1, 0, None)
    assert got["version"] == current(index)
    assert list(got["figures"]) == list(FIGURES)
    assert got["figures"]["top_1"] == {"value": 1.0, "low": 1.0, "high": 1.0, "size": 2}
    assert got["figures"]["abstention_auroc"] == {"value": 1.0, "low": 1.0, "high": 1.0, "size": 3}
    assert json.loads(run(file, "--index", index, "--format", "json").stdout) == got


def test_mistakes_and_confusions(index: Path, tmp_path: Path) -> None:
    """A label that contradicts the FAQ shows up as a mistake and as a confusion."""
    got = json.loads(run(write(tmp_path / "q.jsonl", [("What is alpha?", "beta")]), "--index", index).stdout)
    (mistake,) = got["mistakes"]
    assert (mistake["text"], mistake["slip"], mistake["expected"], mistake["found"]) == (
        "What is alpha?",
        "answered with another entry",
        ["beta"],
        "alpha",
    )
    assert got["confusions"] == [{"expected": ["beta"], "found": "alpha", "nearest": 1, "answered": 1}]


def test_a_table(index: Path, tmp_path: Path) -> None:
    """The table has a line for each figure."""
    result = run(write(tmp_path / "q.jsonl", [("What is alpha?", "alpha")]), "--index", index, "--format", "table")
    first, heading, *lines = result.stdout.splitlines()
    assert first.startswith(f"{current(index)}: 1 answerable and 0 unanswerable questions, threshold 0.")
    assert heading.split() == ["figure", "value", "95", "%", "interval", "at", "the", "build"]
    assert lines[0].split() == ["Nearest", "entry", "right", "100.0%", "100.0%", "to", "100.0%"]
    assert len(lines) == len(FIGURES) - 2


def test_learned_questions_are_counted_and_told(taught: Path, tmp_path: Path) -> None:
    """Questions of the build are found out whatever their case; one with another label or an official one is not."""
    asked = [
        ("WHAT must Alpha do?", "alpha"),
        ("kappa lamda mu", None),
        ("what must beta keep", "alpha"),
        ("What is gamma?", "gamma"),
        ("delta epsilon zeta", "gamma"),
        ("who is beta", ["gamma", "beta"]),
        ("nine ten", None),
    ]
    result = run(write(tmp_path / "q.jsonl", asked), "--index", taught)
    got = json.loads(result.stdout)
    told = "3 of 7 questions were learned by this index at its build; its figures for them are flattering."
    assert got["learned"] == 3
    assert got["warning"].startswith(told)
    assert result.stderr.startswith(f"warning: {told}")
    assert got["figures_of_the_build"]["labelled_questions"] == 9.0
    questions = [LabelledQuestion(t, (i,) if isinstance(i, str) else tuple(i or ())) for t, i in asked]
    learned = learned_questions(read(taught / current(taught)), questions)
    assert learned.tolist() == [True, True, False, False, False, True, False]


def test_all_labels_of_the_build_are_found_out(taught: Path, tmp_path: Path) -> None:
    """Asked with the file it was built with, every question was learned."""
    result = run(tmp_path / "questions.jsonl", "--index", taught, "--format", "table")
    assert f"warning: {len(LABELS)} of {len(LABELS)} questions were learned" in result.stderr
    assert "warning" not in result.stdout


def test_a_report(taught: Path, tmp_path: Path) -> None:
    """The report is written beside what is printed."""
    report = tmp_path / "report.html"
    result = run(tmp_path / "questions.jsonl", "--index", taught, "--html", report)
    assert result.exit_code == 0
    text = report.read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    assert f"<span>{current(taught)}</span></h1>" in text
    assert "9 of 9 questions were learned" in text


def test_a_report_that_cannot_be_written(index: Path, tmp_path: Path) -> None:
    """A folder that is missing is told in a sentence."""
    file, target = write(tmp_path / "q.jsonl", [("What is alpha?", "alpha")]), tmp_path / "none" / "r.html"
    result = run(file, "--index", index, "--html", target)
    expected = f"qa: {target}: can't be written (No such file or directory); name a file in a folder that exists\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "qa: q.jsonl: holds no question\n"),
        ('{"text": "alpha", "entry_id": "nowhere"}', "qa: q.jsonl, line 1: there is no entry 'nowhere'\n"),
        ("{", "qa: q.jsonl, line 1: not a JSON object\n"),
        (
            '{"text": "alpha", "entry_id": null}\n' + json.dumps({"text": "a" * 2001, "entry_id": None}),
            "qa: q.jsonl, line 2: the question has 2001 characters; 2000 are allowed\n",
        ),
        (
            '{"text": "\\ud800 alpha", "entry_id": null}',
            "qa: q.jsonl, line 1: the question holds half a character (a lone surrogate)\n",
        ),
    ],
)
def test_files_that_are_refused(index: Path, tmp_path: Path, text: str, message: str) -> None:
    """A file that can't be used ends with a sentence that names it and never repeats a question."""
    (tmp_path / "q.jsonl").write_text(text, "utf-8")
    result = run(tmp_path / "q.jsonl", "--index", index)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)


def test_a_file_is_needed(index: Path) -> None:
    """There is no default: what an index was built with is no measure of it."""
    assert run("--index", index).exit_code == 2
