from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from qa_service import __version__
from qa_service.artifact.manifest import CALIBRATION, FILES, record, verify
from qa_service.artifact.publish import current, locked, publish, staging, versions
from qa_service.cli import app
from qa_service.confidence import Calibration
from qa_service.config import Settings
from tests import fakes
from tests.test_api_ask import PLAIN, lasting
from tests.test_api_probes import FAQ, MORE, flip_a_bit, serving, wait_until

_QA = str(Path(sys.executable).parent / "qa")
_SECONDS = 120


pytestmark = pytest.mark.usefixtures("bare_environment")


def _recalibrate(root: Path, calibration: Calibration) -> str:
    """Publish the current version once more, with another calibration."""
    version = root / current(root)
    manifest = verify(version)
    with locked(root), staging(root) as folder:
        for name in FILES:
            shutil.copy(version / name, folder / name)
        (folder / CALIBRATION).write_text(json.dumps(calibration.to_json()), "utf-8")
        changed = {**manifest.files, CALIBRATION: record(folder / CALIBRATION)}
        return publish(root, folder, replace(manifest, files=changed))[0]


@pytest.fixture
def plain(index: Path) -> Path:
    """The index of the fake FAQ, with the calibration that can be worked out by hand."""
    _recalibrate(index, PLAIN)
    return index


def _run(*arguments: str | Path, text: str | None = None) -> Any:
    """Run a command in this process; what is no exit is a failure."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def _lines(output: str) -> list[dict[str, Any]]:
    return [lasting(json.loads(line)) for line in output.splitlines()]


@pytest.mark.parametrize(
    ("question", "outcome", "status"),
    [("What is alpha?", "answered", 0), ("What is alpha beta", "ambiguous", 0), ("who", "abstained", 3)],
)
def test_ask(plain: Path, question: str, outcome: str, status: int) -> None:
    """A question gives one JSON line in a pipe, equal to the HTTP answer, and the exit status says its outcome."""
    result = _run("ask", question, "--index", plain)
    with serving(plain) as client:
        served = client.post("/v1/ask", json={"question": question}).json()
    assert result.exit_code == status
    assert _lines(result.stdout) == [lasting(served)]
    assert served["outcome"] == outcome
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("question", "lines"),
    [
        (
            "What is alpha?",
            (
                "Official answer",
                "Red one. \u201cVerbatim\u201d, [link](https://example.gov).",
                "confidence 0.88, similarity 1.00 - faq.jsonl, bytes 57 to 110",
                "0.05 0.67 What is beta?",
                "Why: one entry clears the threshold and no other comes close (confidence 0.88, threshold 0.50).",
                "Nearest wording: What is alpha?",
                "wording 1.000 1.00 1.000",
                "Words it shares: what, is, alpha. Missing: none.",
                "Runner-up: beta, 0.333 behind in score.",
            ),
        ),
        (
            "What is alpha beta",
            (
                "Several entries may be meant",
                "What is alpha?",
                "What is beta?",
                "Runner-up: beta, 0.000 behind in score.",
            ),
        ),
        (
            "who",
            (
                "There is no official answer to this",
                "Why: a gap in the FAQ: no entry comes near the question (confidence 0.04, threshold 0.50).",
                "Words it shares: none. Missing: who.",
            ),
        ),
        (
            "Est-ce que notre alpha est pour nous ?",
            (
                "There is no official answer to this",
                "The question is in fr; the FAQ has en, es.",
            ),
        ),
    ],
)
def test_the_table_of_an_explained_question(plain: Path, question: str, lines: tuple[str, ...]) -> None:
    """A person at a terminal reads the outcome, the answer with its source, and why, in this order."""
    shown = [
        " ".join(line.split())
        for line in _run("ask", question, "--explain", "--format", "table", "--index", plain).stdout.splitlines()
    ]
    places = [shown.index(line) for line in lines]
    assert places == sorted(places)


def test_ask_narrowed(plain: Path) -> None:
    """The options narrow the search as the fields of a request do."""
    cases: list[tuple[list[str], dict[str, Any]]] = [
        (["--top", "1"], {"top": 1}),
        (["--language", "es"], {"language": "es"}),
        (["--tag", "two"], {"tags": ["two"]}),
        (["--tag", "two", "--tag", "none"], {"tags": ["two", "none"]}),
    ]
    with serving(plain) as client:
        for options, fields in cases:
            result = _run("ask", "What is alpha?", "--index", plain, *options)
            served = client.post("/v1/ask", json={"question": "What is alpha?", **fields}).json()
            assert _lines(result.stdout) == [lasting(served)]


def test_ask_several(plain: Path) -> None:
    """Several questions are answered in order; one answer is enough for exit status 0."""
    result = _run("ask", "who", "What is beta?", "What is gamma?", "--index", plain)
    assert result.exit_code == 0
    assert [[a["id"] for a in line["answers"]] for line in _lines(result.stdout)] == [[], ["beta"], ["gamma"]]
    assert _run("ask", "who", "when", "--index", plain).exit_code == 3


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_ask_standard_input(plain: Path, arguments: list[str]) -> None:
    """Without a question, or with -, each line of standard input is one; empty lines are passed over."""
    result = _run("ask", *arguments, "--index", plain, text="What is beta?\n\n  who  \nWhat is alpha?")
    assert result.exit_code == 0
    assert [[a["id"] for a in line["answers"]] for line in _lines(result.stdout)] == [["beta"], [], ["alpha"]]


def test_ask_json(plain: Path) -> None:
    """The format json gives one list."""
    result = _run("ask", "What is alpha?", "--index", plain, "--format", "json")
    (found,) = json.loads(result.stdout)
    assert lasting(found) == _lines(_run("ask", "What is alpha?", "--index", plain).stdout)[0]


def test_ask_several_json(plain: Path) -> None:
    """The format json gives one list for several questions as well."""
    result = _run("ask", "What is alpha?", "who", "--index", plain, "--format", "json")
    assert [found["outcome"] for found in json.loads(result.stdout)] == ["answered", "abstained"]


def test_ask_table(plain: Path) -> None:
    """The format table shows the outcome, the answer with its source, and what is related."""
    answered = _run("ask", "What is alpha?", "--index", plain, "--format", "table")
    ambiguous = _run("ask", "What is alpha beta", "--index", plain, "--format", "table")
    abstained = _run("ask", "who", "--index", plain, "--format", "table")
    assert [r.exit_code for r in (answered, ambiguous, abstained)] == [0, 0, 3]
    assert answered.stdout.startswith("Official answer\n\nWhat is alpha?\nRed one. \u201cVerbatim\u201d, [link](https")
    # The logits are 2 and -3: 0.88 and 0.05.
    assert re.search(
        r"^confidence 0\.88, similarity 1\.00 - faq\.jsonl, bytes \d+ to \d+$", answered.stdout, re.MULTILINE
    )
    assert re.search(r"0\.05 +0\.67 +What is beta\?", answered.stdout)
    assert ambiguous.stdout.startswith("Several entries may be meant\n")
    assert abstained.stdout.startswith("There is no official answer to this\n")
    assert "Red one" not in abstained.stdout


def test_a_table_shows_the_answer_word_for_word(tmp_path: Path) -> None:
    """What looks like markup or like the name of an emoji stays as it was published."""
    answer = "Red [bold]one[/bold] :warning: two :smile: {three} \\[four]"
    fakes.build_index(tmp_path, [{"id": "one", "question": "What is alpha :heart:?", "answer": answer}])
    _recalibrate(tmp_path / "index", replace(PLAIN, answer_threshold=0.0))
    result = _run("ask", "What is alpha?", "--index", tmp_path / "index", "--format", "table")
    assert answer in result.stdout
    assert "What is alpha :heart:?" in result.stdout
    assert "What is alpha :heart:?" in _run("entries", "--index", tmp_path / "index", "--format", "table").stdout


def test_a_table_does_not_break_the_answer(tmp_path: Path) -> None:
    """A long answer and its links come out whole, so that they can be copied."""
    answer = "Red " + "one two " * 20 + "https://example.gov/" + "three/" * 20
    fakes.build_index(tmp_path, [{"id": "one", "question": "What is alpha?", "answer": answer}])
    _recalibrate(tmp_path / "index", replace(PLAIN, answer_threshold=0.0))
    assert answer in _run("ask", "What is alpha?", "--index", tmp_path / "index", "--format", "table").stdout


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "the question is empty"),
        ("\u200b", "the question is empty"),
        ("zebra" * 401, "the question has 2005 characters; 2000 are allowed"),
    ],
)
def test_ask_what_can_not_be_asked(plain: Path, question: str, message: str) -> None:
    """A question that can't be asked is an error in a sentence that does not repeat it."""
    result = _run("ask", question, "--index", plain)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"qa: {message}\n")


@pytest.mark.parametrize("command", [["ask", "What is alpha?"], ["entries"], ["rollback"]])
def test_no_index(tmp_path: Path, command: list[str]) -> None:
    """Without an index the commands that need one end with an error in a sentence."""
    result = _run(*command, "--index", tmp_path / "index")
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(
        r"qa: CURRENT: no (index has been built yet; run `qa build`|earlier version is kept)\n", result.stderr
    )


def test_damaged_index(index: Path) -> None:
    """A damaged index is an error that names the file."""
    flip_a_bit(index / current(index) / CALIBRATION)
    result = _run("ask", "What is alpha?", "--index", index)
    expected = f"qa: {current(index)}/{CALIBRATION}: its SHA-256 is not the published one\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", expected)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["zebra"],
        ["ask", "--zebra"],
        ["ask", "a", "--top", "0"],
        ["ask", "a", "--top", "21"],
        ["ask", "a", "--format", "xml"],
        ["entries", "zebra"],
        ["build", "--keep", "0"],
        ["serve", "--port", "70000"],
    ],
)
def test_usage(arguments: list[str]) -> None:
    """What can't be understood is a usage error."""
    assert _run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QA_PORT", "zebra"),
        ("QA_PORT", "70000"),
        ("QA_KEEP_VERSIONS", "0"),
        ("QA_POLL_SECONDS", "0"),
        ("QA_POLL_SECONDS", "nan"),
        ("QA_MAX_BODY_BYTES", "1"),
        ("QA_VECTOR_ENGINE", "zebra"),
        ("QA_LOG_LEVEL", "zebra"),
    ],
)
@pytest.mark.parametrize("command", [["ask", "What is alpha?"], ["doctor"], ["entries"]])
def test_wrong_setting(index: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, command: list[str]) -> None:
    """A setting that can't be used is a usage error that names it."""
    monkeypatch.setenv(name, value)
    result = _run(*command, "--index", index)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"qa: a setting can't be used: {name}: ")


def test_index_from_the_environment(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """QA_INDEX_DIR names the index where no option does."""
    monkeypatch.setenv("QA_INDEX_DIR", str(plain))
    assert _run("ask", "What is alpha?").exit_code == 0


def test_entries(index: Path) -> None:
    """The entries come out as HTTP gives them, one a line or as one list."""
    lines = _run("entries", "--index", index)
    listed = _run("entries", "--index", index, "--format", "json")
    table = _run("entries", "--index", index, "--format", "table")
    with serving(index) as client:
        served = client.get("/v1/entries").json()["entries"]
    assert [r.exit_code for r in (lines, listed, table)] == [0, 0, 0]
    assert [json.loads(line) for line in lines.stdout.splitlines()] == served
    assert json.loads(listed.stdout) == served
    rows = [row.split() for row in table.stdout.splitlines()]
    assert rows[0] == ["id", "question", "source"]
    assert rows[1:] == [
        [e["id"], *e["question"].split(), f"faq.jsonl:{e['source']['start']}-{e['source']['end']}"] for e in served
    ]


def test_entries_in_effect_only(tmp_path: Path) -> None:
    """An entry whose window has ended is not listed."""
    ended: dict[str, object] = {"id": "old", "question": "What is mu?", "answer": "1", "effective_to": "2020-01-01"}
    fakes.build_index(tmp_path, [*FAQ, ended])
    result = _run("entries", "--index", tmp_path / "index")
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["alpha", "beta", "gamma"]


def test_rollback(tmp_path: Path) -> None:
    """Without a name the version before is pointed to, with one that version; there is none before the first."""
    first = fakes.build_index(tmp_path).version
    second = fakes.build_index(tmp_path, MORE).version
    root = tmp_path / "index"
    back = _run("rollback", "--index", root)
    assert (back.exit_code, back.stdout, current(root)) == (0, f"{first}\n", first)
    assert _run("rollback", "--index", root).exit_code == 1
    named = _run("rollback", second, "--index", root)
    assert (named.exit_code, named.stdout, current(root)) == (0, f"{second}\n", second)
    unknown = _run("rollback", "v-0000000000000000", "--index", root)
    assert (unknown.exit_code, current(root)) == (1, second)
    assert unknown.stderr == f"qa: v-0000000000000000: no such version; kept are {second}, {first}\n"


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`qa build` gets the fake model; the list holds the names that it asked for."""
    asked: list[str] = []

    def load(model: str) -> Any:
        asked.append(model)
        return fakes.exporter()

    monkeypatch.setattr("qa_service.export.load", load)
    return asked


def test_build(tmp_path: Path, faked: list[str]) -> None:
    """A build publishes a version and reports it in one JSON line; the same content again is the same version."""
    faq = fakes.write_faq(tmp_path)
    root = tmp_path / "index"
    first = _run("build", faq, "--index", root, "--model", "some/model")
    second = _run("build", faq, "--index", root)
    assert [r.exit_code for r in (first, second)] == [0, 0]
    report = json.loads(first.stdout)
    assert report["version"] == current(root)
    assert (report["documents"], report["entries"], report["notes"]) == ("faq.jsonl", "3 (6 vectors)", [])
    assert report["model"].startswith("fake, int8: int8 is faithful: ")
    assert json.loads(second.stdout)["version"] == f"{current(root)} (the same content was published before)"
    assert faked == ["some/model", ""]


def test_build_settings(tmp_path: Path, faked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options a build reads its settings: folders, model, language, versions to keep."""
    data = tmp_path / "data"
    data.mkdir()
    for name, value in (("DATA_DIR", data), ("INDEX_DIR", tmp_path / "index"), ("MODEL", "m"), ("LANGUAGE", "fr")):
        monkeypatch.setenv(f"QA_{name}", str(value))
    monkeypatch.setenv("QA_KEEP_VERSIONS", "2")
    for entries in (FAQ, MORE, MORE[:2]):
        fakes.write_faq(data, entries)
        assert _run("build").exit_code == 0
    assert faked == ["m"] * 3
    assert len(versions(tmp_path / "index")) == 2
    languages = [json.loads(line)["language"] for line in _run("entries").stdout.splitlines()]
    assert languages == ["fr", "fr"]


def test_build_takes_the_labels_beside_the_faq(tmp_path: Path, faked: list[str]) -> None:
    """Labelled questions beside the FAQ choose the threshold, and their figures are reported."""
    data = tmp_path / "data"
    data.mkdir()
    fakes.write_faq(data)
    labelled = [{"text": "What is alpha?", "entry_id": "alpha"}, {"text": "who", "entry_id": None}]
    (data / "questions.jsonl").write_text("\n".join(map(json.dumps, labelled)))
    result = _run("build", data, "--index", tmp_path / "index", "--format", "table")
    assert result.exit_code == 0
    assert "2 questions: nearest entry right 100.0%" in " ".join(result.stdout.split())
    assert len(faked) == 1


def test_build_table(tmp_path: Path, faked: list[str]) -> None:
    """The format table reports the same in a short table."""
    faq = fakes.write_faq(tmp_path)
    result = _run("build", faq, "--index", tmp_path / "index", "--format", "table")
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if not line.startswith(" " * 5))
    assert rows["version"].strip() == current(tmp_path / "index")
    assert rows["entries"].strip() == "3 (6 vectors)"
    assert len(faked) == 1


def test_build_notes_go_to_standard_error(tmp_path: Path, faked: list[str]) -> None:
    """What a loader left out is told on standard error and in the report."""
    faq = fakes.write_faq(tmp_path, [{**FAQ[0], "colour": "red"}])
    result = _run("build", faq, "--index", tmp_path / "index")
    notes = json.loads(result.stdout)["notes"]
    assert notes
    assert "colour" in notes[0]
    assert result.stderr == "".join(f"note: {note}\n" for note in notes)
    assert len(faked) == 1


def test_build_from_a_wrong_faq(tmp_path: Path, faked: list[str]) -> None:
    """A FAQ that can't be used is an error that names file and line, and nothing is written."""
    faq = fakes.write_faq(tmp_path, [FAQ[0], FAQ[0]])
    result = _run("build", faq, "--index", tmp_path / "index")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("qa: faq.jsonl, line 2: ")
    assert not (tmp_path / "index").exists()
    assert faked == []


@pytest.mark.parametrize("command", ["build", "rollback"])
def test_locked(tmp_path: Path, faked: list[str], command: str) -> None:
    """While another writer is at work, a build and a rollback end with the status for "try again later"."""
    fakes.build_index(tmp_path)
    arguments = [command, tmp_path / "faq.jsonl"] if command == "build" else [command]
    with locked(tmp_path / "index"):
        result = _run(*arguments, "--index", tmp_path / "index")
    assert result.exit_code == 75
    assert result.stderr == "qa: another build is at work in index/; try again when it has ended\n"
    assert faked == []


def test_doctor(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound installation is all ok; one without an index fails and says what to do."""
    monkeypatch.setenv("QA_PORT", "0")
    well = _run("doctor", "--index", index)
    ill = _run("doctor", "--index", tmp_path / "none")
    assert (well.exit_code, ill.exit_code) == (0, 1)
    assert {line[:6] for line in well.stdout.splitlines()} == {"ok    "}
    assert "FAIL  index: CURRENT: no index has been built yet; run `qa build`\n" in ill.stdout


def test_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key comes with its hash, each time another; a terminal is told how to use both, a pipe gets an object."""
    pairs = [json.loads(_run("key").stdout) for _ in range(2)]
    (listed,) = json.loads(_run("key", "--format", "json").stdout)
    table = _run("key", "--format", "table").stdout
    for made in (*pairs, listed):
        assert list(made) == ["key", "sha256"]
        assert re.fullmatch(r"[\w-]{43}", made["key"])
        assert hashlib.sha256(made["key"].encode()).hexdigest() == made["sha256"]
    shown = dict(line.split() for line in table.splitlines()[:2])
    assert hashlib.sha256(shown["key"].encode()).hexdigest() == shown["sha256"]
    assert f"QA_KEY_SHA256={shown['sha256']}" in table
    assert f"Authorization: Bearer {shown['key']}" in table
    assert len({pair["key"] for pair in (*pairs, listed, shown)}) == 4
    monkeypatch.setenv("QA_KEY_SHA256", shown["sha256"])
    assert Settings().key_sha256 == shown["sha256"]


def test_a_key_in_the_place_of_its_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is given a key for its hash says what is wrong without saying the key."""
    monkeypatch.setenv("QA_KEY_SHA256", "zebra-canary")
    result = _run("doctor")
    assert (result.exit_code, "zebra" in result.output) == (2, False)
    assert "QA_KEY_SHA256: Value error, must be the SHA-256 of a key" in result.stderr


@pytest.mark.parametrize("command", ["build", "serve", "ask", "entries", "rollback", "doctor"])
def test_help(command: str) -> None:
    """Every command explains itself and is named by the program's own help."""
    assert command in _run("--help").stdout
    result = _run(command, "--help")
    assert result.exit_code == 0
    assert f"qa {command}" in result.stdout or f" {command} [OPTIONS]" in result.stdout
    assert "--index" in result.stdout


def test_version() -> None:
    """The version is the package's."""
    result = _run("--version")
    assert (result.exit_code, result.stdout) == (0, f"qa {__version__}\n")


def test_serve_hands_its_options_to_the_server(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options go before settings; the rest of the settings hold."""
    served: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr("uvicorn.run", lambda application, **options: served.append((application, options)))
    monkeypatch.setenv("QA_HOST", "::1")
    monkeypatch.setenv("QA_PORT", "8123")
    by_settings = _run("serve", "--index", index)
    by_options = _run("serve", "--index", index, "--host", "127.0.0.2", "--port", "8124")
    assert [r.exit_code for r in (by_settings, by_options)] == [0, 0]
    assert [(o["host"], o["port"]) for _, o in served] == [("::1", 8123), ("127.0.0.2", 8124)]
    assert all(isinstance(application, FastAPI) for application, _ in served)
    assert "curl -s http://127.0.0.2:8124/v1/ask -H 'Content-Type" in by_options.stderr
    monkeypatch.setenv("QA_KEY_SHA256", "0" * 64)
    guarded = _run("serve", "--index", index)
    assert "/v1/ask -H 'Authorization: Bearer <key>' -H 'Content-Type" in guarded.stderr
    assert "000" not in guarded.stderr
    assert by_options.stdout == ""


def test_serve_prints_a_url_that_works_for_ipv6(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An IPv6 address stands in brackets in the printed line, as curl needs it."""
    monkeypatch.setattr("uvicorn.run", lambda _application, **_options: None)
    assert (
        "curl -s http://[::1]:8123/v1/ask " in _run("serve", "--index", index, "--host", "::1", "--port", "8123").stderr
    )


def _process(*arguments: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [_QA, *arguments],
        input=text,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        timeout=_SECONDS,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "text", "status", "lines"),
    [
        (["ask", "What is alpha?"], "", 0, 1),
        (["ask", "who"], "", 3, 1),
        (["ask"], "What is alpha?\nwho\n", 0, 2),
        (["ask", ""], "", 1, 0),
        (["ask", "--zebra"], "", 2, 0),
        (["entries"], "", 0, 3),
    ],
)
def test_the_installed_command(plain: Path, arguments: list[str], text: str, status: int, lines: int) -> None:
    """The installed command gives JSON lines in a pipe and the same exit statuses."""
    result = _process(*arguments, text=text, QA_INDEX_DIR=str(plain))
    assert result.returncode == status
    assert len([json.loads(line) for line in result.stdout.splitlines()]) == lines
    assert (result.stderr == "") == (status in (0, 3))


def test_standard_input_that_is_no_text(plain: Path) -> None:
    """Bytes that are no text are an error in a sentence, not a traceback."""
    result = subprocess.run(
        [_QA, "ask"],
        input=b"zebra \xff\n",
        capture_output=True,
        env={**os.environ, "QA_INDEX_DIR": str(plain), "PYTHONIOENCODING": "utf-8:strict"},
        timeout=_SECONDS,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith(b"qa: ")
    assert b"zebra" not in result.stderr
    assert result.stdout == b""


def test_a_locked_process(tmp_path: Path) -> None:
    """The lock of one process keeps another one out."""
    fakes.build_index(tmp_path)
    with locked(tmp_path / "index"):
        assert _process("rollback", "--index", str(tmp_path / "index")).returncode == 75


def test_serving_process(plain: Path) -> None:
    """The served process answers as the command line does, and ends by itself when it is told to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"

    def get(path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(address + path, body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310
            return json.load(response)

    def ready() -> bool:
        assert process.poll() is None
        try:
            return bool(get("/readyz"))
        except OSError:
            return False

    command = [_QA, "serve", "--port", str(port), "--index", str(plain)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            wait_until(ready)
            served = get("/v1/ask", b'{"question": "What is alpha?"}')
        finally:
            process.send_signal(signal.SIGTERM)
            error = process.communicate(timeout=_SECONDS)[1]
    assert lasting(served) == _lines(_run("ask", "What is alpha?", "--index", plain).stdout)[0]
    assert f"curl -s {address}/v1/ask " in error
    assert "Traceback" not in error
