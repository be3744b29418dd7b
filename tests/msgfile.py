"""Outlook messages (.msg), built in memory: a compound file (MS-CFB) that holds properties and streams (MS-OXMSG)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

Node = bytes | Mapping[str, "Node"]
"""A stream, or a storage of streams and storages by name."""


class Ansi(bytes):
    """A text in an 8-bit charset, as old programs store it."""


class Filetime(int):
    """A moment in units of 100 ns since 1601."""


Value = str | bytes | int
SECTOR, MINI_SECTOR, CUTOFF, ENTRY = 512, 64, 4096, 128
END, FREE, IS_FAT, NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF
MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")


def compound(root: Mapping[str, Node]) -> bytes:
    """The bytes of a compound file. Each stream lies in a row, small ones in the mini stream; siblings are a list."""
    names, nodes, links = _flat(root)
    small = [node if isinstance(node, bytes) and len(node) < CUTOFF else b"" for node in nodes]
    large = [node if isinstance(node, bytes) and len(node) >= CUTOFF else b"" for node in nodes]
    mini, mini_fat, mini_starts = _rows(small, MINI_SECTOR)
    size = ENTRY * len(nodes)
    body, fat, starts = _rows([b"\0" * size, struct.pack(f"<{len(mini_fat)}I", *mini_fat), mini, *large], SECTOR)
    entries = [
        _entry(name, 5 if n == 0 else 2 if isinstance(node, bytes) else 1, links[n], *place)
        for n, (name, node) in enumerate(zip(names, nodes, strict=True))
        for place in [_place(n, node, mini_starts, starts, len(mini))]
    ]
    body = b"".join(entries) + body[size:]
    count = next(n for n in range(1, 110) if n * SECTOR // 4 >= len(fat) + n)
    table = [*fat, *[IS_FAT] * count]
    table += [FREE] * (count * SECTOR // 4 - len(table))
    first = [len(fat) + n for n in range(count)] + [FREE] * (109 - count)
    minis = (starts[1], len(mini_fat) * 4 // SECTOR + (len(mini_fat) * 4 % SECTOR > 0))
    head = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII", MAGIC, 0x3E, 3, 0xFFFE, 9, 6, 0, count, 0, 0, CUTOFF, *minis, END, 0, 0
    )
    return head[:76] + struct.pack("<109I", *first) + body + struct.pack(f"<{len(table)}I", *table)


def _flat(root: Mapping[str, Node]) -> tuple[list[str], list[Node], list[tuple[int, int]]]:
    """The names of all nodes, the nodes, and of each its next sibling and its first child."""
    names, nodes, links = ["Root Entry"], list[Node]([root]), [(NONE, NONE)]
    for number, node in enumerate(nodes):  # nodes grows on the way
        if isinstance(node, bytes) or not node:
            continue
        begin, end = len(nodes), len(nodes) + len(node)
        links[number] = (links[number][0], begin)
        names += node
        nodes += node.values()
        links += [(n + 1 if n + 1 < end else NONE, NONE) for n in range(begin, end)]
    return names, nodes, links


def _rows(streams: Sequence[bytes], size: int) -> tuple[bytes, list[int], list[int]]:
    """The streams in sectors of this size, the table that chains the sectors, and where each stream begins."""
    body, fat, starts = b"", list[int](), list[int]()
    for stream in streams:
        count = -(-len(stream) // size)
        starts.append(len(fat) if count else END)
        fat += [*range(len(fat) + 1, len(fat) + count), END] if count else []
        body += stream.ljust(count * size, b"\0")
    return body, fat, starts


def _place(number: int, node: Node, minis: Sequence[int], starts: Sequence[int], mini_size: int) -> tuple[int, int]:
    if number == 0:
        return starts[2], mini_size
    if not isinstance(node, bytes):
        return 0, 0
    return (minis[number] if len(node) < CUTOFF else starts[3 + number]), len(node)


def _entry(name: str, kind: int, links: tuple[int, int], start: int, size: int) -> bytes:
    raw = name.encode("utf-16-le") + b"\0\0"
    return struct.pack("<64sHBBIII36xIQ", raw, len(raw), kind, 1, NONE, *links, start, size)


def properties(values: Mapping[int, Value], header: bytes) -> dict[str, Node]:
    """The streams of an object: its table of properties behind a header, and what is too long for the table."""
    table, streams = header, dict[str, Node]()
    for pid, value in values.items():
        kind, raw = _typed(value)
        if kind in {0x1E, 0x1F, 0x102}:
            streams[f"__substg1.0_{pid:04X}{kind:04X}"] = raw
            raw = struct.pack("<I4x", len(raw))
        table += struct.pack("<HHI", kind, pid, 6) + raw
    return {"__properties_version1.0": table, **streams}


def _typed(value: Value) -> tuple[int, bytes]:
    match value:
        case Filetime():
            return 0x40, struct.pack("<Q", value)
        case int():
            return 0x3, struct.pack("<I4x", value)
        case Ansi():
            return 0x1E, bytes(value)
        case bytes():
            return 0x102, value
        case _:
            return 0x1F, value.encode("utf-16-le", "surrogatepass")


def inner(
    values: Mapping[int, Value], attached: Sequence[Node] = (), recipients: Sequence[str] = ()
) -> dict[str, Node]:
    """A message as it lies in another one."""
    header = struct.pack("<8x4I", len(recipients), len(attached), len(recipients), len(attached))
    return {**properties(values, header), **dict(_held(attached, recipients))}


def _held(attached: Sequence[Node], recipients: Sequence[str]) -> Iterator[tuple[str, Node]]:
    for number, address in enumerate(recipients):
        yield f"__recip_version1.0_#{number:08X}", properties({0x3003: address}, bytes(8))
    for number, node in enumerate(attached):
        yield f"__attach_version1.0_#{number:08X}", node


def file(name: str, data: bytes) -> dict[str, Node]:
    """A file as it is attached."""
    return properties({0x3707: name, 0x3705: 1, 0x3701: data}, bytes(8))


def attached(message: Mapping[str, Node]) -> dict[str, Node]:
    """A message as it is attached."""
    return {**properties({0x3705: 5}, bytes(8)), "__substg1.0_3701000D": message}


def msg(values: Mapping[int, Value], attached: Sequence[Node] = (), recipients: Sequence[str] = ()) -> bytes:
    """The bytes of a .msg file with these properties."""
    held = inner(values, attached, recipients)
    table = held["__properties_version1.0"]
    assert isinstance(table, bytes)
    return compound({**held, "__properties_version1.0": table[:24] + bytes(8) + table[24:]})
