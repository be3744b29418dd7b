from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service import labels
from qa_service import language as language_module
from qa_service.language import detect
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How can we apply for an extension of our profile?", "en"),
        ("¿Cómo podemos pedir una extensión para nuestro perfil?", "es"),
        ("Comment pouvons-nous demander une prolongation de notre profil ?", "fr"),
        ("Como podemos pedir uma extensão do nosso perfil?", "pt"),
        ("Come possiamo chiedere una proroga del nostro profilo?", "it"),
        ("Wie können wir eine Verlängerung für unser Profil beantragen?", "de"),
        ("Hoe kunnen wij een verlenging van ons profiel aanvragen?", "nl"),
        ("Как нам продлить профиль CTPAT?", "ru"),
        ("Πώς μπορούμε να παρατείνουμε το προφίλ;", "el"),
        ("كيف يمكننا تمديد ملفنا؟", "ar"),
        ("我们如何申请延期？", "zh"),
        ("プロファイルの延長を申請するには？", "ja"),
        ("프로필 연장을 어떻게 신청합니까?", "ko"),
    ],
)
def test_clear_questions_are_told(text: str, expected: str) -> None:
    """A whole question in a language of the table, or in a script of its own, is told."""
    assert detect(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "???",
        "ctpat msc español",
        "virtual validation",
        "prorroga perfil ctpat",
        "la porte",
        "Los Angeles port of entry",
        "CTPAT SCSS FTZ AEO MRA WCO",
        "zzz qqq xxx yyy www",
    ],
)
def test_short_and_mixed_questions_stay_undecided(text: str) -> None:
    """Keywords and names decide nothing."""
    assert detect(text) is None


def test_no_english_question_is_taken_for_another_language() -> None:
    """Of all labelled questions that have an answer, none is told to be anything but English."""
    for name in ("data/questions.jsonl", "tests/data/heldout_questions.jsonl"):
        asked = [q.text for q in labels.read(ROOT / name) if q.entry_ids]
        assert len(asked) > 100
        assert [text for text in asked if detect(text) not in ("en", None)] == []


def test_a_few_foreign_words_do_not_make_a_question_foreign() -> None:
    """An English question that quotes another language is English."""
    assert detect("If they give us the prórroga para el perfil, do we lose our status?") in ("en", None)


@given(st.lists(st.sampled_from("the is how que de la como wie der het een non di zzz".split()), max_size=12))
def test_the_language_is_that_of_most_words(words: list[str]) -> None:
    """Counted by plain loops: English where it leads, another where it has a third of the words and twice English's."""
    hits = {
        language: sum(words.count(word) for word in set(listed.split()))
        for language, listed in language_module._FUNCTION_WORDS.items()
    }
    best = max(hits, key=hits.__getitem__)
    second = max(count for language, count in hits.items() if language != best)
    if len(words) < 4 or hits[best] < 3 or (best == "en" and hits[best] == second):
        expected = None
    elif best == "en":
        expected = best
    else:
        expected = best if hits[best] >= max(3, 0.35 * len(words)) and hits[best] >= 2 * hits["en"] else None
    assert expected == detect(" ".join(words))
