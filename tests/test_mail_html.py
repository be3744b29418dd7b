"""Text out of HTML."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_service.mail import html
from qa_service.mail.html import to_text

OUTLOOK = '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p><b>From:</b> Desk</p></div><p>Older text</p>'


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the documentation shows is what the function does."""
    assert doctest.testmod(html).failed == 0


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("Is it <b>f</b>ree?", "Is it free?\n"),
        ("<div>One</div><div>Two</div>", "One\nTwo\n"),
        ("<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree\n"),
        ("<ul><li>One<li>Two</ul>", "* One\n* Two\n"),
        ("<table><tr><td>Red</td><td>Blue</td></tr></table>", "Red  Blue\n"),
        ("a &lt;b&gt; &amp; c &eacute;", "a <b> & c é\n"),
        ("", "\n"),
        ("<p>open <a href='x", "open\n"),
    ],
)
def test_lines(markup: str, expected: str) -> None:
    """Blocks and line breaks end lines, inline tags do not, and entities are characters."""
    assert expected == to_text(markup)


@pytest.mark.parametrize(
    "hidden",
    [
        "<style>p {color: red}</style>",
        "<script>var a = '<p>b</p>'</script>",
        "<title>Title</title>",
        "<!-- <p>comment</p> -->",
        "<!--[if mso]><p>Outlook</p><![endif]-->",
        '<div style="display:none">hidden</div>',
        '<span style="font-size:0px;color:red">hidden</span>',
        '<div style="max-height: 0; overflow: hidden">hidden</div>',
        '<font style="display: none">hidden</font>',
        "<p hidden>hidden</p>",
        "<select><option>hidden</option></select>",
    ],
)
def test_what_a_reader_does_not_see_is_left_out(hidden: str) -> None:
    """Styles, scripts, comments and hidden elements are no text."""
    assert to_text(f"<p>Seen</p>{hidden}<p>too</p>") == "Seen\n\ntoo\n"


@pytest.mark.parametrize(
    "container",
    [
        "<blockquote>Older text</blockquote>",
        '<blockquote type="cite" style="border:none">Older text</blockquote>',
        '<div class="gmail_quote">Older text</div>',
        '<div class="yahoo_quoted" id="1">Older text</div>',
        '<div id="appendonsend"></div><div>Older text</div>',
        '<div id="divRplyFwdMsg">Older text</div>',
        '<div style="border-top:solid #B5C4DF 1.0pt">Older text</div>',
    ],
)
def test_an_older_mail_is_marked_as_quoted(container: str) -> None:
    """What mail programs put an older mail into comes out as quoted lines."""
    lines = to_text(f"<div>New text</div>{container}").split("\n")
    assert [line for line in lines if line] == ["New text", "> Older text"]


def test_all_below_the_rule_of_outlook_is_quoted() -> None:
    """Outlook draws a line above an older mail and closes nothing below it."""
    lines = to_text(f"<p>New text</p>{OUTLOOK}").split("\n")
    assert [line for line in lines if line] == ["New text", "> From: Desk", "> Older text"]


@pytest.mark.parametrize("container", [OUTLOOK, '<div class="gmail_quote"><p>From: Desk</p><p>Older text</p></div>'])
def test_a_mail_that_only_passes_another_on_is_not_quoted(container: str) -> None:
    """Where nothing stands above a container, what is in it is the text of the letter."""
    assert to_text(container) == "From: Desk\n\nOlder text\n"


def test_quotes_inside_quotes_and_answers_below() -> None:
    """Each level has its mark, and what follows a quote is not in it."""
    markup = "<blockquote>One<blockquote>Two</blockquote>One again</blockquote><p>Answer</p>"
    assert [line for line in to_text(markup).split("\n") if line] == ["> One", "> > Two", "> One again", "Answer"]


def test_an_indent_is_no_quote() -> None:
    """The blockquotes that editors use to indent a paragraph are the sender's own text."""
    markup = '<p>New</p><blockquote style="margin:0 0 0 40px;border:none;padding:0px">Indented</blockquote>'
    assert to_text(markup) == "New\n\nIndented\n" or to_text(markup) == "New\nIndented\n"


def test_marks_in_the_text_itself_are_taken_out() -> None:
    """A mail can't fake the characters that mark quotes inside this module."""
    assert to_text("<p>a\ue000b\ue003</p><p>c</p>") == "ab\n\nc\n"


@pytest.mark.parametrize("tag", ["div", "table><tr><td", "b x='>' display", "span", "ul><li"])
def test_deep_nesting_keeps_the_text(tag: str) -> None:
    """A text that is nested deeper than parsers go is still read."""
    assert "Is it free?" in to_text(f"<{tag}>" * 1_500 + "Is it free?")


@pytest.mark.parametrize(
    "bomb",
    [
        "<!--" * 50_000,
        "<style>" * 50_000,
        "<a b='<a b=\"" * 20_000,
        "<blockquote>" * 50_000,
        "".join(f"<font color={n}>" for n in range(10_000)) + "<p>x" * 10_000,
    ],
)
def test_what_begins_before_a_bomb_is_read(bomb: str) -> None:
    """A hostile tail does not take the text before it away."""
    assert to_text("<p>Is it free?</p>" + bomb).startswith("Is it free?\n")


def test_a_capital_with_a_longer_small_letter_does_not_move_the_cuts() -> None:
    """Comments are cut out where they are, whatever letters stand before them."""
    assert to_text("İİİ<!-- x -->yes") == "İİİyes\n"


@given(st.text(st.sampled_from("<>/&;'\" =abdivpquote-!\n\ue000\ue001"), max_size=120))
@settings(deadline=None)
def test_any_markup_gives_text(markup: str) -> None:
    """Whatever stands between angle brackets, text comes out that ends its last line."""
    assert to_text(markup).endswith("\n")
