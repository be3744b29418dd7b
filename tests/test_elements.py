from __future__ import annotations

import pytest

from qa_service.elements import is_html, simplified, uncommented


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["<p>", "</p>"], True),
        (["<P CLASS='x'>red</P>"], True),
        (["<br>"], True),
        (["<br/>"], True),
        (["<b>", "<i>", "</i>"], True),  # carelessly written
        (["<address>", "</address>"], True),
        (["<details open>red</details>"], True),
        (["<input type=checkbox checked>"], True),
        (["<link rel=x>"], True),
        (["</b>"], True),
        ([], False),
        (["<b>"], False),  # nothing speaks for it
        (["<your name>", "</p>"], False),
        (["<name>", "</p>"], False),
        (["<input your name>", "</p>"], False),
        (["<b your name>", "</b>"], False),
        (["<address>", "<br>"], False),
        (["<link>"], False),
        (["<title>", "<title>", "</title>"], False),
        (["<plaintext>", "</p>"], False),
        (["<p unfinished"], False),
        (["<!-- <b>x</b> -->"], False),
        (["<?php ?>"], False),
    ],
)
def test_html_is_told_from_text_in_angle_brackets(pieces: list[str], expected: bool) -> None:
    """It is HTML where all names are known, no attribute is a word, no bare word stays open, and a tag speaks for it."""
    assert expected is is_html(pieces)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("red", "red"),
        ("<b class=x>red</b>", "<b class=x>red</b>"),
        ("<h1>red</H1 >", "<p><strong>red</strong></p>"),
        ("<div id='x'>red</div>", "<p>red</p>"),
        ("<del>a</del><ins>b</ins><tt>c</tt>", "<s>a</s><u>b</u><code>c</code>"),
        ("<menu><li>a</menu><tfoot></tfoot>", "<ul><li>a</ul><tbody></tbody>"),
        ("<a id=x />red<br/>", "red<br/>"),
        ("<IMG ALT=red>", "red"),
        ("""<img src='a>b' alt="R&amp;D <x> &quot;">""", "R&amp;D &lt;x&gt; &quot;"),
        ("<img alt>", ""),
        ("<img src=x>", ""),
        ("<!doctype html>red<!-- x -->blue", "redblue"),
        ("1 < 2 <x@y.gov> <b", "1 &lt; 2 &lt;x@y.gov> &lt;b"),
        ("<a @click=x>", "&lt;a @click=x>"),
    ],
)
def test_html_is_brought_to_plain_elements(html: str, expected: str) -> None:
    """Headings and containers become paragraphs, images their alternative text, and what is no tag is text."""
    assert expected == simplified(html)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("red<!-- one -->blue<!-- two\n\n-->", "redblue"),
        ("red <!-- no end", "red <!-- no end"),
        ("<!-- one --> <!-- no end", " <!-- no end"),
        ("<!-- <!-- --> -->", " -->"),
        ("--> red", "--> red"),
        ("<!-- shown --><!-- other -->", "<!-- shown -->"),
    ],
)
def test_comments_go(html: str, expected: str) -> None:
    """Comments are taken out but for those that are to be shown; one without an end is no comment."""
    assert expected == uncommented(html, "code with a <!-- shown --> comment")
