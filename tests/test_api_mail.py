from __future__ import annotations

from pathlib import Path

import pytest

from qa_service.api.mailing import MailResponse, mail_response
from tests import fakes, mailrows
from tests.test_api_ask import calibrated
from tests.test_api_probes import serving

LETTER = """From: Ana Prieto <ana@partner.example>
To: desk@agency.example
Subject: Alpha
Message-ID: <1@partner.example>
Date: Tue, 03 Nov 2026 09:00:00 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Hello,

What is alpha?

On Mon, 2 Nov 2026 at 08:00, Desk <desk@agency.example> wrote:
> What is beta?
"""
RFC822 = {"Content-Type": "message/rfc822"}


def test_a_mail_comes_back_with_its_questions_and_answers(index: Path) -> None:
    """Each question of the new text has its place in it, its outcome and the answer word for word."""
    with serving(index, calibrated()) as client:
        response = client.post("/v1/mail", content=LETTER.encode(), headers=RFC822)
    assert response.status_code == 200, response.text
    found = response.json()
    assert list(found) == [
        *("file", "message_id", "subject", "date", "status", "reason", "language", "questions", "new_text", "draft"),
        "index_version",
    ]
    assert (found["file"], found["message_id"], found["subject"]) == ("-", "<1@partner.example>", "Alpha")
    assert (found["status"], found["reason"]) == ("matched", None)
    (question,) = found["questions"]
    assert found["new_text"][question["start"] : question["end"]] == question["text"] == "What is alpha?"
    assert question["outcome"] == "answered"
    assert question["answers"][0]["answer"] == fakes.FAQ[0]["answer"]
    assert fakes.FAQ[0]["answer"] in found["draft"]


def test_the_same_question_has_the_same_answers_by_mail_and_alone(index: Path) -> None:
    """One retriever answers all: entries, confidences and related entries are the same."""
    with serving(index, calibrated()) as client:
        by_mail = client.post("/v1/mail", content=LETTER.encode(), headers=RFC822).json()["questions"][0]
        alone = client.post("/v1/ask", json={"question": "What is alpha?"}).json()
    assert {key: by_mail[key] for key in ("outcome", "answers", "related")} == {
        key: alone[key] for key in ("outcome", "answers", "related")
    }


def test_a_mail_that_wants_no_answer_is_skipped_with_the_reason(index: Path) -> None:
    """Automatic mail and mail of one's own is not asked."""
    automatic = LETTER.replace("Subject:", "Auto-Submitted: auto-replied\nSubject:")
    own = LETTER.replace("ana@partner.example>", "desk@agency.example>")
    with serving(index, calibrated(), own_addresses="desk@agency.example, x@y.example") as client:
        found = [client.post("/v1/mail", content=one.encode(), headers=RFC822).json() for one in (automatic, own)]
        metrics = client.get("/metrics").text
    assert [one["status"] for one in found] == ["skipped", "skipped"]
    assert all(one["reason"] and not one["questions"] and one["draft"] is None for one in found)
    assert 'qa_mails_total{status="skipped"} 2.0' in metrics


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_another_type_of_body_is_refused(index: Path, kind: str) -> None:
    """The message goes over the wire as it is; what is sent as something else is not guessed at."""
    with serving(index, calibrated()) as client:
        response = client.post("/v1/mail", content=LETTER.encode(), headers={"Content-Type": kind} if kind else {})
    assert response.status_code == 415
    assert "message/rfc822" in response.json()["detail"]


def test_a_mail_over_the_limit_is_refused(index: Path) -> None:
    """The limit of a mail is its own, above that of a question."""
    with serving(index, calibrated(), max_mail_bytes=2_000, max_body_bytes=1_024) as client:
        fits = client.post("/v1/mail", content=LETTER.encode() + b" " * 1_000, headers=RFC822)
        over = client.post("/v1/mail", content=LETTER.encode() + b" " * 2_000, headers=RFC822)
    assert (fits.status_code, over.status_code) == (200, 413)


def test_bytes_that_are_no_mail_still_come_back(index: Path) -> None:
    """Garbage is a mail like any other: it has a status, and the service goes on."""
    with serving(index, calibrated()) as client:
        found = client.post("/v1/mail", content=bytes(range(256)) * 8, headers=RFC822)
        after = client.post("/v1/mail", content=LETTER.encode(), headers=RFC822)
    assert found.status_code == 200
    assert found.json()["status"] in {"abstained", "skipped", "error"}
    assert after.json()["status"] == "matched"


def test_rows_of_earlier_releases_are_read() -> None:
    """A ledger may hold results from before answers had HTML and sources titles; they are read as having none."""
    made = mail_response(mailrows.mail(mailrows.answered()))
    line = made.model_dump_json()
    earlier = line.replace('"answer_html":"",', "").replace('"title":null,', "")
    assert len(line) - len(earlier) == len('"answer_html":"","title":null,')
    assert MailResponse.model_validate_json(earlier) == made
