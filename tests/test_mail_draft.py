from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.domain import Entry, Result, Source
from qa_service.mail.draft import draft
from tests.mailrows import ANSWER, LETTER, abstained, ambiguous, answered, asked

ONE, TWO = "Do we stay certified?", "where do I find\nthe criteria?"


def test_a_reply_word_by_word() -> None:
    """Greeting, each question quoted as written, its answer and source, an honest line where a person is needed."""
    found = draft(LETTER, asked(LETTER, "", ONE, TWO), [abstained(), answered(), ambiguous()])
    expected = (
        "Hello,\n\n"
        "Thank you for your message. Your questions are below, each with our official answer where there is one.\n\n"
        "> Profile extension\n\n"
        "There is no official answer to this question. A colleague will reply to you.\n\n"
        f"> Do we stay certified?\n\n{ANSWER}\n\nSource: faq.md\n\n"
        "> where do I find\n> the criteria?\n\n"
        "This question may mean one of these official questions. Please tell us which; a colleague will reply to you.\n\n"
        "- What is beta?\n- What is gamma?\n\n"
        "Kind regards\n"
    )
    assert expected == found


@pytest.mark.parametrize(
    ("text", "greeting", "source"),
    [
        ("¿Cómo puedo pedir una extensión de mi perfil?", "Buenos días:", "Fuente: faq.md"),
        ("Comment pouvons-nous demander une extension de notre profil ?", "Bonjour,", "Source: faq.md"),
        ("Wie können wir eine Verlängerung für unser Profil beantragen?", "Hello,", "Source: faq.md"),
        ("virtual validation", "Hello,", "Source: faq.md"),
    ],
)
def test_the_fixed_sentences_are_in_the_letters_language(text: str, greeting: str, source: str) -> None:
    """Spanish and French where they are certain, English otherwise; the answer stays as it is published."""
    letter = replace(LETTER, new_text=text)
    found = draft(letter, asked(letter, text), [answered()]) or ""
    assert found.startswith(f"{greeting}\n")
    assert ANSWER in found
    assert source in found


def test_neighbours_with_the_same_answer_share_it() -> None:
    """Two questions of one answer are quoted together, so that it is not said twice; others are not."""
    questions = asked(LETTER, ONE, TWO, "")
    found = draft(LETTER, questions, [answered(), answered(), abstained()]) or ""
    assert f"> {ONE}\n\n> where do I find\n> the criteria?\n\n{ANSWER}\n\nSource" in found
    assert found.count(ANSWER) == 1
    apart = draft(LETTER, questions, [answered(), abstained(), abstained()]) or ""
    assert apart.count("no official answer to this question") == 2


def test_the_source_is_where_the_answer_was_published() -> None:
    """The address where there is one, and the document otherwise."""
    found = draft(LETTER, asked(LETTER, ONE), [answered(uri="https://example.gov/faq#a")]) or ""
    assert "\nSource: https://example.gov/faq#a\n" in found


@pytest.mark.parametrize("results", [[abstained()], [ambiguous()], []])
def test_no_answer_no_draft(results: list[Result]) -> None:
    """A reply without any official answer is not written."""
    assert draft(LETTER, asked(LETTER, ONE)[: len(results)], results) is None


def test_a_skipped_letter_gets_no_draft() -> None:
    """Automatic mail is not replied to, whatever it asks."""
    assert draft(replace(LETTER, skip="automatic mail"), asked(LETTER, ONE), [answered()]) is None


def test_a_question_without_a_subject_is_quoted_as_asked() -> None:
    """What has no place in the mail and no subject line is quoted as the FAQ was asked."""
    letter = replace(LETTER, subject="")
    one = replace(asked(LETTER, "")[0], text="What now?")
    assert "\n> What now?\n" in (draft(letter, (one,), [answered()]) or "")


@given(st.text(min_size=1))
def test_an_answer_occurs_unchanged(answer: str) -> None:
    """Every official answer stands in the draft as it is, whatever it is made of."""
    held = Entry("x", "What?", answer, Source("d", None, "0", 0, 1))
    match = replace(answered().answers[0], entry=held)
    found = draft(LETTER, asked(LETTER, ONE), [replace(answered(), answers=(match,))]) or ""
    assert f"\n\n{answer}\n\n" in found
