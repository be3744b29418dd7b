from __future__ import annotations

import io
import itertools
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from qa_service.mail import sources
from qa_service.mail.base import MAX_MAIL_BYTES
from qa_service.mail.sources import GONE, Mail, SourceError, is_gone, mails

A, B, C = (b"Subject: %b\n\nWhat is %b?\n" % (name, name) for name in (b"a", b"b", b"c"))
ENVELOPE = b"From ana@example.org Tue Nov 24 09:30:00 2026\n"


def put(path: Path, raw: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def found(*paths: Path) -> list[tuple[str, bytes]]:
    """The names and bytes of the mails below paths, all of which can be had."""
    got = list(mails([str(path) for path in paths]))
    assert [] == [mail for mail in got if mail.failure]
    return [(mail.name, mail.raw) for mail in got]


def below(folder: Path) -> list[tuple[str, bytes]]:
    """The same, with names that are relative to the folder."""
    return [(name.removeprefix(f"{folder}/"), raw) for name, raw in found(folder)]


def test_files_are_read_in_the_order_given(tmp_path: Path) -> None:
    """Whatever their suffix, byte for byte."""
    first, second = put(tmp_path / "z.eml", A + b"\xff\r\n\0"), put(tmp_path / "a.txt", B)
    assert [(str(first), A + b"\xff\r\n\0"), (str(second), B)] == found(first, second)


def test_folders_are_read_sorted_with_what_is_below(tmp_path: Path) -> None:
    """Names with a dot in front, pipes and sockets are no mail."""
    for name, raw in (("b.eml", B), ("a/z.eml", A), ("c/deep/c.msg", C), (".hidden", B), (".git/x", B)):
        put(tmp_path / name, raw)
    os.mkfifo(tmp_path / "pipe")
    assert [("a/z.eml", A), ("b.eml", B), ("c/deep/c.msg", C)] == below(tmp_path)


def test_a_large_folder_is_sorted_without_holding_its_names(tmp_path: Path) -> None:
    """Going through it several times gives the names that sorting all of them gives."""
    names = [f"{i * 7919 % 100:03}" for i in range(100)]
    for name in names:
        put(tmp_path / name, A)
    for at_once in (1, 7, 50, 99, 100, 101):
        assert sorted(names) == list(sources._names(tmp_path, at_once))


def test_links_that_go_round_end(tmp_path: Path) -> None:
    """A linked folder is gone into once; a link to a file is a file of its own."""
    inner = put(tmp_path / "a" / "a.eml", A).parent
    (inner / "up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(inner)
    (tmp_path / "b.eml").symlink_to(inner / "a.eml")
    assert [("a/a.eml", A), ("b.eml", A)] == below(tmp_path)


def test_a_link_to_itself_is_a_failure(tmp_path: Path) -> None:
    """It has a row and stops nothing."""
    (tmp_path / "a").symlink_to(tmp_path / "a")
    put(tmp_path / "b", B)
    assert [Mail(f"{tmp_path}/a", b"", GONE), Mail(f"{tmp_path}/b", B)] == list(mails([str(tmp_path)]))


def test_a_maildir_is_its_messages(tmp_path: Path) -> None:
    """New ones and read ones, those of its folders too, and none of the files that the server keeps there."""
    for name, raw in (("cur/1:2,S", A), ("new/2", B), ("tmp/3", C), (".Sent/cur/4:2,S", C), ("dovecot.index", A)):
        put(tmp_path / name, raw)
    for name in (".Sent/new", ".Sent/tmp"):
        (tmp_path / name).mkdir(parents=True)
    put(tmp_path / "notes" / "5", A)
    assert [("new/2", B), ("cur/1:2,S", A), (".Sent/cur/4:2,S", C)] == below(tmp_path)


def test_an_mbox_is_its_messages(tmp_path: Path) -> None:
    """Separators go, escaped lines get their "From " back, and other lines that begin so are text."""
    body = b"Subject: a\n\nhello\n\n>From the warehouse\n>>From far\nFrom here\n\nFrom now on we export.\n"
    kept = b"Subject: a\n\nhello\n\nFrom the warehouse\n>From far\nFrom here\n\nFrom now on we export.\n"
    whole = ENVELOPE + body + b"\n" + ENVELOPE + B + b"\n" + b"From - Mon, 23 Nov 2026 10:00:00 +0100\r\n" + C
    inbox = put(tmp_path / "inbox.mbox", whole)
    assert [(f"{inbox}#1", kept), (f"{inbox}#2", B), (f"{inbox}#3", C)] == found(inbox)
    assert found(put(tmp_path / "Inbox", whole))[1] == (f"{tmp_path}/Inbox#2", B)


def test_an_mbox_with_plain_separators_is_one_too(tmp_path: Path) -> None:
    """Where the first line has no date, the others need none."""
    inbox = put(tmp_path / "inbox", b"From ana\n" + A + b"\nFrom ben\n" + B)
    assert [A, B] == [raw for _, raw in found(inbox)]


def test_a_message_is_no_mbox(tmp_path: Path) -> None:
    """A file named as a message is one, whatever its first line; a file named as an mbox may hold just one."""
    saved = put(tmp_path / "a.eml", ENVELOPE + A + b"\n" + ENVELOPE + B)
    plain = put(tmp_path / "b.mbox", B)
    assert [(str(saved), saved.read_bytes()), (str(plain), B)] == found(saved, plain)


def test_an_empty_mbox_has_no_mail(tmp_path: Path) -> None:
    """An empty file of another name is an empty mail."""
    assert [("a", b""), ("c.eml", b"")] == [
        (Path(name).name, raw)
        for name, raw in found(put(tmp_path / "a", b""), put(tmp_path / "b.mbox", b""), put(tmp_path / "c.eml", b""))
    ]


def test_standard_input_is_a_message_or_an_mbox(tmp_path: Path) -> None:
    """It may stand among other paths."""
    other = put(tmp_path / "a.eml", A)
    got = list(mails([str(other), "-"], io.BytesIO(B)))
    assert [Mail(str(other), A), Mail("-", B)] == got
    got = list(mails(["-"], io.BytesIO(ENVELOPE + A + b"\n" + ENVELOPE + B)))
    assert [Mail("-#1", A), Mail("-#2", B)] == got


def test_no_more_than_the_bound_is_held(tmp_path: Path) -> None:
    """A message over 25 MB, in a file or an mbox, comes with one byte more than that, and its neighbours whole."""
    line = b"x" * 1023 + b"\n"
    big = line * (MAX_MAIL_BYTES // 1024 + 2_000)
    (_, first), (_, second) = found(put(tmp_path / "a.mbox", ENVELOPE + big + b"\n" + ENVELOPE + A))
    assert (MAX_MAIL_BYTES + 1, A) == (len(first), second)
    assert [MAX_MAIL_BYTES + 1] == [len(raw) for _, raw in found(put(tmp_path / "b.eml", big))]


def test_memory_stays_flat(tmp_path: Path) -> None:
    """An mbox is streamed: ten times the messages take the memory of one."""
    inbox = put(tmp_path / "inbox.mbox", (ENVELOPE + A + b"x" * 10_000 + b"\n\n") * 2_000)
    tracemalloc.start()
    assert sum(1 for _ in mails([str(inbox)])) == 2_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20 < inbox.stat().st_size


@pytest.mark.parametrize("name", ["missing", "pipe", "nul\0"])
def test_a_bad_path_is_said_before_anything_is_read(tmp_path: Path, name: str) -> None:
    """Missing, neither file nor folder, or no path at all; the error names it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match=name.strip("\0")):
        mails([str(put(tmp_path / "a.eml", A)), str(tmp_path / name)])


def test_a_path_without_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may not read it learns so at once."""
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(SourceError, match="permission denied"):
        mails([str(tmp_path)])


def test_what_vanishes_meanwhile_is_a_failure(tmp_path: Path) -> None:
    """A file, a folder, or a file whose place a pipe has taken: each has a row, and the rest is read."""
    paths = [put(tmp_path / name, A) for name in ("a", "b", "c")]
    folder = put(tmp_path / "d" / "x", A).parent
    run = mails([str(path) for path in (*paths, folder)])
    assert next(run) == Mail(str(paths[0]), A)
    paths[1].unlink()
    os.mkfifo(paths[1])
    paths[2].unlink()
    folder.rename(tmp_path / "e")
    assert [Mail(str(path), b"", GONE) for path in (paths[1], paths[2], folder)] == list(run)


def test_a_folder_that_cannot_be_listed_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a row, and what lies beside it is read."""
    put(tmp_path / "a" / "x", A)
    put(tmp_path / "b", B)
    listed = os.scandir

    def refusing(path: Path) -> Any:
        if path.name == "a":
            raise PermissionError
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert [Mail(f"{tmp_path}/a", b"", GONE), Mail(f"{tmp_path}/b", B)] == list(mails([str(tmp_path)]))


def test_any_name_can_be_written_down(tmp_path: Path) -> None:
    """A name that is not UTF-8 is told with escapes."""
    with open(os.fsencode(tmp_path) + b"/caf\xe9.eml", "wb") as file:  # noqa: PTH123 (a path of bytes)
        file.write(A)
    assert [("caf\\xe9.eml", A)] == below(tmp_path)


def test_whether_a_file_is_gone(tmp_path: Path) -> None:
    """A message of an mbox is there while the mbox is; what never was a file is not gone."""
    inbox = put(tmp_path / "in#box", A)
    there = (str(inbox), f"{inbox}#2", "-", "-#3", "imaps://example.com/INBOX/7", f"{tmp_path}/caf\\xe9.eml")
    assert [False] * len(there) == [is_gone(name) for name in there]
    assert [True, True] == [is_gone(f"{tmp_path}/in"), is_gone(f"{tmp_path}/other#1")]


def test_mails_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    """Nothing is read ahead."""
    paths = [str(put(tmp_path / name, A)) for name in ("a", "b")]
    run = mails(paths)
    assert 1 == len(list(itertools.islice(run, 1)))
    put(tmp_path / "b", B)
    assert [Mail(paths[1], B)] == list(run)
