from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from qa_service import loaders
from qa_service.artifact.publish import current
from qa_service.artifact.read import read
from qa_service.confidence import Calibration, Weights
from qa_service.domain import LabelledQuestion
from qa_service.lint import RULES, Finding, Material, Severity, fails, lint, prepare
from qa_service.lint.texts import is_contact_only, question_parts
from tests import fakes

DAY = date(2026, 6, 1)
# The score is the cosine to the nearest wording of an entry.
PLAIN = Calibration(weights=Weights(wording=1.0, passage=0.0, prototype=0.0, entry_words=0.0, wording_words=0.0))
Labelled = Sequence[LabelledQuestion]


@pytest.fixture
def materials(index: Path, tmp_path: Path) -> Materials:
    """Makes a FAQ out of entries or of a text, with the encoder of the fake index."""
    return Materials(index, tmp_path / "faq")


class Materials:
    """A folder of FAQ files and the index that they are held against."""

    def __init__(self, index: Path, folder: Path) -> None:
        self.snapshot = replace(read(index / current(index)), calibration=PLAIN)
        self.folder = folder
        folder.mkdir()

    def entries(self, *entries: dict[str, object], labelled: Labelled = (), stale_days: int = 365) -> Material:
        path = self.folder / "faq.jsonl"
        path.write_text("".join(json.dumps({"answer": "Yes.", **e}) + "\n" for e in entries), "utf-8")
        documents = loaders.load([path])
        return prepare(documents, {path.name: path}, self.snapshot, labelled, lambda: DAY, stale_days)

    def page(self, text: str) -> Material:
        path = self.folder / "faq.md"
        path.write_text(text, "utf-8")
        return prepare(loaders.load([path]), {path.name: path}, self.snapshot, (), lambda: DAY)


def found(rule: str, material: Material) -> list[tuple[str, int, str | None, str]]:
    """What one rule finds: severity, line, entry and sentence."""
    return [(f.severity.value, f.line, f.entry_id, f.sentence) for f in RULES[rule](material)]


def test_the_rules_have_stable_names() -> None:
    """Editors and their tools know rules by these names."""
    assert list(RULES) == [
        "near-duplicate",
        "competing",
        "compound",
        "dead-reference",
        "stale-review",
        "contact-only",
        "too-long",
    ]


def test_a_clean_faq_has_no_findings(materials: Materials) -> None:
    """The fake FAQ breaks no rule."""
    assert lint(materials.entries(*fakes.FAQ)) == ()


def test_findings_come_in_order_of_the_lines(materials: Materials) -> None:
    """Whatever rule they are of, and each with its rule, document, line and entry."""
    late: dict[str, object] = {"id": "late", "question": "What is eta?", "reviewed_at": "2020-01-01"}
    first: dict[str, object] = {"id": "first", "question": "What is mu?", "answer": "Call us."}
    got = lint(materials.entries(first, late))
    assert [(f.rule, f.document, f.line, f.entry_id) for f in got] == [
        ("contact-only", "faq.jsonl", 1, "first"),
        ("stale-review", "faq.jsonl", 2, "late"),
    ]


@pytest.mark.parametrize(
    ("severity", "loose", "strict"),
    [(Severity.NOTE, False, False), (Severity.WARNING, False, True), (Severity.ERROR, True, True)],
)
def test_what_fails(severity: Severity, loose: bool, strict: bool) -> None:
    """An error fails, under `strict` a warning as well, a note never."""
    one = (Finding(severity, "compound", "faq.md", 1, None, ""),)
    assert (fails(one, strict=False), fails(one, strict=True)) == (loose, strict)


def test_vectors_of_the_index_are_used_again(materials: Materials) -> None:
    """What the index holds is not embedded again, and what it does not hold is embedded as it would be."""
    new: dict[str, object] = {"id": "new", "question": "What is eta?", "answer": "Red."}
    material = materials.entries(*fakes.FAQ, new)
    assert (material.question_vectors == fakes.vectors([p.entry.question for p in material.places])).all()
    texts = [f"{p.entry.question}\n{p.entry.answer}" for p in material.places]
    assert material.corpus.passage_vectors == pytest.approx(fakes.vectors(texts), abs=1e-6)


# near-duplicate


def test_the_same_question_twice(materials: Materials) -> None:
    """Word for word the same is an error, told once for each entry after the first."""
    twins: list[dict[str, object]] = [
        {"id": i, "question": q, "answer": f"{a} red green blue."}
        for i, q, a in (("a", "What is mu?", "One"), ("b", "What is mu", "Two"), ("c", "what is MU?", "Three"))
    ]
    assert found("near-duplicate", materials.entries(*twins)) == [
        ("error", 2, "b", "asks word for word what a (faq.jsonl, line 1) asks; merge them"),
        ("error", 3, "c", "asks word for word what a (faq.jsonl, line 1) (and 1 more) asks; merge them"),
    ]


def test_almost_the_same_question(materials: Materials) -> None:
    """The same words in another order have cosine 1 here."""
    got = materials.entries(
        {"id": "a", "question": "What is mu?"}, {"id": "b", "question": "Mu is what?", "answer": "No."}
    )
    assert found("near-duplicate", got) == [
        (
            "warning",
            2,
            "b",
            "asks almost what a (faq.jsonl, line 1) asks (cosine 1.00); merge them, or ask for the difference",
        )
    ]


def test_the_same_answer_to_another_question(materials: Materials) -> None:
    """The passages share 22 of 23 words each, 22/23 is .96; the questions share nothing."""
    answer = " ".join(fakes.WORDS[18:40])
    got = materials.entries(
        {"id": "a", "question": "Alpha?", "answer": answer}, {"id": "b", "question": "Beta?", "answer": answer}
    )
    assert found("near-duplicate", got) == [
        (
            "warning",
            2,
            "b",
            "says almost what a (faq.jsonl, line 1) says (cosine of question and answer 0.96); merge them, "
            "with one question as an alternate of the other",
        )
    ]


def test_no_near_duplicates(materials: Materials) -> None:
    """Two words of three in common are no duplicate, and neither is the same question in another language."""
    got = materials.entries(
        {"id": "a", "question": "What is mu?"},
        {"id": "b", "question": "What is eta?", "answer": "No."},
        {"id": "c", "question": "What is mu?", "language": "es"},
    )
    assert found("near-duplicate", got) == []


# competing

ELEVEN = " ".join(fakes.WORDS[:11])


def test_an_alternate_that_belongs_to_another_entry(materials: Materials) -> None:
    """The words of b's alternate are all of a's question, and a stands first."""
    got = materials.entries(
        {"id": "a", "question": "Alpha beta gamma?"},
        {"id": "b", "question": "Delta epsilon zeta?", "answer": "No.", "alternates": ["gamma eta theta alpha beta"]},
        {"id": "c", "question": "eta theta alpha beta gamma", "answer": "Perhaps."},
    )
    # Both have the same words, so b's alternate leads by nothing.
    assert found("competing", got) == [
        (
            "warning",
            2,
            "b",
            "its alternate 'gamma eta theta alpha beta' leads by only 0.00 before c (faq.jsonl, line 3); "
            "merge the two, or say in each question what sets it apart",
        )
    ]


def test_a_question_that_finds_another_entry(materials: Materials) -> None:
    """Scored by question and answer, an entry's own question finds the entry whose answer repeats it."""
    by_passage = Calibration(
        weights=Weights(wording=0.0, passage=1.0, prototype=0.0, entry_words=0.0, wording_words=0.0)
    )
    got = materials.entries(
        {"id": "a", "question": "Alpha beta?", "answer": " ".join(fakes.WORDS[20:30])},
        {"id": "b", "question": "Gamma?", "answer": "Alpha beta alpha beta."},
    )
    assert found("competing", replace(got, calibration=by_passage)) == [
        (
            "error",
            1,
            "a",
            "its own question finds b (faq.jsonl, line 2) first; "
            "merge the two, or say in each question what sets it apart",
        )
    ]


def test_a_near_rival(materials: Materials) -> None:
    """Ten words of eleven in common leave 1/11 between the two, told once for the pair."""
    rival = f"{' '.join(fakes.WORDS[:10])} mu"
    got = materials.entries({"id": "a", "question": ELEVEN}, {"id": "b", "question": rival, "answer": "No."})
    assert found("competing", got) == [
        (
            "warning",
            1,
            "a",
            "its own question leads by only 0.09 before b (faq.jsonl, line 2); "
            "merge the two, or say in each question what sets it apart",
        )
    ]


def test_no_rivals(materials: Materials) -> None:
    """Nine words of ten leave more; rivals out of effect, in another language, or known as duplicates are none."""
    ten, nine = " ".join(fakes.WORDS[:8]), " ".join([*fakes.WORDS[:7], "mu"])
    assert found("competing", materials.entries({"question": ten}, {"question": nine})) == []
    near = f"{' '.join(fakes.WORDS[:10])} mu"
    for fields in ({"effective_to": "2020-01-01"}, {"language": "es"}, {"question": ELEVEN, "id": "twin"}):
        got = materials.entries({"question": ELEVEN}, {"question": near, "answer": "No.", **fields})
        assert found("competing", got) == []
    assert found("competing", materials.entries({"question": "Alone?"})) == []
    assert found("competing", materials.entries({"question": f"Alpha {'beta ' * 500}?"}, {"question": "Mu?"})) == []


def test_labelled_questions_that_go_astray(materials: Materials) -> None:
    """Counted for the pair of entries, both ways; one is a note, two are a warning. No question is repeated."""
    three = fakes.FAQ[0], fakes.FAQ[1], {**fakes.FAQ[2], "language": "en"}
    labelled = [
        LabelledQuestion("beta beta red", ("alpha",)),
        LabelledQuestion("alpha blue", ("beta",)),
        LabelledQuestion("gamma gamma green", ("alpha",)),
        LabelledQuestion("What is alpha?", ("alpha",)),
        LabelledQuestion("who", ()),
    ]
    tail = "say in each question what sets it apart, or add alternates"
    assert found("competing", materials.entries(*three, labelled=labelled)) == [
        (
            "warning",
            1,
            "alpha",
            "labelled questions go astray between this entry and beta (faq.jsonl, line 2): "
            f"1 of this one's find the other, 1 the other way; {tail}",
        ),
        (
            "note",
            1,
            "alpha",
            "labelled questions go astray between this entry and gamma (faq.jsonl, line 3): "
            f"1 of this one's find the other, 0 the other way; {tail}",
        ),
    ]


# compound


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("What is mu?", ()),
        ("What is alpha and beta?", ()),
        ("How and when do I apply?", ()),
        ("The rules have changed. What must we do?", ()),
        ("Why is it free? I thought everything was already free?", ()),
        ("May tenants stay there between March 29 and May 4, 2020?", ()),
        ("Will a test show whether I'm immune and can go back to work?", ()),
        ("Can you tell us how to apply and what to expect?", ()),
        ("What is Medicare, and who gets it?", ("What is Medicare", "who gets it?")),
        ("Is it safe and are we allowed to go?", ("Is it safe", "are we allowed to go?")),
        ("Will we be told? If so, how long before?", ("Will we be told?", "If so, how long before?")),
        ("As rules change, what is new? Who is told?", ("As rules change, what is new?", "Who is told?")),
    ],
)
def test_parts(question: str, parts: tuple[str, ...]) -> None:
    """Questions of their own count, sentences that set the scene and joined words don't."""
    assert question_parts(question) == parts


def test_compound(materials: Materials) -> None:
    """A note that names the parts."""
    got = materials.entries(
        {"id": "a", "question": "What is mu? Who must keep it?"}, {"id": "b", "question": "What is eta?"}
    )
    assert found("compound", got) == [
        (
            "note",
            1,
            "a",
            "asks 2 questions: 1) What is mu?; 2) Who must keep it?; "
            "give each an entry, or make the lesser ones alternates",
        )
    ]


# dead-reference

PAGE = """# FAQ

[Index](#nowhere)

## What is mu?

See [eta](#what-is-eta), [top](#), [the <em>old</em> name](#old), [rules](rules.md#part-one), [web](https://example.gov/#x),
[site](/about), [mail](mailto:a@example.gov), ![picture](mu.png), [template]({{ site.url }}) and [named](#second).

<div id="old"></div>

## What is eta? {#second}

Not [mu](#what-was-mu), [rules](rules.md#part-two), [gone](gone.md) or
[these](gone%20too.md?raw=1).
"""


def test_dead_links(materials: Materials) -> None:
    """Anchors and files that are not there, by their lines; outside the entries a warning. Nothing is fetched."""
    (materials.folder / "rules.md").write_text("# Part *one*\n", "utf-8")
    (materials.folder / "mu.png").write_bytes(b"")
    gone = "leads to no file beside faq.md; correct it, or give the whole address"
    lacks = "has no heading of that anchor; correct it, or give the heading {#…}"
    assert found("dead-reference", materials.page(PAGE)) == [
        ("warning", 3, None, f"the link to '#nowhere': faq.md {lacks}"),
        ("error", 14, "second", f"the link to '#what-was-mu': faq.md {lacks}"),
        ("error", 14, "second", f"the link to 'rules.md#part-two': rules.md {lacks}"),
        ("error", 14, "second", f"the link to 'gone.md' {gone}"),
        ("error", 15, "second", f"the link to 'gone too.md?raw=1' {gone}"),
    ]


def test_references_by_number(materials: Materials) -> None:
    """A question by a number that the document does not reach; other numbers are no references."""
    dead: list[dict[str, object]] = [
        {"id": "a", "question": "A?", "answer": "See question 3."},
        {"id": "b", "question": "B?", "answer": "Refer to Q. 2."},
    ]
    assert found("dead-reference", materials.entries(*dead)) == [
        ("error", 1, "a", "refers to question 3, but faq.jsonl has 2; name it by its words")
    ]
    live: list[dict[str, object]] = [
        {"id": "a", "question": "A?", "answer": "See question 2."},
        {"id": "b", "question": "B?", "answer": "Call 12 people in Q 4, see page 40."},
    ]
    assert found("dead-reference", materials.entries(*live)) == []


def test_a_link_to_a_file_that_is_no_text(materials: Materials) -> None:
    """Its anchors can't be known, so it is not held against them."""
    (materials.folder / "bad.md").write_bytes(b"\xff\xfe\xfa")
    assert found("dead-reference", materials.page("## What is mu?\n\n[This](bad.md#x).\n")) == []


# stale-review


def test_stale_review(materials: Materials) -> None:
    """A year and a day back is stale by default; an entry out of its time is told whatever its review."""
    got = materials.entries(
        {"id": "a", "question": "A?", "reviewed_at": "2025-05-31"},
        {"id": "b", "question": "B?", "reviewed_at": "2025-06-01"},
        {"id": "c", "question": "C?"},
        {"id": "d", "question": "D?", "effective_to": "2026-05-31", "reviewed_at": "2020-01-01"},
        {"id": "e", "question": "E?", "effective_to": "2026-06-01"},
    )
    assert found("stale-review", got) == [
        ("warning", 1, "a", "was last reviewed on 2025-05-31, 366 days ago; check it and set reviewed_at"),
        (
            "warning",
            4,
            "d",
            "was in effect until 2026-05-31 and is returned no more; remove it, or give it another effective_to",
        ),
    ]
    assert [f[2] for f in found("stale-review", replace(got, stale_days=364))] == ["a", "b", "d"]


# contact-only


@pytest.mark.parametrize(
    ("answer", "only"),
    [
        ("Contact us.", True),
        ("Please visit [our website](https://example.gov).", True),
        ("For more information, call 1-800-555-0100 or email help@example.gov.", True),
        ("Refer to the public health directives .", True),
        ("- See the guide\n- https://example.gov/guide\n- 1-800-555-0100", True),
        ("The list is available on our website.", True),
        ("Yes. Contact us for more.", False),
        ("Yes, contact your specialist; your status remains during the extension period.", False),
        ("Contact your specialist, and your status remains.", False),
        ("Thirty days.", False),
        ("Click on the gear and archive the chat.", False),
        ("The criteria are posted on the website and have been translated into Spanish, French and Portuguese.", False),
        ("Call us. " * 31, False),
    ],
)
def test_answers_that_only_refer(answer: str, only: bool) -> None:
    """Short, and nothing left without the sentences that send the reader elsewhere."""
    assert is_contact_only(answer) is only


def test_contact_only(materials: Materials) -> None:
    """A question that asks for a contact is answered by one."""
    got = materials.entries(
        {"id": "a", "question": "What is mu?", "answer": "Call us."},
        {"id": "b", "question": "Whom do I call?", "answer": "Call us."},
        {"id": "c", "question": "What is eta?", "answer": "Red. Call us."},
    )
    sentence = "the answer only sends the reader elsewhere; say the essential in a sentence before the contact"
    assert found("contact-only", got) == [("warning", 1, "a", sentence)]


# too-long


def test_too_long(materials: Materials) -> None:
    """The fake model reads 256 words; a sign counts as one. What fits exactly is not too long."""
    got = materials.entries(
        {"id": "fits", "question": "mu " * 254 + "?", "answer": "Yes"},
        {"id": "long", "question": "eta " * 257 + "?", "answer": "Yes"},
        {"id": "tale", "question": "alpha?", "answer": "beta " * 256, "alternates": ["zeta " * 260]},
    )
    reads = "the model reads 256 tokens of"
    lost = "are lost to the passage: put what people ask about first, or split the entry"
    assert found("too-long", got) == [
        ("warning", 2, "long", f"{reads} a question; the last 5 characters are lost: shorten it to 1024 characters"),
        ("note", 2, "long", f"{reads} question and answer; of 1033 characters the last 9 (1%) {lost}"),
        ("warning", 3, "tale", f"{reads} a question; the last 19 characters are lost: shorten it to 1280 characters"),
        ("note", 3, "tale", f"{reads} question and answer; of 1287 characters the last 9 (1%) {lost}"),
    ]


def test_what_is_cut(materials: Materials) -> None:
    """The rest of the text beyond the last token that is read; a prompt takes its place in the window."""
    encoder = materials.snapshot.encoder
    assert encoder.beyond_window("mu " * 256, "") == ""
    assert encoder.beyond_window("mu " * 256 + "eta theta", "") == "eta theta"
    assert encoder.beyond_window("mu " * 255, "what is ") == "mu"
