from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from qa_service.artifact.read import read
from qa_service.domain import Query, Result
from qa_service.errors import DeadlineError, OverloadedError, QaError
from qa_service.retriever import Retriever
from qa_service.web import POLICY
from tests import fakes
from tests.tags import Tags
from tests.test_api_ask import calibrated
from tests.test_api_probes import figure, running, serving, wait_until

HTML = "text/html; charset=utf-8"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def questions(text: str) -> list[str]:
    """The questions of the list, in order."""
    listed = text[text.index('<div id="_entries">') :]
    return re.findall(r"<summary><h3[^>]*>(.*?)</h3>", listed)


def many(count: int) -> list[dict[str, object]]:
    return [
        {"id": f"e{i:03}", "question": f"What is {fakes.WORDS[i % 40]} {i}?", "answer": f"No {i}."}
        for i in range(count)
    ]


def ask(client: TestClient, question: str) -> Any:
    return client.post("/", data={"question": question})


def test_the_page_has_the_faq(index: Path) -> None:
    """All questions are there, under the policy of pages, and clients ask each time whether they still hold."""
    with serving(index) as client:
        response = client.get("/")
    assert (response.status_code, response.headers["content-type"]) == (200, HTML)
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["cache-control"] == "no-cache"
    assert questions(response.text) == ["What is alpha?", "What is beta?", "What is gamma?"]
    assert '<a href="https://example.gov">link</a>' in response.text


def test_who_holds_the_page_gets_no_body(index: Path) -> None:
    """The tag is over the page's bytes, whether they travel compressed or not."""
    with serving(index) as client:
        plain = client.get("/", headers={"Accept-Encoding": "identity"})
        packed = client.get("/", headers={"Accept-Encoding": "gzip, br"})
        held = client.get("/", headers={"If-None-Match": packed.headers["etag"]})
    assert packed.headers["etag"] == plain.headers["etag"] == f'W/"{hashlib.sha256(plain.content).hexdigest()[:32]}"'
    assert (packed.headers["content-encoding"], packed.text) == ("gzip", plain.text)
    assert int(packed.headers["content-length"]) < len(plain.content)
    assert "content-encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["vary"]
    assert "Accept-Encoding" in packed.headers["vary"]
    assert (held.status_code, held.content) == (304, b"")


def test_the_page_follows_the_day(tmp_path: Path) -> None:
    """An entry appears on the day that it comes into effect, and its address leads nowhere before."""
    new: dict[str, object] = {"id": "new", "question": "What is mu?", "answer": "1", "effective_from": "2024-06-02"}
    fakes.build_index(tmp_path, [*fakes.FAQ, new])
    day = [date(2024, 6, 1)]
    with serving(tmp_path / "index", calibrated(clock=lambda: day[0])) as client:
        before = [client.get("/"), client.get("/entry/new", follow_redirects=False)]
        day[0] = date(2024, 6, 2)
        after = [client.get("/"), client.get("/entry/new", follow_redirects=False)]
    assert [len(questions(page.text)) for page in (before[0], after[0])] == [3, 4]
    assert [entry.status_code for entry in (before[1], after[1])] == [404, 302]


def test_the_page_follows_the_index(tmp_path: Path) -> None:
    """A new version is on the page without a restart."""
    fakes.build_index(tmp_path)
    with serving(tmp_path / "index") as client:
        assert len(questions(client.get("/").text)) == 3
        fakes.build_index(tmp_path, fakes.FAQ[:2])
        wait_until(lambda: len(questions(client.get("/").text)) == 2)


def test_pages_walk_the_faq(tmp_path: Path) -> None:
    """A hundred entries a page, each once; a number that no page has is not found."""
    fakes.build_index(tmp_path, many(203))
    with serving(tmp_path / "index", log_level="error") as client:
        walked = [question for n in (1, 2, 3) for question in questions(client.get(f"/?page={n}").text)]
        missing = [client.get("/", params={"page": n}) for n in ("0", "4", "-1", "x", "", "\u0662", "1" * 5000)]
    assert walked == [entry["question"] for entry in many(203)]
    assert [(r.status_code, r.headers["content-type"]) for r in missing] == [(404, HTML)] * 7
    assert {r.headers["content-security-policy"] for r in missing} == {POLICY}
    assert "<h1>Not found</h1>" in missing[0].text


def test_an_entry_leads_to_its_page(tmp_path: Path) -> None:
    """The address of an entry leads to where it stands now."""
    fakes.build_index(tmp_path, [*many(101), {"id": "ñ", "question": "What is mu?", "answer": "1"}])
    with serving(tmp_path / "index", log_level="error") as client:
        found = [client.get(f"/entry/{id_}", follow_redirects=False) for id_ in ("e000", "e100", "%C3%B1")]
        followed = client.get("/entry/e100")
    assert [(r.status_code, r.headers["location"]) for r in found] == [
        (302, "http://testserver/#e000"),
        (302, "http://testserver/?page=2#e100"),
        (302, "http://testserver/?page=2#%C3%B1"),
    ]
    assert 'id="e100"' in followed.text


def test_an_unknown_entry(index: Path) -> None:
    """A browser gets a page with the way to all questions, other clients get the error as everywhere."""
    with serving(index) as client:
        page = client.get("/entry/zebra", headers=BROWSER)
        problem = client.get("/entry/zebra")
    assert (page.status_code, page.headers["content-type"], page.headers["cache-control"]) == (404, HTML, "no-store")
    assert '<a href="../">All questions and answers</a>' in page.text
    assert "zebra" not in page.text
    assert (problem.status_code, problem.json()["code"]) == (404, "not-found")


def test_the_address_from_outside(index: Path) -> None:
    """Links carry the address that the settings name, and otherwise that of the request, whatever it is."""
    with serving(index, public_url="https://faq.example.gov/help/") as client:
        public = client.get("/")
        entry = client.get("/entry/beta", follow_redirects=False)
    with serving(index) as client:
        hosts = [client.get("/", headers={"Host": f"h{i}.example"}).text for i in (*range(20), 0)]
        hostile = client.get("/", headers={"Host": '"><img src=x>'}).text
    assert '<link rel="canonical" href="https://faq.example.gov/help/">' in public.text
    assert entry.headers["location"] == "https://faq.example.gov/help/#beta"
    for i, text in zip((*range(20), 0), hosts, strict=True):
        assert f'<link rel="canonical" href="http://h{i}.example/">' in text
    assert Tags(hostile).named("img") == []


def test_a_title_and_a_contact(index: Path) -> None:
    """What the settings say is on the page and in what the element reads."""
    with serving(index, title="Ask us", contact_url="mailto:help@example.gov") as client:
        page, info = client.get("/").text, client.get("/v1/info").json()
    assert "<title>Ask us</title>" in page
    assert '<a href="mailto:help@example.gov">Contact us</a>' in page
    assert (info["title"], info["contact_url"]) == ("Ask us", "mailto:help@example.gov")


def test_a_question_by_form_is_answered(index: Path) -> None:
    """The official answer stands on top of the same page; it is counted as any question and kept by nobody."""
    with serving(index, calibrated()) as client:
        response = ask(client, "What is alpha?")
        counted = figure(client, "qa_questions_total", outcome="answered")
    result = response.text[response.text.index('<section class="result"') : response.text.index("_entries")]
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert response.headers["content-security-policy"] == POLICY
    assert "etag" not in response.headers
    assert "Official answer" in result
    assert 'Red one. “Verbatim”, <a href="https://example.gov">link</a>.' in result
    assert questions(response.text) == ["What is alpha?", "What is beta?", "What is gamma?"]
    assert counted == 1.0


def test_a_question_by_form_gets_what_the_api_says(index: Path) -> None:
    """Outcome and entries are those of `POST /v1/ask`, for an answer, for choices and for none."""
    headings = {
        "answered": "Official answer",
        "ambiguous": "Which of these do you mean?",
        "abstained": "No official answer",
    }
    seen = set()
    with serving(index, calibrated()) as client:
        for question in ("What is alpha?", "what is", "seven eight nine"):
            told = client.post("/v1/ask", json={"question": question}).json()
            page = ask(client, question).text
            result = page[page.index('<section class="result"') : page.index("_entries")]
            seen.add(told["outcome"])
            assert headings[told["outcome"]] in result
            shown = re.findall(r"<h3 lang[^>]*>(.*?)</h3>", result) or re.findall(r'dir="auto">(.*?)</a>', result)
            assert shown == [one["question"] for one in told["answers"] or told["related"]]
    assert seen == headings.keys()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "Type a question."),
        (b"question=", "Type a question."),
        (b"question=+%20%0a", "Type a question."),
        (b"other=What", "Type a question."),
        (b"question=a&" + b"&".join(b"x%d=1" % i for i in range(11)), "Type a question."),
        (b"question=" + b"x" * 2001, "The question has 2001 characters; 2000 are allowed."),
    ],
)
def test_a_form_that_cannot_be_asked(index: Path, body: bytes, sentence: str) -> None:
    """The page says beside the field what is wrong, with the status of such an error."""
    with serving(index) as client:
        response = client.post("/", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (response.status_code, response.headers["content-type"], response.headers["cache-control"]) == (
        422,
        HTML,
        "no-store",
    )
    assert f'<p class="problem" id="_problem"><strong>Error:</strong> {sentence}</p>' in response.text
    assert 'aria-invalid="true"' in response.text


def test_what_browsers_send(index: Path) -> None:
    """Plus signs, percent signs and letters of all alphabets arrive as they were typed; broken ones do no harm."""
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    with serving(index) as client:
        typed = client.post("/", content=b"question=1%2B1+%25+%C3%B1%E2%98%83+%22%3E", headers=form)
        broken = client.post("/", content=b"question=%ff\xff%zz", headers=form)
    assert [a["value"] for a in Tags(typed.text).named("input")] == ['1+1 % ñ☃ ">']
    assert broken.status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_another_type_is_refused(index: Path, content_type: str) -> None:
    """Only what a form sends by itself is taken."""
    with serving(index) as client:
        response = client.post("/", content=b"question=zebra", headers={"Content-Type": content_type})
    assert (response.status_code, response.json()["code"]) == (415, "media-type")
    assert "zebra" not in response.text


def busy(error: QaError) -> Any:
    """Opens a retriever that answers once, when it is warmed, and raises from then on."""

    class Busy(Retriever):
        warmed = False

        def ask(self, queries: Sequence[Query]) -> list[Result]:
            if self.warmed:
                raise error
            self.warmed = True
            return super().ask(queries)

    return lambda folder: Busy(read(folder))


@pytest.mark.parametrize("error", [OverloadedError("9 are waiting"), DeadlineError("too late")])
def test_a_busy_service_says_so(index: Path, error: QaError) -> None:
    """Overload is a sentence beside the field, which keeps what was typed, and says when to come back."""
    with serving(index, busy(error)) as client:
        response = ask(client, "What is alpha?")
    (field,) = Tags(response.text).named("input")
    assert (response.status_code, response.headers["retry-after"], response.headers["content-type"]) == (503, "1", HTML)
    assert "Many questions are being asked right now. Try again in a moment." in response.text
    assert field["value"] == "What is alpha?"
    assert "aria-invalid" not in field


def test_without_an_index_there_is_a_sentence(tmp_path: Path) -> None:
    """Until an index is loaded every page says so in the installation's language."""
    with running(tmp_path / "index", language="es") as client:
        pages = [client.get("/"), ask(client, "What is alpha?"), client.get("/entry/alpha"), client.get("/?page=9")]
    assert [(p.status_code, p.headers["retry-after"], p.headers["content-type"]) for p in pages] == [
        (503, "1", HTML)
    ] * 4
    assert all("Las respuestas se están cargando." in page.text for page in pages)


def test_with_keys_the_form_remains(index: Path) -> None:
    """Where asking by script needs a key the page has none to give, so it has the form alone, which works."""
    with serving(index, calibrated(), key_sha256="0" * 64) as client:
        page, answered = client.get("/"), ask(client, "What is alpha?")
    assert "faq-ask" not in page.text
    assert '<form method="post" action="./"' in page.text
    assert "Official answer" in answered.text


def test_a_question_by_form_is_in_no_log(index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The log has the route and the status, not what was asked."""
    with serving(index) as client:
        ask(client, "zebra crossing pineapple")
        ask(client, "zebra" * 500)
    written = "".join(capfd.readouterr())
    assert '"route": "/"' in written
    assert "zebra" not in written


def test_questions_by_form_are_kept_as_others(index: Path, tmp_path: Path) -> None:
    """What the settings have kept of unanswered questions is kept of those that came by form."""
    app_options: dict[str, Any] = {"state_dir": str(tmp_path / "state"), "record_questions": True}
    with serving(index, calibrated(), **app_options) as client:
        ask(client, "seven eight nine")
        ask(client, "What is alpha?")
        journal = client.app.state.journal  # type: ignore[attr-defined]
        journal.flush()
        kept = [(one.text, one.outcome) for one in journal.store.unanswered(10)]
    assert kept == [("seven eight nine", "abstained")]
