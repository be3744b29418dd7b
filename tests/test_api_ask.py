from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from qa_service.api.live import Opener
from qa_service.artifact.read import read
from qa_service.confidence import Calibration, Logistic, Weights
from qa_service.retriever import Clock, Retriever, today
from tests import fakes
from tests.test_api_probes import serving

# A calibration that can be worked out by hand: the score is the cosine to the nearest wording alone, and the logit of
# the best is -4.4 + 4.8 · (score + margin), from which the others' falls by 6 · their distance in score + margin.
PLAIN = Calibration(
    weights=Weights(wording=1.0, passage=0.0, prototype=0.0, entry_words=0.0, wording_words=0.0),
    logistic=Logistic(intercept=-4.4, slope=4.8, novelty=0.0, rival=6.0),
    answer_threshold=0.5,
    ambiguity_ratio=0.5,
)


def calibrated(calibration: Calibration = PLAIN, clock: Clock = today) -> Opener:
    """Opens a version as published, but for its calibration and its clock."""
    return lambda folder: Retriever(replace(read(folder), calibration=calibration), clock)


def confidence(calibration: Calibration, score: float, others: Sequence[float]) -> float:
    """The documented map from a score and the other candidates' scores, where nothing is known to be unanswerable."""
    values = [score, *others]
    proofs = []
    for place, value in enumerate(values):
        rivals = sorted(values[:place] + values[place + 1 :], reverse=True)[:3]
        proofs.append(2 * value - sum(rivals) / len(rivals) if rivals else value)
    logistic, top = calibration.logistic, max(proofs)
    logit = logistic.intercept + logistic.slope * top - logistic.rival * (top - proofs[0])
    return 1.0 / (1.0 + math.exp(-logit))


def ask(client: TestClient, question: str, **fields: Any) -> dict[str, Any]:
    """The response to one question that can be asked."""
    response = client.post("/v1/ask", json={"question": question, **fields})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def ids(response: dict[str, Any]) -> list[str]:
    """The ids of a response, answers first."""
    return [match["id"] for match in (*response["answers"], *response["related"])]


def close(value: float) -> Any:
    """A value as it is sent, six decimals, from vectors in single precision."""
    return pytest.approx(value, abs=2e-6)


def lasting(response: dict[str, Any]) -> dict[str, Any]:
    """What two responses to one question have in common: all but their id and their time."""
    return {name: value for name, value in response.items() if name not in ("query_id", "took_ms")}


def test_answered(index: Path) -> None:
    """The entry's own question is answered with the official answer, its source and exact scores."""
    raw = (index.parent / "faq.jsonl").read_bytes()
    written = json.dumps(fakes.FAQ[0]["answer"], ensure_ascii=False)[1:-1].encode()
    with serving(index, calibrated()) as client:
        found = ask(client, "What is alpha?")
    # Cosines: alpha shares 3 of 3 words, the others 2 of 3. Margins: 1 - 2/3 = 1/3 and 2/3 - (1 + 2/3) / 2 = -1/6.
    # Logits: -4.4 + 4.8 · 4/3 = 2 and 2 - 6 · (4/3 - 1/2) = -3.
    runner_up = {"confidence": close(1 / (1 + math.exp(3))), "similarity": close(2 / 3)}
    assert lasting(found) == {
        "outcome": "answered",
        "answers": [
            {
                "id": "alpha",
                "question": "What is alpha?",
                "answer": "Red one. \u201cVerbatim\u201d, [link](https://example.gov).",
                "answer_html": '<p>Red one. \u201cVerbatim\u201d, <a href="https://example.gov">link</a>.</p>',
                "confidence": close(1 / (1 + math.exp(-2))),
                "similarity": close(1.0),
                "matched": "What is alpha?",
                "source": {
                    "document": "faq.jsonl",
                    "title": None,
                    "uri": None,
                    "sha256": hashlib.sha256(raw).hexdigest(),
                    "start": raw.index(written),
                    "end": raw.index(written) + len(written),
                },
                "language": "en",
                "tags": [],
                "reviewed_at": None,
            }
        ],
        "related": [
            {"id": "beta", "question": "What is beta?", **runner_up},
            {"id": "gamma", "question": "What is gamma?", **runner_up},
        ],
        "index_version": index.joinpath("CURRENT").read_text().strip(),
        "languages": ["en", "es"],
        "feedback": False,
    }


def test_fields_stand_in_the_published_order(index: Path) -> None:
    """The fields of a response are the documented ones, in the documented order, and the id and time are its own."""
    with serving(index, calibrated()) as client:
        response = client.post("/v1/ask", json={"question": "What is alpha?"})
    found = response.json()
    assert response.headers["content-type"] == "application/json"
    assert list(found) == [
        *("query_id", "outcome", "answers", "related", "languages", "index_version", "took_ms", "feedback"),
    ]
    assert list(found["answers"][0]) == [
        "id",
        "question",
        "answer",
        "answer_html",
        "confidence",
        "similarity",
        "matched",
        "source",
        "language",
        "tags",
        "reviewed_at",
    ]
    assert list(found["answers"][0]["source"]) == ["document", "title", "uri", "sha256", "start", "end"]
    assert len(bytes.fromhex(found["query_id"])) == 16
    assert found["took_ms"] >= 0


def test_ambiguous(index: Path) -> None:
    """A question that two entries fit alike offers both."""
    with serving(index, calibrated()) as client:
        found = ask(client, "What is alpha beta")
    # Four words, three of them in alpha's question and in beta's: 3 / sqrt(4 · 3); gamma shares two: 2 / sqrt(12).
    pair, third = 3 / math.sqrt(12), 2 / math.sqrt(12)
    assert found["outcome"] == "ambiguous"
    assert ids({**found, "related": []}) == ["alpha", "beta"]
    for answer in found["answers"]:
        assert answer["similarity"] == close(pair)
        assert answer["confidence"] == close(confidence(PLAIN, pair, [pair, third]))
    assert found["related"] == [
        {
            "id": "gamma",
            "question": "What is gamma?",
            "confidence": close(confidence(PLAIN, third, [pair, pair])),
            "similarity": close(third),
        }
    ]


def test_abstained(index: Path) -> None:
    """A question that no entry fits has no answer, and its nearest entries come without theirs."""
    with serving(index, calibrated()) as client:
        found = ask(client, "who")
    assert (found["outcome"], found["answers"]) == ("abstained", [])
    # No word is shared: every cosine is 0, every margin 0, every logit -4.4; so the order of the FAQ stays.
    assert found["related"] == [
        {
            "id": entry["id"],
            "question": entry["question"],
            "confidence": close(1 / (1 + math.exp(4.4))),
            "similarity": 0.0,
        }
        for entry in fakes.FAQ
    ]


def test_threshold_of_the_index_decides(index: Path) -> None:
    """The same scores are answered just below the threshold and not just above it."""
    joint = 1 / (1 + math.exp(-2))
    outcomes = []
    for threshold in (joint - 1e-5, joint + 1e-5):
        with serving(index, calibrated(replace(PLAIN, answer_threshold=threshold))) as client:
            outcomes.append(ask(client, "What is alpha?")["outcome"])
    assert outcomes == ["answered", "abstained"]


def test_all_signals_count_as_published(index: Path) -> None:
    """The published calibration weighs the three cosines and the two bounded BM25 of each entry."""
    with serving(index) as client:
        found = ask(client, "What is alpha?")
    calibration = Calibration()
    # Question with answer: five known words each ("what is alpha red one"), of which the question's three share 3 or 2.
    # Prototype: the question's vector and the passage's, added; they have a cosine of 3 / sqrt(15) to each other.
    together = 3 / math.sqrt(15)
    # BM25: "what" and "is" stand in all three entries, "alpha" in one. A term of a question counts five times, so the
    # entries hold 15 terms and 7, 4 and 2 of their answers, 58/3 on average; the wordings hold three terms each.
    common, rare = math.log(1 + 0.5 / 3.5), math.log(1 + 2.5 / 1.5)
    share = {n: 5 / (5 + 1.2 * (0.25 + 0.75 * n / (58 / 3))) for n in (22, 19, 17)}
    held = 2 * common / (2 * common + rare)
    # In the order of the weights.
    signals = {
        "alpha": (1.0, together, (1 + together) / math.sqrt(2 + 2 * together), share[22], 1 / 2.2),
        "beta": (2 / 3, 2 / math.sqrt(15), 2 / 3 * math.sqrt((1 + together) / 2), held * share[19], held / 2.2),
        "gamma": (2 / 3, 2 / math.sqrt(15), 2 / 3 * math.sqrt((1 + together) / 2), held * share[17], held / 2.2),
    }
    weights = astuple(calibration.weights)
    scores = {name: sum(w * v for w, v in zip(weights, values, strict=True)) for name, values in signals.items()}
    assert ids(found) == sorted(scores, key=lambda name: -scores[name])
    got = {match["id"]: match["confidence"] for match in (*found["answers"], *found["related"])}
    for name, score in scores.items():
        others = [s for n, s in scores.items() if n != name]
        assert got[name] == close(confidence(calibration, score, others))


def test_matched_is_the_closest_wording(tmp_path: Path) -> None:
    """`matched` and `similarity` belong to the wording of the entry's question that came closest."""
    entry: dict[str, object] = {
        "id": "one",
        "question": "What is alpha?",
        "answer": "Red.",
        "alternates": ["who to keep", "blue beta"],
    }
    fakes.build_index(tmp_path, [entry])
    with serving(tmp_path / "index", calibrated(replace(PLAIN, answer_threshold=0.25))) as client:
        found = ask(client, "beta blue green")
    # Two of three words, against a wording of two: 2 / sqrt(6). A lone candidate's margin is 0.
    match = (*found["answers"], *found["related"])[0]
    assert match["similarity"] == close(2 / math.sqrt(6))
    assert match["confidence"] == close(confidence(PLAIN, 2 / math.sqrt(6), []))
    assert [a["matched"] for a in found["answers"]] == ["blue beta"]


@pytest.mark.parametrize(("top", "expected"), [(1, 1), (2, 2), (3, 3), (20, 3)])
def test_top_bounds_what_comes_back(index: Path, top: int, expected: int) -> None:
    """`top` entries come back at most, and their scores do not depend on it."""
    with serving(index, calibrated()) as client:
        whole = ask(client, "What is alpha?")
        found = ask(client, "What is alpha?", top=top)
    assert found["answers"] == whole["answers"]
    assert found["related"] == whole["related"][: expected - 1]


@pytest.mark.parametrize("question", ["What is alpha?", "What is alpha beta", "who"])
def test_top_bounds_every_outcome(index: Path, question: str) -> None:
    """One entry at most comes back where one was asked for, whatever the outcome."""
    with serving(index, calibrated()) as client:
        assert len(ids(ask(client, question, top=1))) <= 1


@pytest.mark.parametrize(
    ("language", "expected"),
    [("es", ["gamma"]), ("ES", ["gamma"]), ("en", ["alpha", "beta"]), ("fr", []), ("en-US", [])],
)
def test_language(index: Path, language: str, expected: list[str]) -> None:
    """Only entries of the language come back, and none where there is none."""
    with serving(index, calibrated()) as client:
        found = ask(client, "What is", language=language)
    assert ids(found) == expected
    assert found["outcome"] != "abstained" or not found["answers"]


def test_language_finds_its_regions(tmp_path: Path) -> None:
    """A language finds entries of its regions, and not those of a language whose name begins alike."""
    languages = ["en-US", "en", "eng", "en-GB"]
    fakes.build_index(
        tmp_path,
        [
            {"id": f"e{i}", "question": "What is alpha?", "answer": str(i), "language": n}
            for i, n in enumerate(languages)
        ],
    )
    with serving(tmp_path / "index", calibrated()) as client:
        found = {n: sorted(ids(ask(client, "What is alpha?", language=n, top=20))) for n in ("en", "en-us", "eng")}
    assert found == {"en": ["e0", "e1", "e3"], "en-us": ["e0"], "eng": ["e2"]}


@pytest.mark.parametrize(
    ("tags", "expected"),
    [([], ["a", "b", "c"]), (["x"], ["a", "b"]), (["x", "y"], ["b"]), (["y", "x", "x"], ["b"]), (["none"], [])],
)
def test_tags(tmp_path: Path, tags: list[str], expected: list[str]) -> None:
    """Only entries that carry every tag come back."""
    fakes.build_index(
        tmp_path,
        [
            {"id": "a", "question": "What is alpha?", "answer": "1", "tags": ["x"]},
            {"id": "b", "question": "What is beta?", "answer": "2", "tags": ["x", "y"]},
            {"id": "c", "question": "What is gamma?", "answer": "3"},
        ],
    )
    with serving(tmp_path / "index", calibrated()) as client:
        found = ask(client, "What is", tags=tags)
    assert ids(found) == expected


def test_effective_window(tmp_path: Path) -> None:
    """An entry comes back from the first day of its window to the last, and on no other day."""
    fakes.build_index(
        tmp_path,
        [
            {
                "id": "spring",
                "question": "What is alpha?",
                "answer": "Red.",
                "effective_from": "2024-03-01",
                "effective_to": "2024-05-31",
            },
            {"id": "open", "question": "What is beta?", "answer": "Green.", "effective_from": "2024-05-31"},
        ],
    )
    day = [date(2024, 2, 29)]
    expected = {
        date(2024, 2, 29): [],
        date(2024, 3, 1): ["spring"],
        date(2024, 5, 30): ["spring"],
        date(2024, 5, 31): ["open", "spring"],
        date(2024, 6, 1): ["open"],
    }
    found = {}
    with serving(tmp_path / "index", calibrated(clock=lambda: day[0])) as client:
        for day[0] in expected:
            found[day[0]] = sorted(ids(ask(client, "What is alpha?")))
    assert found == expected


def test_nothing_in_effect(tmp_path: Path) -> None:
    """Where no entry is in effect the service is ready and abstains with nothing related."""
    entry: dict[str, object] = {
        "id": "old",
        "question": "What is alpha?",
        "answer": "Red.",
        "effective_to": "2020-01-01",
    }
    fakes.build_index(tmp_path, [entry])
    with serving(tmp_path / "index") as client:
        found = ask(client, "What is alpha?")
    assert (found["outcome"], found["answers"], found["related"]) == ("abstained", [], [])


def test_invisible_characters_do_not_count(index: Path) -> None:
    """A question with zero-width characters and odd spaces gets the answer of the plain one."""
    with serving(index, calibrated()) as client:
        assert lasting(ask(client, "\u200b What\u00a0is\t\tal\u200bpha?\n")) == lasting(ask(client, "What is alpha?"))


def test_longest_question(index: Path) -> None:
    """A question of 2,000 characters is asked."""
    with serving(index, calibrated()) as client:
        assert ids(ask(client, "alpha " * 333 + "is"))[0] == "alpha"


def test_batch_keeps_the_order(index: Path) -> None:
    """The results of a batch stand in the order of its questions."""
    names = [("alpha", "beta", "gamma")[i * i % 3] for i in range(50)]
    with serving(index, calibrated()) as client:
        response = client.post("/v1/ask/batch", json={"questions": [f"What is {name}?" for name in names]})
    assert response.status_code == 200
    assert [r["answers"][0]["id"] for r in response.json()["results"]] == names
    assert list(response.json()) == ["results", "index_version", "took_ms"]


def test_batch_items_fail_alone(index: Path) -> None:
    """Each bad item has its own error in its place, and the others are answered."""
    items = ["What is alpha?", "", 3, None, {"question": "What is beta?", "extra": 1}, {"question": "What is beta?"}]
    items += ["\u200b", "x" * 2001, {}, "What is gamma?"]
    with serving(index, calibrated()) as client:
        response = client.post("/v1/ask/batch", json={"questions": items})
    results = response.json()["results"]
    assert response.status_code == 200
    assert [r["answers"][0]["id"] if "answers" in r else r["error"]["code"] for r in results] == [
        "alpha",
        "question-invalid",
        "request-invalid",
        "request-invalid",
        "request-invalid",
        "beta",
        "question-invalid",
        "question-invalid",
        "request-invalid",
        "gamma",
    ]
    assert results[1]["error"]["detail"] == "the question is empty"
    assert results[4]["error"]["errors"] == [{"field": "extra", "message": "unknown field"}]
    assert results[7]["error"]["detail"] == "the question has 2001 characters; 2000 are allowed"
    assert results[8]["error"]["errors"] == [{"field": "question", "message": "Field required"}]
    assert all(r["error"]["status"] == 422 for r in results if "error" in r)


def test_batch_error_is_the_single_error(index: Path) -> None:
    """A bad item's error is, field for field, what the question alone would have got."""
    with serving(index, calibrated()) as client:
        single = client.post("/v1/ask", json={"question": ""}).json()
        batch = client.post("/v1/ask/batch", json={"questions": [""]}).json()
    assert batch["results"] == [{"error": single}]


def test_batch_options_hold_for_plain_texts(index: Path) -> None:
    """The batch's options hold for its plain texts, an object has its own."""
    items = ["What is", {"question": "What is"}, {"question": "What is alpha?", "top": 1}]
    with serving(index, calibrated()) as client:
        response = client.post("/v1/ask/batch", json={"questions": items, "language": "es"})
    assert [ids(r) for r in response.json()["results"]] == [["gamma"], ["alpha", "beta", "gamma"], ["alpha"]]


@pytest.mark.parametrize(("size", "status"), [(0, 422), (1, 200), (256, 200), (257, 422)])
def test_batch_size(index: Path, size: int, status: int) -> None:
    """A batch holds 1 to 256 questions."""
    with serving(index) as client:
        response = client.post("/v1/ask/batch", json={"questions": ["What is alpha?"] * size})
    assert response.status_code == status
    assert len(response.json().get("results", [])) == (size if status == 200 else 0)


def test_single_and_batch_give_the_same_bytes(index: Path) -> None:
    """A question gets the same bytes alone, alone again and in a batch."""
    questions = ["What is alpha?", "What is alpha beta", "who", "what must a company do to keep its status"]

    def lasting_bytes(body: bytes) -> bytes:
        return body[body.index(b'"outcome"') : body.rindex(b',"took_ms"')]

    with serving(index) as client:
        first, second = (
            [lasting_bytes(client.post("/v1/ask", json={"question": q}).content) for q in questions] for _ in range(2)
        )
        batch = client.post("/v1/ask/batch", json={"questions": questions}).content
    assert first == second
    places = [batch.index(part) for part in first]
    assert places == sorted(places)


def test_a_batch_uses_one_version(index: Path) -> None:
    """Every result of a batch names the batch's own version."""
    with serving(index) as client:
        body = client.post("/v1/ask/batch", json={"questions": ["alpha", "beta", "gamma"]}).json()
    assert {r["index_version"] for r in body["results"]} == {body["index_version"]}
