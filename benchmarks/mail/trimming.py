"""New text and signatures found by `qa_service.mail.trim`, beside each library alone: trimming.py FOLDER prints a table.

FOLDER holds email_reply_trimmer/ (emails/ and the new text of each in trimmed/, MIT) and forge_enron_signatures/ (P/ and N/,
`*_body` files with signature lines marked "#sig#", CC BY 3.0). Files are told into two halves by their place in the order of
names. The rules were made on the even half; run once on the odd half, unseen, they gave the gold for 23 of 32 replies (6 lost a
line) and F1 = .976 of signature lines. Then the odd half was looked at too, so its figures here are no longer held out.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from qa_service.mail import trim
from qa_service.mail.base import MAX_TEXT_CHARS

_MARKS = re.compile(r"^(?:#\w+#)+")
_SIGNED = (trim.Kind.CLOSING, trim.Kind.SIGNATURE)
HALVES = {"even half": (0,), "odd half": (1,), "all": (0, 1)}
# The same for all: what a way of trimming makes of a text, and for each of its lines whether it is new or a signature's.
Read = Callable[[str], str]
Label = Callable[[Sequence[str]], "tuple[list[bool], list[bool]]"]


@dataclass
class Signed:
    """Lines counted over the files of signatures."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    body: int = 0
    lost: int = 0
    emptied: int = 0

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / max(1e-9, self.precision + self.recall)


@dataclass
class Trimmed:
    """Files counted over the replies: `lost` lack a line of the gold, `lost_own` one that the gold does not itself quote."""

    files: int = 0
    equal: int = 0
    lost: list[str] = field(default_factory=list)
    lost_own: list[str] = field(default_factory=list)


def _bare(text: str) -> str:
    return "".join(text.split())


def replies(folder: Path, half: tuple[int, ...], read: Read) -> Trimmed:
    """The new text of each reply against its gold, whitespace aside."""
    counted = Trimmed()
    for place, gold in enumerate(sorted((folder / "email_reply_trimmer" / "trimmed").iterdir())):
        if place % 2 not in half:
            continue
        wanted = gold.read_text("utf-8")
        got = read((gold.parent.parent / "emails" / gold.name).read_text("utf-8"))
        has = {_bare(line) for line in got.splitlines()}
        lost = [line for line in wanted.splitlines() if _bare(line) and _bare(line) not in has]
        counted.files += 1
        counted.equal += _bare(got) == _bare(wanted)
        counted.lost += [gold.name] if lost else []
        counted.lost_own += [gold.name] if any(not line.startswith(">") for line in lost) else []
    return counted


def signatures(folder: Path, half: tuple[int, ...], label: Label) -> Signed:
    """Signature lines found, by line over all files; blank lines are not counted."""
    counted = Signed()
    files = sorted((folder / "forge_enron_signatures").glob("[PN]/*_body"))
    for place, file in enumerate(files):
        if place % 2 not in half:
            continue
        marked = file.read_text("utf-8", "replace").splitlines()
        lines = [_MARKS.sub("", line) for line in marked]
        new, signed = label(lines)
        body = lost = 0
        for line, raw, is_new, is_signed in zip(lines, marked, new, signed, strict=True):
            if not line.strip():
                continue
            gold = bool(_MARKS.match(raw))
            counted.right += gold and is_signed
            counted.wrong += is_signed and not gold
            counted.missed += gold and not is_signed
            body += not gold
            lost += not gold and not is_new
        counted.body += body
        counted.lost += lost
        counted.emptied += body > 0 and body == lost
    return counted


def ours(lines: Sequence[str]) -> tuple[list[bool], list[bool]]:
    """Labels of `qa_service.mail.trim`: the closing counts as signature, as it does in the gold."""
    kinds = trim.kinds(lines)
    return [kind is trim.Kind.NEW for kind in kinds], [kind in _SIGNED for kind in kinds]


# The libraries are imported by name: only the environment of the benchmarks has them.
def quotequail_new(text: str) -> str:
    """The parts that quotequail would show unfolded."""
    quotequail = importlib.import_module("quotequail")
    return "\n".join(part for shown, part in quotequail.quote(text, quote_intro_line=True) if shown)


def quotequail_labels(lines: Sequence[str]) -> tuple[list[bool], list[bool]]:
    """Labels of quotequail, which knows no signatures."""
    shown = len(quotequail_new("\n".join(lines)).split("\n"))
    return [place < shown for place in range(len(lines))], [False] * len(lines)


def _reply(text: str) -> tuple[str, list[str]]:
    library = importlib.import_module("mailparser_reply")
    languages = importlib.import_module("mailparser_reply.constants").MAIL_LANGUAGES
    parser = library.EmailReplyParser(languages=[name for name in languages if len(name) == len("en")])
    first = parser.read(text).replies[0]
    return first.body, [*(first.signatures or "").splitlines(), *"\n".join(first.disclaimers or []).splitlines()]


def mail_parser_reply_new(text: str) -> str:
    """The body of the newest reply."""
    return _reply(text)[0]


def mail_parser_reply_labels(lines: Sequence[str]) -> tuple[list[bool], list[bool]]:
    """What is neither in the body nor in the signature of the newest reply is quoted; lines are matched by their text."""
    body, signature = _reply("\n".join(lines))
    left = Counter(line.strip() for line in body.splitlines())
    ends = Counter(line.strip() for line in signature)
    new, signed = [], []
    for line in lines:
        key = line.strip()
        new.append(left[key] > 0)
        signed.append(left[key] <= 0 and ends[key] > 0)
        (left if new[-1] else ends)[key] -= 1
    return new, signed


WAYS: dict[str, tuple[Read, Label]] = {
    "ours": (trim.new_text, ours),
    "ours, closing left out": (lambda text: trim.parts(text).body, ours),
    "quotequail alone": (quotequail_new, quotequail_labels),
    "mail-parser-reply alone": (mail_parser_reply_new, mail_parser_reply_labels),
}


def milliseconds(folder: Path, read: Read, rounds: int = 3) -> tuple[float, float]:
    """Mean and largest milliseconds a text, over all files, of the best of some rounds each; the first round warms up."""
    files = [
        *(folder / "email_reply_trimmer/emails").iterdir(),
        *(folder / "forge_enron_signatures").glob("[PN]/*_body"),
    ]
    best = []
    for file in files:
        text = file.read_text("utf-8", "replace")[:MAX_TEXT_CHARS]
        taken = []
        for _ in range(rounds):
            begun = time.perf_counter()
            read(text)
            taken.append(time.perf_counter() - begun)
        best.append(1000 * min(taken))
    return sum(best) / len(best), max(best)


def rows(folder: Path) -> list[list[str]]:
    """The lines of the table, its head first."""
    table = [
        "trimming by|files|new text equals gold|a gold line lost|… that the gold does not quote|signature P|R|F1|body lines lost|"
        "files without body|ms a text|largest".split("|")
    ]
    for name, (read, label) in WAYS.items():
        mean, largest = milliseconds(folder, read)
        for half, parity in HALVES.items():
            text, sign = replies(folder, parity, read), signatures(folder, parity, label)
            table.append([f"{name}, {half}", str(text.files), f"{text.equal / text.files:.1%}"])
            table[-1] += [f"{len(lost)} ({len(lost) / text.files:.1%})" for lost in (text.lost, text.lost_own)]
            table[-1] += [f"{value:.3f}" for value in (sign.precision, sign.recall, sign.f1)]
            table[-1] += [f"{sign.lost} of {sign.body}", str(sign.emptied), f"{mean:.2f}", f"{largest:.1f}"]
    return table


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, and the replies of which ours loses a line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="holds email_reply_trimmer/ and forge_enron_signatures/")
    folder = parser.parse_args(argv).folder
    head, *body = rows(folder)
    for line in (head, ["---"] * len(head), *body):
        print(f"| {' | '.join(line)} |")
    print(
        "\nReplies of which ours loses a line:", ", ".join(replies(folder, HALVES["all"], trim.new_text).lost) or "none"
    )


if __name__ == "__main__":
    main()
