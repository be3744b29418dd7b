from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qa_service.markup import answer_html
from tests.tags import Tags

TAGS = set(
    "p br strong em b i u s sub sup code pre ul ol li blockquote table thead tbody tr th td dl dt dd hr a".split()
)
ATTRIBUTES = {"a": {"href"}, "ol": {"start"}, "li": {"value"}}
BASE = "https://agency.gov/faq/page.html?x=1"


class _Strict(Tags):
    """Accepts only what an answer may hold: elements that are closed in their order, and few attributes."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ATTRIBUTES.get(tag, set())
        for name, value in attrs:
            pattern = r"(?:https?://[^/]|mailto:|tel:)[^\s<>\"]*" if name == "href" else r"\d{1,9}"
            assert re.fullmatch(pattern, value or "")
        if tag == "a":
            assert "a" not in self.open
            assert attrs
        super().handle_starttag(tag, attrs)

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        pytest.fail(f"a declaration: {decl}")

    def handle_pi(self, data: str) -> None:
        pytest.fail(f"an instruction: {data}")


def text(answer: str, base: str | None = None) -> str:
    """The words that are shown of an answer, single-spaced."""
    return " ".join(" ".join(_Strict(answer_html(answer, base)).text).split())


def letters(shown: str) -> str:
    """All letters and digits of a text, in order."""
    return "".join(re.findall(r"[^\W_]", shown))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Red.", "<p>Red.</p>"),
        ("Red.\n\nBlue\ngreen.\n", "<p>Red.</p>\n<p>Blue\ngreen.</p>"),
        ("Red.\r\n\r\nBlue.\rGreen.", "<p>Red.</p>\n<p>Blue.\nGreen.</p>"),
        ("**Red** *blue* ~~green~~ `code`", "<p><strong>Red</strong> <em>blue</em> <s>green</s> <code>code</code></p>"),
        ("R&D: 1 < 2 > 0, &copy; “x”", "<p>R&amp;D: 1 &lt; 2 &gt; 0, © “x”</p>"),
        ("[Note]\\: a\\*b", "<p>[Note]: a*b</p>"),
        ("# Red **blue**\n\nText.", "<p><strong>Red blue</strong></p>\n<p>Text.</p>"),
        ("Red\n---\nText.", "<p><strong>Red</strong></p>\n<p>Text.</p>"),
        ("#\n\nText.", "<p>Text.</p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("> Red.\n\n---\n\nBlue.", "<blockquote>\n<p>Red.</p>\n</blockquote>\n<hr>\n<p>Blue.</p>"),
        ("```sh\nls <x>\n```", "<pre><code>ls &lt;x&gt;\n</code></pre>"),
        ("Red.\n\n    Blue.\n\tGreen.", "<p>Red.</p>\n<p>Blue.\nGreen.</p>"),
        ("Do:\n• a\n• b", "<p>Do:<br>\n• a<br>\n• b</p>"),
        ("a  \nb", "<p>a<br>\nb</p>"),
        ("snake_case_name, C:\\dir, 5 * 3", "<p>snake_case_name, C:\\dir, 5 * 3</p>"),
    ],
)
def test_markdown(answer: str, expected: str) -> None:
    """Markdown becomes plain elements: headings are bold paragraphs, indentation is no code."""
    assert expected == answer_html(answer, None)


def test_a_table() -> None:
    """A table has its head and its rows, without alignment."""
    expected = (
        "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
        "<tbody><tr><td>1</td><td>2</td></tr><tr><td>3</td><td></td></tr></tbody></table>"
    )
    assert expected == answer_html("|a|b|\n|-|:-:|\n|1|2|\n|3|", None).replace("\n", "")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("4) a\n5) b", '<ol start="4"><li>a</li><li>b</li></ol>'),
        ("1. a\n3. b\n4. c", '<ol><li>a</li><li value="3">b</li><li>c</li></ol>'),
        ("1. a\n1. b\n1. c", "<ol><li>a</li><li>b</li><li>c</li></ol>"),
        ("2. a\n   - x\n4. b", '<ol start="2"><li>a<ul><li>x</li></ul></li><li value="4">b</li></ol>'),
    ],
)
def test_numbers_of_lists_are_the_published_ones(answer: str, expected: str) -> None:
    """A list that begins late or leaves a number out shows the numbers of the answer."""
    assert expected == answer_html(answer, None).replace("\n", "")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("[red](https://x.gov/a_b?c=d&e)", '<p><a href="https://x.gov/a_b?c=d&amp;e">red</a></p>'),
        ('[red](https://x.gov "Title")', '<p><a href="https://x.gov">red</a></p>'),
        ("[call](tel:+1-202-555-0100)", '<p><a href="tel:+1-202-555-0100">call</a></p>'),
        ("<https://x.gov/a>", '<p><a href="https://x.gov/a">https://x.gov/a</a></p>'),
        ("<help@x.gov>", '<p><a href="mailto:help@x.gov">help@x.gov</a></p>'),
        ("[red][1]\n\n[1]: https://x.gov", '<p><a href="https://x.gov">red</a></p>'),
        ("See www.x.gov/a.", '<p>See <a href="http://www.x.gov/a">www.x.gov/a</a>.</p>'),
        ("(http://x.gov/a%20b)", '<p>(<a href="http://x.gov/a%20b">http://x.gov/a%20b</a>)</p>'),
        ("Mail help@x.gov!", '<p>Mail <a href="mailto:help@x.gov">help@x.gov</a>!</p>'),
        ("readme.md, example.py, x.gov/a, ftp://x.gov", "<p>readme.md, example.py, x.gov/a, ftp://x.gov</p>"),
        ("[`a` https://x.gov](https://y.gov)", '<p><a href="https://y.gov"><code>a</code> https://x.gov</a></p>'),
        ("`www.x.gov`", "<p><code>www.x.gov</code></p>"),
    ],
)
def test_links(answer: str, expected: str) -> None:
    """Links of Markdown, whole addresses and mail addresses lead where they say; a file's name is no address."""
    assert expected == answer_html(answer, None)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("other.html", "https://agency.gov/faq/other.html"),
        ("/top", "https://agency.gov/top"),
        ("#part", "https://agency.gov/faq/page.html?x=1#part"),
        ("//x.gov/a", "https://x.gov/a"),
        ("../up", "https://agency.gov/up"),
        ("https://x.gov", "https://x.gov"),
    ],
)
@pytest.mark.parametrize("form", ["[red]({})", "[red]\n\n[red]: {}", "<a href='{}'>red</a>"])
def test_relative_links_start_from_the_page(form: str, link: str, expected: str) -> None:
    """A relative link is completed by the page that the answer was published on."""
    assert f'<p><a href="{expected}">red</a></p>' == answer_html(form.format(link), BASE)


@pytest.mark.parametrize("target", ["other.html", "/top", "#part", "//x.gov", "?a", "http:x", "//[x", "ftp://x.gov"])
@pytest.mark.parametrize("form", ["[red *one*]({})", "<a href='{}'>red <em>one</em></a>"])
def test_a_link_to_nowhere_leaves_its_words(form: str, target: str) -> None:
    """Without a page to start from, and with other schemes, the words of a link stay and the link goes."""
    assert answer_html(form.format(target), None) == "<p>red <em>one</em></p>"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("![A *map* of 1\\*2](map.png)", "<p>A <em>map</em> of 1*2</p>"),
        ("[![Home](x.png)](https://x.gov)", '<p><a href="https://x.gov">Home</a></p>'),
        ("![](x.png)Red", "<p>Red</p>"),
        ("![inline](data:image/png;base64,AAAA)", "<p>inline</p>"),
        ("<p>See <img src=x.png alt='R&amp;D'>.</p>", "<p>See R&amp;D.</p>"),
    ],
)
def test_the_words_of_an_image_stand_in_its_place(answer: str, expected: str) -> None:
    """An image is not shown, its alternative text is."""
    assert expected == answer_html(answer, None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<p>Red <b>blue</b></p>", "<p>Red <b>blue</b></p>"),
        ("Red<br>blue<BR/>green", "<p>Red<br>blue<br>green</p>"),
        ("x<sup>2</sup> and H<sub>2</sub>O", "<p>x<sup>2</sup> and H<sub>2</sub>O</p>"),
        ("<h2 id=a>Red</h2><div>One<div>Two</div></div>", "<p><strong>Red</strong></p><p>One</p><p>Two</p>"),
        ("<dl><dt>Red<dd>A colour</dl>", "<dl><dt>Red</dt><dd>A colour</dd></dl>"),
        ("<ol start=3><li>a<li value=7>b</ol>", '<ol start="3"><li>a</li><li value="7">b</li></ol>'),
        ("<ol start=x><li>a</ol>", "<ol><li>a</li></ol>"),
        ("<a id='top'/>Red<br>blue", "<p>Red<br>blue</p>"),
        ("<del>a</del> <ins>b</ins> <span class=x>c</span>", "<p><s>a</s> <u>b</u> c</p>"),
        ("<!DOCTYPE html><p>Red <!-- hidden\n -->blue</p>", "<p>Red blue</p>"),
        ("<p>Write to <help@x.gov> if 1<2</p>", "<p>Write to &lt;help@x.gov&gt; if 1&lt;2</p>"),
        (
            "<div>\n\n**Red** and www.x.gov\n\n</div>",
            '<p><strong>Red</strong> and <a href="http://www.x.gov">www.x.gov</a></p>',
        ),
        (
            "<table><caption>Red</caption><tr><td>a<td>b</table>",
            "<p>Red</p><table><tbody><tr><td>a</td><td>b</td></tr></tbody></table>",
        ),
    ],
)
def test_html_is_simplified(answer: str, expected: str) -> None:
    """HTML in an answer keeps its structure: headings and containers are paragraphs, the rest of its tags go."""
    assert expected == answer_html(answer, None).replace("</p>\n<p>", "</p><p>")


@pytest.mark.parametrize(
    "answer",
    [
        "Write <your name> here",
        "<your name>\n**x**",
        "Write to <address> and <title>",
        "Press <Enter> or <br>",
        "Use <b> for bold",
        "Fill in <input your name here>",
        "Take <source> and <link>",
        "<form> or <form number>\n</p>",
        "a <- b -> c, x<y, y>z",
        "<unknown>red</unknown> <b>x</b>",
        "<?php echo ?> <![CDATA[x]]>",
        "<p unfinished",
    ],
)
def test_angle_brackets_that_are_no_html_are_text(answer: str) -> None:
    """What is not HTML for certain is shown as it was written."""
    plain = answer.replace("**", "")
    assert " ".join(plain.split()) == text(answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Red. <!-- note to editors --> Blue.", "Red. Blue."),
        ("Red.\n\n<!-- one\n\ntwo -->\n\nBlue.", "Red. Blue."),
        ("<!-- one\n\ntwo --> <your name>\n\nBlue.", "<your name> Blue."),
        ("- Red\n  <!-- one\n\n  two -->\n- <your name>", "Red <your name>"),
        ("<p>Red<!-- one\n\ntwo --></p>", "Red"),
        ("`<!-- shown -->` <!-- not --> <your name>", "<!-- shown --> <your name>"),
        ("```\n<!-- shown -->\n```\n<!-- one\n\ntwo -->\n<!-- shown -->", "<!-- shown -->"),
        ("Red <!-- without an end", "Red <!-- without an end"),
    ],
)
def test_comments_are_not_shown(answer: str, expected: str) -> None:
    """A comment stays out of sight, whatever else in the answer looks like HTML; in code it is shown."""
    assert expected == text(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "[Note]: bring",
        "[Note]: https://x.gov",
        "See [Note]\n\n[Note]: bring",
        "~~~ Note well ~~~\nRed.",
        "a | b\n--|--\n1 | 2 | 3",
        "<your name>\n\n[Note]: bring\n\n~~~ Note well\nRed.\n\n> a | b\n> --|--\n> 1 | 2 | 3",
        "> " * 90 + "red",
        "- " * 90 + "red",
    ],
)
def test_no_word_is_lost_to_the_syntax_of_markdown(answer: str) -> None:
    """Where Markdown would take words away (definitions, words behind a fence, cells without a head, depth), they stay."""
    assert letters(answer) == letters(text(answer))


SIGNS = "redZé \n.,;:!?'\"()-+–•#*_=/%$|[]<>~{}^"
UNNUMBERED = st.text(st.sampled_from(SIGNS), max_size=80)
# A number that begins a line may become the mark of a list, which is not text; see the test of lists.
NUMBERED = st.text(st.sampled_from(SIGNS + "0178"), max_size=80).map(lambda answer: re.sub("(?m)^", "r", answer))


@given(UNNUMBERED | NUMBERED)
@example("~~~\nred\n~~~")
@example("[e]: d\n[e]: <r>")
@settings(deadline=None)
def test_plain_text_keeps_every_word(answer: str) -> None:
    """Every letter and digit of a text without links and entities is shown, in order."""
    assert letters(answer) == letters(text(answer))


PAYLOADS = [
    "<script>alert(1)</script>",
    "<p><script>alert(1)</script></p>",
    "<ScRiPt src=//x.example></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<p><img src=x onerror=alert(1)//></p>",
    "<img/src=x/onerror=alert(1)>",
    "<p><svg/onload=alert(1)></p>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<p><math><mi//xlink:href='data:x,<script>alert(1)</script>'></p>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:x'>x</a>",
    "<a href='https://x.gov' onclick=alert(1) style='position:fixed' target=_blank>x</a>",
    "[x](javascript:alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](&#106;avascript:alert(1))",
    "[x](JAVASCRIPT&colon;alert(1))",
    "![x](javascript:alert(1))",
    '![x](x "onerror=alert(1)")',
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x](https://x.gov/"onclick="alert(1))',
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=x.swf></object><embed src=x.swf>",
    "<form action=//x.example><input name=password><button>Sign in</button></form>",
    "<style>@import '//x.example'</style><p style='background:url(//x.example)'>x</p>",
    "<base href='//x.example'><meta http-equiv=refresh content='0;url=//x.example'><link rel=stylesheet href=//x.example>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<textarea></textarea><title></title><xmp><img src=x onerror=alert(1)></xmp>",
    "<p><template><img src=x onerror=alert(1)></template></p>",
    "<body onload=alert(1)><p>x</p></body>",
    "<p><details open ontoggle=alert(1)>x</details></p>",
    "<a href='https://x.gov/<a>'>x</a><a>y</a></a></p>",
    "<table><tr><td><a href='/r'><table><tr><td><a href='https://x.gov'>x</a></td></tr></table></a></td></tr></table>",
    "<p><!--><img src=x onerror=alert(1)>--></p>",
    "<p><![CDATA[<img src=x onerror=alert(1)>]]></p>",
    '`<script>` <b>"><script>alert(1)</script></b>',
    '```"><script>alert(1)</script>\nx\n```',
    "<b a='<p>'>x</b><u b=\"</u><script>alert(1)</script>\">y</u>",
]
PIECES = ["<p>", "</p>", "<a href='/x'>", "</a>", "<li>", "<td>", "\n\n", "*", "[", "](", "`", "<!--", "-->"]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("frame", ["{}", "Red.\n\n{}\n\nBlue.", "<p>Red</p>{}", "- {}\n- <b>x</b>", "|a|\n|-|\n|{}|"])
def test_nothing_that_acts_is_left(payload: str, frame: str) -> None:
    """Whatever is tried, what is left are the allowed elements and attributes, closed in their order, and safe links."""
    links = [str(attributes["href"]) for attributes in _Strict(answer_html(frame.format(payload), None)).named("a")]
    assert not [link for link in links if not link.startswith(("https://x.gov", "http://x.gov"))]


@given(
    st.lists(st.sampled_from([*PAYLOADS, *PIECES]), max_size=8),
    st.sampled_from([None, BASE]),
)
@settings(deadline=None)
def test_nothing_that_acts_is_left_of_any_mixture(pieces: list[str], base: str | None) -> None:
    """The same holds of payloads and pieces of markup in any order, with and without a page to start from."""
    links = [str(attributes["href"]) for attributes in _Strict(answer_html("".join(pieces), base)).named("a")]
    assert not [link for link in links if not link.startswith(("https:", "http:", "mailto:", "tel:"))]


@pytest.mark.parametrize("piece", ["[", "![", "*a ", "<a ", "<!--", "a|b\n", "&", "http://", "`a ", "> "])
def test_hostile_lengths_are_shown_as_they_are(piece: str) -> None:
    """A text that is too long for any answer is not read at all; it is shown in paragraphs."""
    answer = (piece * 1_000_000)[:1_000_000]
    assert letters(answer) == letters("".join(_Strict(answer_html(answer, None)).text))


def test_a_text_of_brackets_is_shown_as_it_is() -> None:
    """Brackets cost a parser more than anything else, so fewer of them are too many."""
    assert f"<p>{'[' * 10_001}</p>\n<p>a&amp;b *</p>" == answer_html("[" * 10_001 + "\n\na&b *\n", None)


def test_nothing_to_show_is_nothing() -> None:
    """A text that shows nothing gives no element."""
    assert ["", "", ""] == [answer_html(answer, None) for answer in ("", " \n", "<!-- x -->")]
