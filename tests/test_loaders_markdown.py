from __future__ import annotations

import hashlib
from datetime import date

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qa_service import text as strings
from qa_service.domain import Document
from qa_service.errors import FaqError
from qa_service.loaders import markdown
from qa_service.loaders.base import SourceText

RED, BLUE = ("What is red?", "A warm colour."), ("What is blue?", "A cold colour.")


def _load(text: str) -> Document:
    """Load a file, and hold every answer against the bytes of its span."""
    raw = text.encode()
    document = markdown.load(SourceText("paint.md", text, hashlib.sha256(raw).hexdigest(), has_bom=False), "en")
    quoted = [raw[e.source.start : e.source.end].decode() for e in document.entries]
    assert quoted == [e.answer for e in document.entries]
    return document


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(e.question, e.answer) for e in _load(text).entries]


def _refusal(text: str) -> str:
    with pytest.raises(FaqError) as caught:
        _load(text)
    return str(caught.value)


STYLES = {
    "bold with the mark inside, full stop": "**Q. {q1}**\n\n{a1}\n\n**Q. {q2}**\n\n{a2}\n",
    "bold with the mark inside, colon": "**Q: {q1}**\n\n{a1}\n\n**Q: {q2}**\n\n{a2}\n",
    "both of them in one file": "**Q. {q1}**\n\n{a1}\n\n**Q: {q2}**\n\n{a2}\n",
    "bold with the answer in the same paragraph": "**Q. {q1}** {a1}\n\n**Q. {q2}**\n{a2}\n",
    "underscores": "__Q. {q1}__\n\n{a1}\n\n__Q: {q2}__\n\n__A:__ {a2}\n",
    "plain marks": "Q: {q1}\nA: {a1}\n\nQ: {q2}\nA: {a2}\n",
    "plain marks without blank lines": "Q: {q1}\nA: {a1}\nQ: {q2}\nA: {a2}\n",
    "plain marks, each a paragraph": "Q: {q1}\n\nA: {a1}\n\nQ: {q2}\n\nA: {a2}\n",
    "plain questions, unmarked answers": "Q: {q1}\n\n{a1}\n\nQ: {q2}\n\n{a2}\n",
    "bold marks": "**Q:** {q1}\n**A:** {a1}\n\n**Q:** {q2}\n**A:** {a2}\n",
    "bold marks, each a paragraph": "**Q:** {q1}\n\n**A:** {a1}\n\n**Q:** {q2}\n\n{a2}\n",
    "numbered marks": "Q1. {q1}\nA1. {a1}\n\nQ 2) {q2}\nA 2) {a2}\n",
    "marks in words": "Question: {q1}\nAnswer: {a1}\n\n**Question 2:** {q2}\n\n**Answer:** {a2}\n",
    "marks in Spanish": "Pregunta: {q1}\nRespuesta: {a1}\n\n**Pregunta 2.** {q2}\n\nR: {a2}\n",
    "marks in headings": "## Q: {q1}\n\n{a1}\n\n### Question 2) {q2}\n\nA: {a2}\n",
    "headings": "## {q1}\n\n{a1}\n\n## {q2}\n\n{a2}\n",
    "headings of two levels": "# Paint\n\n## Warm\n\n### {q1}\n\n{a1}\n\n## {q2}\n{a2}\n",
    "closed headings": "## {q1} ##\n\n{a1}\n\n## {q2} ##\n\n{a2}\n",
    "underlined headings": "{q1}\n---\n\n{a1}\n\n{q2}\n---\n{a2}\n",
    "emphasised headings": "## **{q1}**\n\n{a1}\n\n## *{q2}*\n\n{a2}\n",
    "bold lines": "**{q1}**\n\n{a1}\n\n**{q2}**\n\n{a2}\n",
    "bold lines, no blank line": "**{q1}**\n{a1}\n\n**{q2}**\n{a2}\n",
    "bold lines, same line": "**{q1}** {a1}\n\n__{q2}__ {a2}\n",
    "no line end at the end": "**{q1}**\n\n{a1}\n\n**{q2}**\n\n{a2}",
    "blank lines and spaces around": "\n\n \n**{q1}**\n\n\n\n{a1}  \n \n\n\n**{q2}**\n\n{a2}\n\n\n",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_read_with_every_line_end(style: str, newline: str) -> None:
    """Each way to write questions and answers gives the same two entries, whatever ends its lines."""
    page = STYLES[style].format(q1=RED[0], a1=RED[1], q2=BLUE[0], a2=BLUE[1])
    assert _pairs(page.replace("\n", newline)) == [RED, BLUE]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("**Q. One is?**\n\nYes.\n\n\n**Q. Two is?**\n\nNo.\n", (1, 6)),
        ("# T\n\nHi.\n\nQ: One is?\nA: Yes.\nQ: Two is?\nA: No.\n", (5, 7)),
        ("---\nlang: en\n---\n\n## One is?\n\nYes.\n\n## Two is?\nNo.\n", (5, 9)),
        ("\r\n**One is?**\r\nYes.\r\n\r\n**Two is?** No.", (2, 5)),
    ],
)
def test_lines_are_those_of_the_questions(page: str, expected: tuple[int, int]) -> None:
    """The document holds the line that each question begins in."""
    assert expected == _load(page).lines


def test_an_answer_is_quoted_byte_for_byte() -> None:
    """Markup, line ends, typographic and wide characters of an answer stay as they are."""
    answer = (
        "Ünder “red” 🔴:\r\n\r\n- *one*  \r\n- [two](https://paint.example)\r\n\r\n> quoted\t\\*\r\n\r\n| a |\r\n|---|"
    )
    assert [(RED[0], answer), BLUE] == _pairs(
        f"**Q. {RED[0]}**\r\n\r\n{answer}\r\n\r\n**Q. {BLUE[0]}**\r\n\r\n{BLUE[1]}"
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("**Q. Is *red* [warm](https://paint.example)?**", "Is red warm?"),
        ("**Q. Is `red` ![red](r.png) warm?**", "Is red red warm?"),
        ("Q: Is red\nreally   warm?", "Is red really warm?"),
        ("**Q. Is red\nreally warm?**", "Is red really warm?"),
        ("Q: Is red &amp; blue \\*purple\\*?", "Is red & blue *purple*?"),
    ],
)
def test_a_question_is_what_a_reader_sees(written: str, expected: str) -> None:
    """Markup and line ends inside a question are not part of its text."""
    assert [(expected, "Yes.")] == _pairs(f"{written}\n\nYes.\n")


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("## What is red? {#rot}\n\nWarm.\n\n## What is blue?\n\nCold.\n", ["rot", "what-is-blue"]),
        ("## **What is red?** {#rot}\n\nWarm.\n", ["rot"]),
        ("## What is red? {#rot}\n<!-- faq id: rouge -->\n\nWarm.\n", ["rouge"]),
    ],
)
def test_an_anchor_is_the_id(page: str, expected: list[str]) -> None:
    """A heading's anchor is its entry's id, unless a comment gives another, and no part of the question."""
    document = _load(page)
    assert expected == [e.id for e in document.entries]
    assert document.entries[0].question == "What is red?"


def test_an_anchor_of_a_marked_heading_is_the_id() -> None:
    """The anchor of a heading with a mark is no part of its question either."""
    entry = _load("## Q: What is red? {#rot}\n\nWarm.\n").entries[0]
    assert (entry.id, entry.question) == ("rot", "What is red?")


@pytest.mark.parametrize("page", ["## Q: What is red? ##\n\nWarm.\n", "Q: What is red?\n---\n\nWarm.\n"])
def test_the_frame_of_a_marked_heading_is_not_its_text(page: str) -> None:
    """The closing signs or the underline of a heading with a mark are no part of the question."""
    assert _pairs(page) == [("What is red?", "Warm.")]


METADATA = """<!-- faq
id: rot
alternates: Define red | What colour is red?
tags: warm|paint
Language: en-GB
source-uri: "https://paint.example/red#top"
effective_from: 2026-01-01
effective_to: 2026-12-31
reviewed_at: 2026-05-01
author: nobody
-->"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "page",
    [
        "**Q. What is red?**\n{m}\n\nWarm.\n",
        "**Q. What is red?**\n\n{m}\n\nWarm.\n",
        "Q: What is red?\n\n{m}\n\nA: Warm.\n",
        "## What is red?\n{m}\nWarm.\n",
        "**What is red?**\n\n{m}\n\nWarm.\n",
    ],
)
def test_a_comment_below_a_question_carries_its_fields(page: str, newline: str) -> None:
    """A comment that begins with `faq` gives the entry its fields, is not answered, and its unknown names are noted."""
    document = _load(page.replace("{m}", METADATA).replace("\n", newline))
    entry = document.entries[0]
    assert (entry.id, entry.question, entry.answer) == ("rot", "What is red?", "Warm.")
    assert (entry.alternates, entry.tags) == (("Define red", "What colour is red?"), ("warm", "paint"))
    assert (entry.language, entry.source.uri) == ("en-GB", "https://paint.example/red#top")
    dates = (entry.effective_from, entry.effective_to, entry.reviewed_at)
    assert (date(2026, 1, 1), date(2026, 12, 31), date(2026, 5, 1)) == dates
    assert document.notes == ("fields not used: author",)


def test_each_comment_belongs_to_the_question_above_it() -> None:
    """Two questions with a comment each have their own fields and answers."""
    page = "".join(f"## {q}\n<!-- faq id: {i} -->\n\n{a}\n\n" for i, (q, a) in (("r", RED), ("b", BLUE)))
    assert [("r", *RED), ("b", *BLUE)] == [(e.id, e.question, e.answer) for e in _load(page).entries]


def test_other_comments_stay_in_the_answer() -> None:
    """A comment that is not the FAQ's own is quoted where it stands."""
    assert [(RED[0], "<!-- checked -->\nWarm.")] == _pairs(f"**{RED[0]}**\n\n<!-- checked -->\nWarm.\n")


def test_a_malformed_field_is_refused_with_the_line_of_its_question() -> None:
    """A date that is none is named with the line of the question that it belongs to."""
    page = "\n\n**What is red?**\n\n<!-- faq reviewed_at: yesterday -->\n\nWarm.\n"
    assert _refusal(page) == "paint.md, line 3: reviewed_at is 'yesterday'; write a date as YYYY-MM-DD"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("close", ["---", "..."])
def test_front_matter_holds_for_every_entry(close: str, newline: str) -> None:
    """The fields of the front matter are those of each entry that has none of its own; others are noted."""
    front = f"---\ntitle: Paint\nauthor: Ann\nlang: es\nurl: 'https://paint.example'\ntags: a | b\n{close}\n"
    page = front + "## What is red?\n\nWarm.\n\n## What is blue?\n<!-- faq lang: fr -->\n\nCold.\n"
    document = _load(page.replace("\n", newline))
    expected = [("es", "https://paint.example", ("a", "b")), ("fr", "https://paint.example", ("a", "b"))]
    assert expected == [(e.language, e.source.uri, e.tags) for e in document.entries]
    assert (document.lines, document.notes) == ((8, 12), ("fields not used: author",))


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ("", None),
        ("# Paint\n\n", "Paint"),
        ("# **Paint** & [*brushes*](https://paint.example)\n\n", "Paint & brushes"),
        ("Paint\n=====\n\n# Brushes\n\n", "Paint"),
        ("## Paint\n\n# Brushes\n\n", "Brushes"),
        ("#\n\n# Paint\n\n", "Paint"),
        ("# What do people ask?\n\n# Paint\n\n", "Paint"),
        ("# Q. What is green?\n\nA mixture.\n\n", None),
        ("---\ntitle: 'Paint:  a guide'\n---\n# Brushes\n\n", "Paint: a guide"),
        ("---\nTitle:\n---\n# Brushes\n\n", "Brushes"),
        ("---\nsubtitle: Paint\n---\n\n", None),
    ],
)
def test_the_title_of_a_file(above: str, expected: str | None) -> None:
    """The source of every answer has the title of the front matter, else the first heading of level 1 that asks nothing."""
    document = _load(f"{above}**Q. {RED[0]}**\n\n{RED[1]}\n\n**Q. {BLUE[0]}**\n\n{BLUE[1]}\n")
    assert {expected} == {e.source.title for e in document.entries}


def test_a_question_has_no_title_of_its_own() -> None:
    """A title below a question is no field."""
    document = _load("# Paint\n\n## What is red?\n<!-- faq\ntitle: Red\n-->\n\nWarm.\n")
    assert (document.entries[0].source.title, document.notes) == ("Paint", ("fields not used: title",))


def test_questions_in_front_matter_are_not_read() -> None:
    """Front matter is no part of the page, even where it looks like a question."""
    assert _pairs(f"---\nQ: What is this?\n---\n\n**Q. {RED[0]}**\n\n{RED[1]}\n") == [RED]


def test_front_matter_cannot_stand_for_a_missing_answer() -> None:
    """An empty answer is refused even where the front matter has a field of that name."""
    page = "---\nanswer: Ask us.\n---\n\n**Q. What is red?**\n\n**Q. What is blue?**\n\nCold.\n"
    assert _refusal(page) == "paint.md, line 5: the answer is empty"


def test_a_rule_that_opens_a_page_is_no_front_matter() -> None:
    """Without a second fence, a first line of hyphens is a rule."""
    assert _pairs(f"---\n\n**Q. {RED[0]}**\n\n{RED[1]}\n") == [RED]


@pytest.mark.parametrize(
    "block",
    [
        "```\nQ: Is this a question?\nA: No.\n```",
        "~~~ text\n**Q. Is this a question?**\n\n## Is this?\n\n**Or this?**\n~~~",
        "```md\n# Heading\n```",
        "> Q: Is this a question?",
        "- Q: Is this a question?\n- **Is this?**",
        "| Q: Is this? |\n|---|\n| **No?** |",
    ],
)
@pytest.mark.parametrize("question", ["**Q. {q}**", "## {q}", "**{q}**"])
def test_what_looks_like_a_question_inside_a_block_is_the_answer(question: str, block: str) -> None:
    """Code, quotes, lists and tables belong to the answer, whatever their lines look like."""
    page = "".join(f"{question.format(q=q)}\n\nSee:\n\n{block}\n\n" for q in (RED[0], BLUE[0]))
    assert [(RED[0], f"See:\n\n{block}"), (BLUE[0], f"See:\n\n{block}")] == _pairs(page)


def test_an_answer_that_is_only_a_code_fence() -> None:
    """A fence alone is an answer."""
    assert [(RED[0], "```\nQ: red\n```")] == _pairs(f"**Q. {RED[0]}**\n\n```\nQ: red\n```\n")


def test_prose_that_begins_a_line_with_the_word_question_is_no_mark() -> None:
    """A wrapped sentence whose line happens to begin with "question." stays in its answer."""
    answer = "That is a good\nquestion. Red is warm."
    assert [(RED[0], answer), BLUE] == _pairs(f"Q: {RED[0]}\nA: {answer}\n\nQ: {BLUE[0]}\nA: {BLUE[1]}\n")


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("**What does `2**3` mean?** Eight.\n", ("What does 2**3 mean?", "Eight.")),
        ("**Q. What does `2**3` mean?** Eight.\n", ("What does 2**3 mean?", "Eight.")),
        ("**Is it *red?*** Yes.\n", ("Is it red?", "Yes.")),
    ],
)
def test_bold_ends_where_markdown_ends_it(page: str, expected: tuple[str, str]) -> None:
    """Asterisks inside a bold question that do not close it are part of the question."""
    assert [expected] == _pairs(page)


ORNAMENT = "PAINT  \nFair  \nWEEK"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("question", ["**Q. {q}**\n\n", "## {q}\n\n", "**{q}**\n\n"])
def test_an_ornament_at_the_end_of_the_file_is_left_out_and_noted(question: str, newline: str) -> None:
    """Lines of one word each below the last answer are a page's ornament; the note says where and which."""
    page = f"{question.format(q=RED[0])}{RED[1]}\n\n{question.format(q=BLUE[0])}{BLUE[1]}\n\n{ORNAMENT}"
    document = _load(page.replace("\n", newline))
    assert [RED[1], BLUE[1]] == [e.answer for e in document.entries]
    note = "line 9: 'PAINT Fair WEEK' is taken for a page ornament and left out of the answer"
    assert (note,) == document.notes


@pytest.mark.parametrize(
    "pair", ["Q: {q}\nA: {a}", "Q: {q}\n\nA: {a}", "**Q:** {q}\n\n**A:** {a}", "**{q}**\n{a}", "**Q. {q}** {a}"]
)
def test_an_ornament_is_left_out_below_an_answer_that_begins_inside_a_paragraph(pair: str) -> None:
    """It is an ornament too where the answer shares its paragraph with a mark or its question."""
    page = pair.format(q=RED[0], a=RED[1])
    document = _load(f"{page}\n\n{ORNAMENT}\n")
    assert [(e.question, e.answer) for e in document.entries] == [RED]
    assert len(document.notes) == 1


@pytest.mark.parametrize(
    "ending",
    [
        "Red\nGreen, too",
        "Red",
        "Red\nGreen.",
        "- Red\n- Green",
        "Red 1\nGreen 2",
        "Red1\nGreen2",
        "```\nRed\nGreen\n```",
        "> Red\n> Green",
    ],
)
def test_what_is_no_ornament_stays(ending: str) -> None:
    """A last paragraph with punctuation, digits, several words or one line, a list or code is part of the answer."""
    document = _load(f"**Q. Which colours?**\n\nThese:\n\n{ending}\n")
    assert (f"These:\n\n{ending}", ()) == (document.entries[0].answer, document.notes)


def test_an_ornament_is_only_at_the_end_of_the_file() -> None:
    """The same lines below another answer are part of that answer."""
    document = _load(f"**Q. {RED[0]}**\n\nSee:\n\nRed\nRose\n\n**Q. {BLUE[0]}**\n\n{BLUE[1]}\n")
    assert ["See:\n\nRed\nRose", BLUE[1]] == [e.answer for e in document.entries]
    assert document.notes == ()


def test_an_answer_of_single_words_alone_is_no_ornament() -> None:
    """Where those lines are all there is, they are the answer."""
    document = _load("**Q. Which colours?**\n\nRed\nGreen\n")
    assert (document.entries[0].answer, document.notes) == ("Red\nGreen", ())


@pytest.mark.parametrize(
    "ending", ["---", "***\n\n---", "<!-- end of page -->", "<!-- a\n\nb -->\n\n---", "---\n\n<!-- a -->\n\n<!-- b -->"]
)
@pytest.mark.parametrize("pair", ["**Q. {q}**\n\n{a}", "Q: {q}\nA: {a}", "## {q}\n\n{a}", "**{q}** {a}"])
def test_rules_and_comments_end_an_answer(pair: str, ending: str) -> None:
    """Rules and comments below an answer separate it from what follows, and are not quoted."""
    page = "\n\n".join(f"{pair.format(q=q, a=a)}\n\n{ending}" for q, a in (RED, BLUE))
    assert _pairs(page + "\n") == [RED, BLUE]


def test_rules_and_comments_inside_an_answer_stay() -> None:
    """A rule or comment with text of the answer below it is quoted."""
    answer = "One.\n\n---\n\nTwo.\n\n<!-- note -->\n\nThree."
    assert [(RED[0], answer)] == _pairs(f"**Q. {RED[0]}**\n\n{answer}\n\n---\n")


def test_text_between_two_comments_is_quoted() -> None:
    """A line that begins and ends with a comment but has text between them is part of the answer."""
    answer = "Warm.\n\n<!-- a --> Really. <!-- b -->"
    assert [(RED[0], answer)] == _pairs(f"**Q. {RED[0]}**\n\n{answer}\n")


@pytest.mark.parametrize("pair", ["**Q. {q}**\n\n{a}", "Q: {q}\nA: {a}", "## {q}\n\n{a}", "**{q}**\n\n{a}"])
@pytest.mark.parametrize("section", ["## Cold colours\n\nAll of them.", "# Cold\n", "Cold colours\n------------"])
def test_a_section_heading_ends_an_answer(pair: str, section: str) -> None:
    """A heading of the questions' level or above ends the answer, and the text below it belongs to none."""
    first, second = pair.format(q=RED[0], a=RED[1]), pair.format(q=BLUE[0], a=BLUE[1])
    assert _pairs(f"# Paint\n\nWelcome.\n\n{first}\n\n{section}\n\n{second}\n") == [RED, BLUE]


def test_a_deeper_heading_is_inside_the_answer() -> None:
    """A heading below the questions' level, and what follows it, is part of the answer."""
    answer = "Warm.\n\n### Shades\n\nMany.\n\n#### Dark\n\nFew."
    assert [(RED[0], answer), BLUE] == _pairs(f"# Paint\n\n## {RED[0]}\n\n{answer}\n\n## {BLUE[0]}\n\n{BLUE[1]}\n")


@pytest.mark.parametrize("opening", ["", "Read this first.\n\n"])
def test_a_lone_title_that_asks_is_no_question(opening: str) -> None:
    """A title with a question mark above questions of deeper levels is the page's, not a question."""
    page = f"# Do you know colours?\n\n{opening}## {RED[0]}\n\n{RED[1]}\n\n## {BLUE[0]}\n\n{BLUE[1]}\n"
    assert _pairs(page) == [RED, BLUE]


def test_a_single_heading_that_asks_is_a_question() -> None:
    """A page with one heading that asks has one question."""
    assert _pairs(f"# {RED[0]}\n\n{RED[1]}\n") == [RED]


def test_a_question_below_the_title_with_deeper_ones_is_read() -> None:
    """The first question below a page's title is an entry, even where all the others are deeper."""
    page = f"# Paint\n\n## {RED[0]}\n\n{RED[1]}\n\n### {BLUE[0]}\n\n{BLUE[1]}\n"
    assert _pairs(page) == [RED, BLUE]


def test_marks_win_over_headings_and_bold_lines() -> None:
    """In a file with marks, bold questions belong to the answers and headings end them."""
    page = f"# Paint?\n\n**Q. {RED[0]}**\n\n**Really?** Yes.\n\n## More?\n\n**Q. {BLUE[0]}**\n\n{BLUE[1]}\n"
    assert [(RED[0], "**Really?** Yes."), BLUE] == _pairs(page)


def test_the_more_frequent_of_headings_and_bold_lines_wins() -> None:
    """Without marks, the file is read in the style that more of its questions have; headings win a tie."""
    bold = f"## Ready?\n\n**{RED[0]}**\n\n{RED[1]}\n\n**{BLUE[0]}**\n\n{BLUE[1]}\n"
    assert _pairs(bold) == [RED, BLUE]
    assert [(RED[0], "**Really?** Yes.")] == _pairs(f"## {RED[0]}\n\n**Really?** Yes.\n")


@pytest.mark.parametrize("question", ["## {q}", "**{q}**"])
def test_an_answer_that_begins_like_a_mark_is_whole_where_there_are_no_marks(question: str) -> None:
    """In a file without `Q:` marks, an answer keeps the letter that it begins with."""
    assert [(RED[0], "A. Warm, or\n\nB. cold.")] == _pairs(f"{question.format(q=RED[0])}\n\nA. Warm, or\n\nB. cold.\n")


def test_bold_lines_that_do_not_ask_are_the_answer() -> None:
    """A bold line without a question mark is emphasis."""
    assert [(RED[0], "**Warm.**\n\n**Note** that."), BLUE] == _pairs(
        f"**{RED[0]}**\n\n**Warm.**\n\n**Note** that.\n\n**{BLUE[0]}**\n\n{BLUE[1]}\n"
    )


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("**Q. What is red?**\n\n**Q. What is blue?**\n\nCold.\n", 1),
        ("**Q. What is red?**\n\nWarm.\n\n**Q. What is blue?**\n", 5),
        ("Q: What is red?\nA:\n\nQ: What is blue?\nA: Cold.\n", 1),
        ("Q: What is red?\nA: Warm.\nQ: What is blue?\n", 3),
        ("# Paint\n\n## What is red?\n\n## What is blue?\n\nCold.\n", 3),
        ("**What is red?**\n\n---\n\n**What is blue?** Cold.\n", 1),
        ("**Q. What is red?**\n\n<!-- nothing yet -->\n", 1),
        ("**Q. What is red?**\n<!-- faq id: red -->\n", 1),
        ("\r\n\r\n**Q. What is red?**\r\n\r\n\u200b\r\n", 3),
        ("**Q. What is red?**\n\n## Section\n\nText.\n", 1),
    ],
)
def test_an_empty_answer_is_refused_with_the_line_of_its_question(page: str, line: int) -> None:
    """A question without an answer is named by its line."""
    assert f"paint.md, line {line}: the answer is empty" == _refusal(page)


@pytest.mark.parametrize("page", ["Q:\nA: Warm.\n", "**Q.**\n\nWarm.\n", "## Q:\n\nWarm.\n"])
def test_an_empty_question_is_refused_with_its_line(page: str) -> None:
    """A mark without a question is named by its line."""
    assert _refusal("\n\n" + page) == "paint.md, line 3: the question is empty"


@pytest.mark.parametrize(
    "page",
    [
        "",
        "\n\n",
        "Just prose. Is it?\n",
        "# Title\n\n**Bold.**\n",
        "```\nQ: red?\nA: warm\n```\n",
        "---\nlang: en\n---\n",
        "- **Red?** Yes.\n",
    ],
)
def test_a_file_without_a_pair_is_refused(page: str) -> None:
    """A file in which no style finds a question is named, with the styles that there are."""
    expected = "paint.md: no question with an answer in it (Q:/A:, a heading or a bold line ending in '?')"
    assert expected == _refusal(page)


WORD = st.text(st.sampled_from("abcdefghijklmnoprstuvwxyzéñß赤色🔴𝄞"), min_size=2, max_size=9)
SENTENCE = st.lists(WORD, min_size=2, max_size=8).map(lambda parts: " ".join(parts) + ".")
PARAGRAPH = st.lists(SENTENCE, min_size=1, max_size=3)
ANSWER = st.lists(PARAGRAPH, min_size=1, max_size=3)
PAIRS = st.lists(st.tuples(SENTENCE, ANSWER), min_size=1, max_size=5)
FRAMES = [
    "**Q. {q}**\n\n{a}\n\n",
    "Q: {q}\nA: {a}\n\n",
    "**Q:** {q}\n\n**A:** {a}\n\n",
    "## {q}\n\n{a}\n\n",
    "**{q}**\n\n{a}\n\n",
    "**{q}** {a}\n\n",
]


@given(PAIRS, st.sampled_from(FRAMES), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
@settings(deadline=None)
def test_generated_pairs_come_back(
    pairs: list[tuple[str, list[list[str]]]], frame: str, newline: str, has_bom: bool
) -> None:
    """Whatever pairs a file is written from are read from it, and each span holds its answer's bytes."""
    expected = [
        (f"Is it that {question[:-1]}?", (newline * 2).join(newline.join(paragraph) for paragraph in answer))
        for question, answer in pairs
    ]
    page = "".join(frame.replace("\n", newline).format(q=q, a=a) for q, a in expected)
    raw = (b"\xef\xbb\xbf" if has_bom else b"") + page.encode()
    assume(len({strings.slug(q) for q, _ in expected}) == len(expected))
    document = markdown.load(SourceText("paint.md", page, hashlib.sha256(raw).hexdigest(), has_bom), "en")
    assert [(strings.normalise(q), a) for q, a in expected] == [(e.question, e.answer) for e in document.entries]
    assert [a.encode() for _, a in expected] == [raw[e.source.start : e.source.end] for e in document.entries]
