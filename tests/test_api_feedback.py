from __future__ import annotations

import http.client
import json
import re
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from qa_service.feedback.base import EntryVotes
from qa_service.feedback.store import FILE, Store
from tests.test_api_ask import ask, calibrated
from tests.test_api_mail import LETTER, RFC822
from tests.test_api_probes import running, serving
from tests.test_feedback_store import content
from tests.test_service import Server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def client(index: Path, folder: Path) -> Iterator[TestClient]:
    """A service that takes votes."""
    with serving(index, calibrated(), state_dir=str(folder), log_level="error") as served:
        yield served


def kept(client: TestClient) -> list[EntryVotes]:
    """The votes as the service's store has them."""
    votes: list[EntryVotes] = client.app.state.journal.store.votes()  # type: ignore[attr-defined]  # Starlette's state
    return votes


def told(response: Any) -> tuple[int, str]:
    """The status and the code of a problem."""
    return response.status_code, response.json()["code"]


def test_a_vote_on_an_answer_is_kept(client: TestClient) -> None:
    """204 without a body; the latest vote on the query and the entry counts."""
    found = ask(client, "What is alpha?")
    vote = {"query_id": found["query_id"], "entry_id": found["answers"][0]["id"]}
    replies = [
        client.post("/v1/feedback", json=vote | said)
        for said in ({"helpful": True}, {"helpful": False, "reason": "outdated"})
    ]
    assert found["feedback"] is True
    assert [(204, b"")] * 2 == [(reply.status_code, reply.content) for reply in replies]
    assert [EntryVotes("alpha", 0, 1, {"outdated": 1})] == kept(client)


def test_votes_without_an_entry_are_on_the_query(client: TestClient) -> None:
    """As on one that got no answer; null and absent fields are the same."""
    for said in ({}, {"entry_id": None, "reason": None}):
        vote = {"query_id": ask(client, "who")["query_id"], "helpful": False}
        assert 204 == client.post("/v1/feedback", json=vote | said).status_code
    assert [EntryVotes(None, 0, 2, {})] == kept(client)


def test_each_question_of_a_batch_has_its_own_id(client: TestClient) -> None:
    """And takes votes."""
    results = client.post("/v1/ask/batch", json={"questions": ["What is alpha?", "What is beta?"]}).json()["results"]
    assert [True, True] == [one["feedback"] for one in results]
    for one in results:
        vote = {"query_id": one["query_id"], "entry_id": one["answers"][0]["id"], "helpful": True}
        assert 204 == client.post("/v1/feedback", json=vote).status_code
    assert [EntryVotes("alpha", 1, 0, {}), EntryVotes("beta", 1, 0, {})] == kept(client)


def test_votes_that_are_refused(client: TestClient) -> None:
    """Unknown queries and entries, and what breaks the schema; nothing of them is kept."""
    query = ask(client, "What is alpha?")["query_id"]
    vote = {"query_id": query, "entry_id": "alpha", "helpful": True}
    for change, expected in (
        ({"query_id": "0" * 32}, (422, "query-unknown")),
        ({"query_id": query[:-1] + ("0" if query[-1] != "0" else "1")}, (422, "query-unknown")),
        ({"entry_id": "zebra"}, (404, "not-found")),
        ({"query_id": "zebra"}, (422, "request-invalid")),
        ({"query_id": query.upper() + "\n"}, (422, "request-invalid")),
        ({"entry_id": "e" * 129}, (422, "request-invalid")),
        ({"helpful": 1}, (422, "request-invalid")),
        ({"helpful": None}, (422, "request-invalid")),
        ({"reason": "unclear"}, (422, "request-invalid")),  # though it helped
        ({"helpful": False, "reason": "zebra"}, (422, "request-invalid")),
        ({"comment": "zebra"}, (422, "request-invalid")),
        ({"comment": "z" * 2_048}, (413, "body-too-large")),
    ):
        response = client.post("/v1/feedback", json=vote | change)
        assert expected == told(response), change
        assert "zebra" not in response.text
    bare = client.post("/v1/feedback", content=b"\xff", headers={"content-type": "application/json"})
    assert (400, "bad-request") == told(bare)
    assert [] == kept(client)


def test_a_query_has_fifty_votes(client: TestClient) -> None:
    """Then 409."""
    vote = {"query_id": ask(client, "What is alpha?")["query_id"], "helpful": True}
    assert {204} == {client.post("/v1/feedback", json=vote).status_code for _ in range(50)}
    assert (409, "votes-exhausted") == told(client.post("/v1/feedback", json=vote))


def test_a_file_that_cant_be_written_is_a_reason_to_come_back(client: TestClient) -> None:
    """503 with the time to wait; questions are answered as ever."""
    vote = {"query_id": ask(client, "What is alpha?")["query_id"], "helpful": True}
    database = client.app.state.journal.store._database  # type: ignore[attr-defined]  # as above
    with database.writing() as db:
        db.execute("CREATE TRIGGER closed BEFORE INSERT ON votes BEGIN SELECT RAISE(ABORT, 'closed'); END")
    response = client.post("/v1/feedback", json=vote)
    assert (503, "feedback-unavailable") == told(response)
    assert response.headers["retry-after"] == "1"
    assert str(database._name) in response.json()["detail"]
    assert ask(client, "What is alpha?")["outcome"] == "answered"


def test_without_a_folder_votes_are_off(index: Path) -> None:
    """Answers say so, and the route does."""
    with serving(index, calibrated()) as client:
        found = ask(client, "What is alpha?")
        response = client.post("/v1/feedback", json={"query_id": found["query_id"], "helpful": True})
    assert found["feedback"] is False
    assert re.fullmatch("[0-9a-f]{32}", found["query_id"])
    assert (404, "feedback-off") == told(response)


def test_a_folder_that_cant_be_used_keeps_nobody_from_asking(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a disk that is read only: one line in the log, and answers without votes."""
    (tmp_path / "file").touch()
    with serving(index, calibrated(), state_dir=str(tmp_path / "file" / "state")) as client:
        found = ask(client, "What is alpha?")
    logged = capsys.readouterr().err
    assert ("answered", False) == (found["outcome"], found["feedback"])
    assert 1 == logged.count("feedback-off")
    assert str(tmp_path) not in logged


def test_entries_wait_for_the_index(tmp_path: Path, folder: Path) -> None:
    """Until there is an index no entry is known, and a vote on one is to come again."""
    with running(tmp_path / "index", state_dir=str(folder)) as client:
        query = client.app.state.journal.query_id()  # type: ignore[attr-defined]  # as above
        vote = {"query_id": query, "helpful": True}
        of_entry = client.post("/v1/feedback", json=vote | {"entry_id": "alpha"})
        assert (503, "not-ready") == told(of_entry)
        assert 204 == client.post("/v1/feedback", json=vote).status_code


def test_the_figures_of_a_day_hold_every_question(index: Path, folder: Path) -> None:
    """Those of single requests, batches and mails, written at the latest when the service ends."""
    with serving(index, calibrated(), state_dir=str(folder)) as client:
        first = ask(client, "What is alpha?")
        batch = client.post("/v1/ask/batch", json={"questions": ["What is alpha beta", "", "who"]}).json()["results"]
        mail = client.post("/v1/mail", content=LETTER.encode(), headers=RFC822).json()
    outcomes = [first["outcome"], *(one["outcome"] for one in batch if "outcome" in one)]
    outcomes += [one["outcome"] for one in mail["questions"]]
    with closing(Store(folder)) as store:
        today = store.days(2)  # it may be past midnight now
    assert ["answered", "ambiguous", "abstained", "answered"] == outcomes
    assert (2, 1, 1, 4) == tuple(
        sum(one) for one in zip(*((d.answered, d.ambiguous, d.abstained, sum(d.latencies)) for d in today), strict=True)
    )


CANARIES = ("what is mu zebra crossing", "who zebra pineapple", "alpha beta zebra lantern")


def ask_everything(client: TestClient) -> set[str]:
    """Ask the canaries in every way; the texts of those without a single answer."""
    asked = [(text, ask(client, text)["outcome"]) for text in CANARIES]
    batch = client.post("/v1/ask/batch", json={"questions": ["What is alpha? zebra", *CANARIES]}).json()["results"]
    asked += [(text, one["outcome"]) for text, one in zip(("What is alpha? zebra", *CANARIES), batch, strict=True)]
    letter = LETTER.replace("What is alpha?", "Who is zebra mongoose?")
    mail = client.post("/v1/mail", content=letter.encode(), headers=RFC822).json()
    asked += [(one["text"], one["outcome"]) for one in mail["questions"]]
    assert {"answered", "ambiguous", "abstained"} == {outcome for _, outcome in asked}
    return {text for text, outcome in asked if outcome != "answered"} - {
        text for text, outcome in asked if outcome == "answered"
    }


def test_no_byte_of_a_question_is_kept_by_default(index: Path, folder: Path) -> None:
    """Neither in the file nor in its log nor in its index of the log, while the service runs and afterwards."""
    with serving(index, calibrated(), state_dir=str(folder)) as client:
        ask_everything(client)
        client.app.state.journal.flush()  # type: ignore[attr-defined]  # as above
        names = {path.name for path in folder.iterdir()}
        during = content(folder)
    assert {FILE, f"{FILE}-wal", f"{FILE}-shm"} == names
    assert b"abstained" in during  # something was written
    for text in (b"zebra", b"mongoose", b"What is"):
        assert text not in during
        assert text not in content(folder)


def test_only_questions_without_an_answer_are_recorded(index: Path, folder: Path) -> None:
    """With recording on, those are there and the answered ones are not."""
    with serving(index, calibrated(), state_dir=str(folder), record_questions=True) as client:
        unanswered = ask_everything(client)
        client.app.state.journal.flush()  # type: ignore[attr-defined]  # as above
        recorded = {one.text for one in client.app.state.journal.store.unanswered(100)}  # type: ignore[attr-defined]
    assert unanswered == recorded
    assert len(recorded) >= 3
    assert b"What is alpha? zebra" not in content(folder)


def query_id(server: Server) -> str:
    """The id of a query that has been answered, by whichever worker is ready."""
    status, body = 0, b""
    while status != HTTPStatus.OK:
        status, body = server.request("POST", "/v1/ask", {"question": "What is alpha?"})
    return str(json.loads(body)["query_id"])


def vote_until_it_ends(server: Server, taken: list[str], stop: threading.Event) -> None:
    """Ask and vote, and note each query whose vote has been taken."""
    while not stop.is_set():
        try:
            query = query_id(server)
            status, _ = server.request("POST", "/v1/feedback", {"query_id": query, "helpful": True})
        except (OSError, http.client.HTTPException):  # it has been killed
            return
        if status == HTTPStatus.NO_CONTENT:
            taken.append(query)


def test_a_killed_service_has_kept_every_vote_that_it_took(
    index: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`qa serve` is killed while four clients vote; each vote that got its 204 is there, and the file opens again."""
    monkeypatch.setenv("QA_STATE_DIR", str(folder))
    server = Server(index, tmp_path)
    server.wait_ready()
    taken: list[str] = []
    stop = threading.Event()
    clients = [threading.Thread(target=vote_until_it_ends, args=(server, taken, stop)) for _ in range(4)]
    for one in clients:
        one.start()
    while len(taken) < 40 and any(one.is_alive() for one in clients):
        stop.wait(0.01)
    server.process.kill()
    stop.set()
    for one in clients:
        one.join(60)
    assert -signal.SIGKILL == server.stop()
    with closing(Store(folder)) as store:
        counted = sum(one.helpful for one in store.votes())
    with closing(sqlite3.connect(folder / FILE)) as db:
        kept = {row[0].hex() for row in db.execute("SELECT query FROM votes")}
    assert len(taken) >= 40
    assert set() == set(taken) - kept
    assert counted == len(kept)


def test_workers_take_votes_on_each_others_answers(
    index: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever process answered, each takes the vote, and what all of them counted is summed."""
    monkeypatch.setenv("QA_STATE_DIR", str(folder))
    server = Server(index, tmp_path, "--workers", "2")
    server.wait_workers(2)
    votes = [{"query_id": query_id(server), "helpful": True} for _ in range(30)]
    statuses = [server.request("POST", "/v1/feedback", vote)[0] for vote in votes]
    assert 0 == server.stop()
    assert [204] * 30 == statuses
    with closing(Store(folder)) as store:
        assert [EntryVotes(None, 30, 0, {})] == store.votes()
        assert 30 == sum(day.answered + day.ambiguous + day.abstained for day in store.days(2))
