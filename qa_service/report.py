"""An evaluation as one HTML file: no script, nothing from elsewhere, readable on paper and on a phone."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from textwrap import shorten

from qa_service import plots
from qa_service import text as strings
from qa_service.domain import AtThreshold, Entry
from qa_service.evaluation import FIGURES, Evaluation, Figure, shown
from qa_service.mistakes import Mistake, Slip
from qa_service.pictures import histograms, reliability_diagram, risk_coverage_curve

MOST_MISTAKES = 50
_MOST_CONFUSIONS = 50
_SHORT = 110
_HEADLINES = ("answerable_answered_right", "answerable_answered_wrong", "unanswerable_answered", "top_1")
_STYLE = (
    """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1b1f; --rule: #8a8a94; --soft: #f1f2f6; --warn: #fff3cd;
  --good: #0b57a4; --bad: #b3261e; --other: #6b4e00; --pale: #c5d9f0; }
@media (prefers-color-scheme: dark) { :root { --paper: #141418; --ink: #ececf1; --rule: #80808c; --soft: #24242b;
  --warn: #453a10; --good: #8fc1ff; --bad: #ffaaa3; --other: #ecc65d; --pale: #34506e; } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #f1f2f6; --warn: #fff; --good: #0b57a4;
  --bad: #b3261e; --other: #6b4e00; --pale: #c5d9f0; }
  * { print-color-adjust: exact; } figure, tr, li, .box { break-inside: avoid; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h1 span, small { white-space: nowrap; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; }
code, .id { font-family: ui-monospace, monospace; font-size: .85em; overflow-wrap: anywhere; }
.box { background: var(--warn); border: 2px solid var(--ink); border-radius: .4rem; padding: .6rem 1rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; padding: 0; margin: 1rem 0;
  list-style: none; }
.cards li { background: var(--soft); border-radius: .4rem; padding: .7rem .9rem; }
.cards strong { display: block; font-size: 1.7rem; line-height: 1.2; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1.2rem; }
figure { margin: 0; display: flex; flex-direction: column; justify-content: space-between; } figcaption { margin-bottom: .3rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; margin-bottom: .4rem; }
th, td { border-bottom: 1px solid var(--rule); padding: .3rem .5rem .3rem 0; text-align: right; vertical-align: top; }
th:first-child, .text { text-align: left; } td { white-space: nowrap; } td.text { white-space: normal; }
th { font-weight: 600; } tbody th { font-weight: 400; }
tr.now th, tr.now td { background: var(--soft); font-weight: 700; }
.mistakes li { margin-bottom: .9rem; } .mistakes q { font-weight: 600; } dl { margin: .1rem 0 0; }
dt { float: left; clear: left; margin-right: .4rem; } dt::after { content: ":"; } dd { margin: 0; }
.wide { overflow-x: auto; } td.text, tbody th, dd, q { overflow-wrap: anywhere; hyphens: auto; }
@media (max-width: 40rem) { table { font-size: .85rem; line-height: 1.35; } small { display: block; } }
"""
    + plots.STYLE
)
_POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"


def page(evaluation: Evaluation, entries: Mapping[str, Entry]) -> str:
    """The report.

    Args:
        evaluation: what is shown.
        entries: by id; those that the labels and the index name are shown by their official question.
    """
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    title, version = "How well the index answers", escape(evaluation.version)
    parts = (_head(evaluation), _figures(evaluation), _plots(evaluation), _thresholds(evaluation))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY.format(digest))}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{title}: {version}</title>\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n<h1>{title}: <span>{version}</span></h1>\n{''.join(parts)}"
        f"{_confusions(evaluation, entries)}{_mistakes(evaluation, entries)}</main>\n</body>\n</html>\n"
    )


def _head(evaluation: Evaluation) -> str:
    warning = (
        f'<p class="box"><strong>Warning:</strong> {escape(evaluation.warning)}</p>\n' if evaluation.warning else ""
    )
    cards = "".join(
        f"<li><strong>{shown(name, f.value)}</strong>{escape(FIGURES[name])} <small>{_ends(name, f)}</small></li>"
        for name in _HEADLINES
        if (f := evaluation.figures.get(name))
    )
    return (
        f"<p>{evaluation.questions} labelled questions, {evaluation.answerable} of which the FAQ answers and "
        f"{evaluation.unanswerable} of which it does not. An answer needs a confidence of "
        f'{evaluation.calibration.answer_threshold:.3f}.</p>\n{warning}<ul class="cards">{cards}</ul>\n'
    )


def _figures(evaluation: Evaluation) -> str:
    built = evaluation.calibration.figures
    rows = [
        (
            f"{escape(FIGURES[name])} <small>(of {f.size})</small>",
            shown(name, f.value),
            _ends(name, f),
            shown(name, built[name]) if name in built else "\u2013",
        )
        for name, f in evaluation.figures.items()
    ]
    caption = "Each figure with its 95&nbsp;% interval, and of how many questions it was made"
    return (
        "<h2>Figures</h2>\n"
        + _table(caption, ("Figure", "Value", "95&nbsp;% interval", "At the build"), rows)
        + "<p>Intervals are percentiles of 1,000 bootstrap resamples of the questions. Where all questions agree, the interval "
        "is a point: a share of 0 among <i>n</i> questions may in truth be as high as 3/<i>n</i>. The last column was measured "
        "at the build on the questions the index learned, each asked of an index that had not learned it; the threshold was "
        "chosen on them.</p>\n"
    )


def _ends(name: str, figure: Figure) -> str:
    return f"{shown(name, figure.interval.low)}\u2013{shown(name, figure.interval.high)}"


def _plots(evaluation: Evaluation) -> str:
    right, wrong, unanswerable = histograms(evaluation)
    return (
        "<h2>Can the confidence be trusted?</h2>\n"
        f'<div class="plots">{reliability_diagram(evaluation)}{risk_coverage_curve(evaluation)}</div>\n'
        "<h2>How the confidences lie</h2>\n"
        "<p>The dashed line is the threshold: what lies right of it is answered.</p>\n"
        f'<div class="plots">{right}{wrong}{unanswerable}</div>\n'
    )


def _thresholds(evaluation: Evaluation) -> str:
    yes, no = evaluation.answerable, evaluation.unanswerable

    def share(count: int, of: int) -> str:
        return f"{count / of:.1%} ({count})" if of else "\u2013"

    def row(at: AtThreshold) -> tuple[str, ...]:
        name = f"{at.threshold:.3f}, now" if at is evaluation.now else f"{at.threshold:.2f}"
        return name, share(at.answered_right, yes), share(at.answered_wrong, yes), share(at.unanswerable_answered, no)

    others = [at for at in evaluation.thresholds if at.threshold != evaluation.now.threshold]
    steps = sorted((*others, evaluation.now), key=lambda at: at.threshold)
    columns = ("Threshold", "Answered right", "Answered wrong", "Answered, none exists")
    caption = "What other thresholds would do: shares of the answerable and of the unanswerable questions"
    return "<h2>Thresholds</h2>\n" + _table(caption, columns, [row(at) for at in steps], steps.index(evaluation.now))


def _confusions(evaluation: Evaluation, entries: Mapping[str, Entry]) -> str:
    held = evaluation.confusions
    if not held:
        return "<h2>Confusion between entries</h2>\n<p>No entry was found instead of another.</p>\n"
    rows = [
        (_named(c.expected, entries), _named((c.found,), entries), str(c.nearest), str(c.answered))
        for c in held[:_MOST_CONFUSIONS]
    ]
    caption = f"Which entry was nearest where another is right{_first(len(rows), len(held))}"
    columns = ("Right entry", "Nearest entry", "Times", "Answered")
    return "<h2>Confusion between entries</h2>\n" + _table(caption, columns, rows, text_columns=2)


def _mistakes(evaluation: Evaluation, entries: Mapping[str, Entry]) -> str:
    held = evaluation.mistakes
    if not held:
        return "<h2>Questions that went wrong</h2>\n<p>None.</p>\n"
    items = "".join(_mistake(m, entries) for m in held[:MOST_MISTAKES])
    counted = f"{len(held)} in all{_first(min(len(held), MOST_MISTAKES), len(held))}, worst first."
    return f'<h2>Questions that went wrong</h2>\n<p>{counted}</p>\n<ol class="mistakes">{items}</ol>\n'


def _mistake(mistake: Mistake, entries: Mapping[str, Entry]) -> str:
    nearest = ""
    if mistake.slip is not Slip.NEAR_MISS:
        found = _named([mistake.found] if mistake.found is not None else [], entries, "nothing")
        nearest = f"<dt>Nearest</dt><dd>{found}</dd>"
    return (
        f'<li><q dir="auto">{escape(strings.normalise(mistake.text))}</q>'
        f"<dl><dt>What happened</dt><dd>{escape(mistake.slip)} (confidence {mistake.confidence:.3f})</dd>"
        f"<dt>Right</dt><dd>{_named(mistake.expected, entries)}</dd>{nearest}</dl></li>\n"
    )


def _named(ids: Sequence[str], entries: Mapping[str, Entry], nothing: str = "none: the FAQ has no answer") -> str:
    """Entries by their official questions, or by their ids where the index does not hold them."""
    names = []
    for one in ids:
        entry = entries.get(one)
        if entry is None:
            names.append(f'<bdi class="id">{escape(strings.normalise(one))}</bdi>')
        else:
            question = shorten(strings.normalise(entry.question), _SHORT, placeholder="\u2026")
            names.append(f'<bdi lang="{escape(entry.language)}">{escape(question)}</bdi>')
    return " or ".join(names) or f"<i>{escape(nothing)}</i>"


def _first(shown_count: int, count: int) -> str:
    return f", the first {shown_count} of {count}" if shown_count < count else ""


def _table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], now: int | None = None, text_columns: int = 1
) -> str:
    """A table of cells that are HTML already; the first of a row is its heading."""
    head = "".join(
        f'<th scope="col"{" class=text" if 0 < i < text_columns else ""}>{name}</th>' for i, name in enumerate(columns)
    )
    body = []
    for number, (first, *others) in enumerate(rows):
        cells = "".join(
            f"<td{' class=text' if i < text_columns else ''}>{cell}</td>" for i, cell in enumerate(others, 1)
        )
        mark = ' class="now" aria-current="true"' if number == now else ""
        body.append(f'<tr{mark}><th scope="row">{first}</th>{cells}</tr>\n')
    return (
        f'<div class="wide"><table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{''.join(body)}</tbody>\n</table></div>\n"
    )
