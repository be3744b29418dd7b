"""Which lines of a mail are quoted history: "> " lines, attributions, header blocks, forwarding marks, what follows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qa_service.mail.signature import is_footer, is_rule

_MAX_INTRO = 320  # characters of an attribution that was wrapped; a longer text is prose
_MAX_WRAPPED = 5  # lines it may be wrapped into
_MAX_MARK = 80
_WROTE = (
    r"wrote|writes|schrieb(?:en)?|a écrit|écrit|escribi[óo]|escreveu|ha scritto|scrisse|va escriure|schreef|geschreven|skrev|"
    r"skreiv|kirjoitti|napisa[łl](?:\(a\)|a)?|pisze|napsala?(?:\(a\))?|napísala?|írta|a scris|написала?(?:\(а\))?|написав|"
    r"пише|пишет|έγραψε|yazdı|đã viết|menulis|ha escrit|rašė|skrifaði"
)
_AROUND = " -—_*\t\xa0"  # what stands around an attribution: "---- On … wrote ----"
# The ends of an attribution's last line; a verb without a colon ends it in some mail programs.
_ENDS = tuple(": ： > - wrote schrieb écrit escribió escreveu scritto skrev geschreven 写道 寫道".split())
_GMAIL = re.compile(r"\d{4}-\d\d-\d\d \d\d?:\d\d (?:GMT|UTC)[+-]\d\d:\d\d \S.{0,80}$")
_VERB = re.compile(rf"(?<!\w)(?:{_WROTE})(?!\w)|写道|寫道|写到|書きました|のメッセージ|작성", re.IGNORECASE)
_NAMED_FIRST = re.compile(r"\W{0,4}\w[^<>@:]{0,80}[<(\[]?[^\s<>@]{1,64}@[^\s<>@]{1,120}")
_FEW_WORDS_THEN_DIGIT = re.compile(r"\W{0,6}(?:[^\W\d_]{1,12}[.,\s]{1,4}){0,4}\d")
_DAY = re.compile(
    r"\d{1,4}[-/.]\s?\d{1,2}[-/.]\s?\d{1,4}|\d{4}\s?[年년]|\d{1,2}\.?\s(?:de\s)?[^\W\d_]{3,12}|[^\W\d_]{3,12}\s\d{1,2}\b"
)
_TIME = re.compile(r"\d{1,2}[:.h]\d{2}(?!\d)|\d{1,2}\s?[時时點点시]")
_ADDRESS = re.compile(r"[^\s<>@;]{1,64}@[^\s<>@;]{1,120}")
_DATED_ADDRESS = re.compile(r"\W{0,4}(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{4}[年년]).{0,200}@[^@]{1,120}>\s*[:：]?")
_ENDS_WITH_ADDRESS = re.compile(r"<[^\s<>@]{1,64}@[^\s<>@]{1,120}>\s?[:：]$")
_LOOSE_VERB = re.compile(rf"[>\s]*(?:{_WROTE})\s*[:：]\s*", re.IGNORECASE)
_COLON = re.compile(r"[:：]\s")
_DASHES = "-_=*—–"
_QUOTED = re.compile(r"\s{0,3}(?:[A-Z]{1,3})?[>＞]")
_ONE_LEVEL = re.compile(r"^\s{0,3}[>＞] ?")
_BARRED = re.compile(r"\s{0,3}[>＞|]")
_PASSED_ON = re.compile(
    r"original|originel|ursprünglich|urspr\.|d['’]origine|oorspronkelijk|opprinnelig|oprindelig|ursprunglig|oryginaln|"
    r"исходн|alkuperä|původní|eredeti|forward|weitergeleit|transf[ée]r|reenviad|remitid|inoltrat|encaminhad|doorgestuur|videresend|"
    r"vidarebefordra|przekazan|пересыл|переслан|переадрес|välitet|přeposlan|továbbít|原始|原邮件|原郵件|"
    r"转发|轉寄|転送|元のメッセージ|전달|원본",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    r"message|nachricht|mensaje|messaggio|mensagem|bericht|meddeland|meddelel|melding|besked|brev|wiadomo|сообщ|повідом|"
    r"viesti|邮件|メッセージ|메시지|e-?mail",
    re.IGNORECASE,
)
_REPLY_ABOVE = tuple(
    "reply above this line|above this line to reply|oberhalb dieser zeile|über dieser zeile|encima de esta línea|"
    "au-dessus de cette ligne|sopra questa riga|acima desta linha|boven deze regel".split("|")
)
FROM, DATE, TO, COPY, SUBJECT = "from", "date", "to", "copy", "subject"
_NAMES = {
    FROM: "from|de|von|da|van|fra|från|od|от|від|lähettäjä|发件人|寄件者|差出人|보낸 사람|feladó|kimden|από|remitente|"
    "expéditeur|mittente|avsender|avsändare|afsender|nadawca|afzender",
    DATE: "date|sent|datum|gesendet|envoyé|enviado|enviado el|fecha|data|inviato|enviada em|enviado em|verzonden|sendt|skickat|"
    "dato|wysłano|data wysłania|отправлено|дата|надіслано|lähetetty|päivämäärä|发送时间|日期|送信日時|日付|보낸 날짜|"
    "odesláno|elküldve|gönderildi|ημερομηνία|sent at|date d'envoi",
    TO: "to|an|à|a|para|aan|til|till|do|komu|кому|vastaanottaja|收件人|宛先|받는 사람|címzett|kime|προς|destinatario|"
    "destinataire",
    COPY: "cc|bcc|kopie|copia|copie|kopi|kopia|копия|копія|抄送|reply-to|reply to|antwort an|répondre à|responder a|rispondi a|"
    "risposta|importance|attachments|anlagen|priority|message-id|organization",
    SUBJECT: "subject|betreff|objet|asunto|oggetto|assunto|onderwerp|emne|ämne|temat|тема|aihe|主题|主旨|件名|제목|předmět|tárgy|"
    "konu|θέμα|re",
}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split("|")}
_MIN_HEADERS = 3
_MAX_HEADERS = 30  # lines of a block
_MAX_HEADER_NAME = 24
_MAX_FOLDED = 2  # lines that a header is folded into beyond its first
_MIN_WRAPPED_QUOTE = 60
_MAX_REMNANT = 30


def quoted(lines: Sequence[str]) -> list[bool]:
    """For each line, whether it is history and not what the sender newly wrote.

    History that is marked line by line ends where the marks end, so answers between and below it are new. History that is not
    marked goes on to the end, unless nothing stands above it: a letter that only passes another on keeps that one's text.
    A marked quote that opens the letter and that nothing introduces is the sender's own citation, and new. Where all would be
    history and no attribution says so, nothing is.
    """
    marks = [False] * len(lines)
    intros = _introductions(lines)
    place, written = 0, False
    while place < len(lines):
        end = intros.get(place)
        if end is not None:
            _mark(marks, _with_rules(lines, place), end)
            follows = _next_text(lines, end)
            if follows < len(lines) and _BARRED.match(lines[follows]):
                bar = _BARRED if lines[follows].lstrip().startswith("|") else _QUOTED
                place = _mark(marks, end, _run(lines, follows, bar))
            elif written and follows not in intros:
                return [*marks[:end], *[True] * (len(lines) - end)]
            else:
                place = end
        elif _QUOTED.match(lines[place]):
            run = _run(lines, place, _QUOTED)
            cited = not written and not any(marks[:place]) and not _is_history(lines[place:run])
            place = run if cited else _mark(marks, place, run)
        else:
            written = written or _is_written(lines[place])
            place += 1
    return marks


def unwrapped(lines: Sequence[str]) -> list[str] | None:
    """The lines without one level of "> ", where the letter only passes on another that is marked so; None elsewhere."""
    first = next((place for place, line in enumerate(lines) if _is_written(line)), None)
    if first is None or not _is_mark(lines, first) or not any(map(_QUOTED.match, lines)):
        return None
    return [_ONE_LEVEL.sub("", line, count=1) for line in lines]


def _is_written(line: str) -> bool:
    return bool(line.strip()) and not is_rule(line) and not is_footer(line)


def _is_history(run: Sequence[str]) -> bool:
    """Whether quoted lines begin with an attribution of their own, as a mail does that is quoted whole."""
    bare = [line.lstrip(" >＞") for line in run[:_MAX_WRAPPED]]
    return any(_attribution(bare, last) is not None for last in range(len(bare)))


def _mark(marks: list[bool], start: int, end: int) -> int:
    marks[start:end] = [True] * (end - start)
    return end


def _with_rules(lines: Sequence[str], place: int) -> int:
    """Take in the rule that mail programs draw above what they quote."""
    top = place
    while top and (not lines[top - 1].strip() or is_rule(lines[top - 1])):
        top -= 1
    return next((n for n in range(top, place) if lines[n].strip()), place)


def _next_text(lines: Sequence[str], place: int) -> int:
    while place < len(lines) and not lines[place].strip():
        place += 1
    return place


def _run(lines: Sequence[str], place: int, bar: re.Pattern[str]) -> int:
    """The end of the marked lines that begin here, with blank lines and wrapped remnants between them."""
    end = place
    while place < len(lines):
        if bar.match(lines[place]):
            place = end = place + 1
        elif not lines[place].strip() or _is_remnant(lines, place, bar):
            place += 1
        else:
            break
    return end


def _is_remnant(lines: Sequence[str], place: int, bar: re.Pattern[str]) -> bool:
    """Whether the line is the rest of a quoted line that was wrapped without its mark."""
    above, line = lines[place - 1].rstrip(), lines[place]
    between = bar.match(above) and place + 1 < len(lines) and bar.match(lines[place + 1])
    wrapped = len(above) >= _MIN_WRAPPED_QUOTE and above[-1] not in ".?!:" and len(line) <= _MAX_REMNANT
    return bool(between) and wrapped and line[:1].islower()


def _introductions(lines: Sequence[str]) -> dict[int, int]:
    """Where history is introduced: the place of an introduction's first line to that after its last."""
    found: dict[int, int] = {}
    taken = 0
    for place, line in enumerate(lines):
        if place < taken or not line.strip():
            continue
        start = _attribution(lines, place)
        if start is not None:
            found[start] = place + 1
        elif _is_mark(lines, place):
            found[place] = place + 1
        elif _kind(line):
            end = _headers(lines, place)
            if end:
                found[place] = taken = end
    return found


def _attribution(lines: Sequence[str], last: int) -> int | None:
    """The first line of the attribution ("On … wrote:") whose last line this is."""
    line = lines[last].rstrip()
    if not line.endswith(_ENDS) or not line.strip(_AROUND) or len(line) > _MAX_INTRO:
        return None if not _GMAIL.match(line) else last
    if _QUOTED.match(line) and not _LOOSE_VERB.fullmatch(line) and len(line.strip()) > len(">:"):
        return None
    follows = _next_text(lines, last + 1)
    marked = follows < len(lines) and bool(_BARRED.match(lines[follows]))
    windows = list(_windows(lines, last))
    if not windows or not ("@" in windows[-1][1] or _VERB.search(windows[-1][1])):
        return None
    unmarked = [(place, joined) for place, joined in windows if not _QUOTED.match(lines[place])]
    dated = (place for place, joined in unmarked if _is_dated(joined, marked=marked))
    named = (place for place, joined in unmarked if _is_named(joined, marked=marked))
    return next(dated, next(named, None))


def _windows(lines: Sequence[str], last: int) -> Iterator[tuple[int, str]]:
    """The line, then with the one above it, and so on, as far as a mail program wraps an attribution."""
    joined, taken = "", 0
    for place in range(last, -1, -1):
        line = lines[place].strip(_AROUND)
        if not line:
            continue
        joined, taken = f"{line} {joined}".strip(), taken + 1
        if len(joined) > _MAX_INTRO or taken > _MAX_WRAPPED:
            return
        yield place, joined


def _verb_at_end(text: str) -> re.Match[str] | None:
    """The last verb of writing, where the text ends with it or a colon ends the text and no other stands between."""
    verb = next(reversed(list(_VERB.finditer(text))), None)
    if verb is None:
        return None
    rest = text[verb.end() :].strip()
    closed = rest.endswith((":", "：")) and (rest[0] == "(" or not _COLON.search(rest[:-1]))
    return verb if (closed or not rest) and len(rest) <= _MAX_MARK else None


def _is_dated(text: str, *, marked: bool) -> bool:
    """Whether a joined line says who wrote what follows, and when. `marked`: a marked quote follows."""
    if _DATED_ADDRESS.fullmatch(text):
        return True
    if not _DAY.search(text):
        return False
    begins = _FEW_WORDS_THEN_DIGIT.match(text)
    if not _verb_at_end(text):
        return bool(begins and _ENDS_WITH_ADDRESS.search(text) and _TIME.search(text))
    told = _ADDRESS.search(text) or (text.endswith((":", "：")) and (marked or _TIME.search(text)))
    return bool(told and (begins or _NAMED_FIRST.match(text) or (marked and len(text) <= _MAX_MARK)))


def _is_named(text: str, *, marked: bool) -> bool:
    """Whether a joined line says who wrote what follows, without a date: "Ana Soto <ana@example.com> wrote:"."""
    if marked and len(text) <= _MAX_MARK and _ENDS_WITH_ADDRESS.search(text) and not _DAY.search(text):
        return True
    verb = _verb_at_end(text)
    if not verb or not text.endswith((":", "：")) or len(text) > _MAX_MARK or verb.end() < len(text) - len(" :"):
        return False
    return verb.start() > len("Al ") and bool(marked or _ADDRESS.search(text)) and not _DAY.search(text)


def _is_mark(lines: Sequence[str], place: int) -> bool:
    """Whether the line announces another message: "-----Original Message-----", "Begin forwarded message:"."""
    line = lines[place].strip(" \t\xa0>")
    if len(line) > _MAX_MARK or len(line) < len("----"):
        return False
    if any(phrase in line.lower() for phrase in _REPLY_ABOVE):
        return True
    core = line.strip(f"{_DASHES} ")
    drawn = len(line) - len(core) >= len("----") and line[0] in _DASHES and line[-1] in _DASHES
    if not (drawn or core.endswith((":", "："))) or not _PASSED_ON.search(core):
        return False
    return drawn or bool(_BEGINS.search(core) and _next_kind(lines, place + 1))


def _kind(line: str) -> str | None:
    """The kind of a header line as mail programs write one above a quoted message, in many languages."""
    name, colon, _ = line.replace("：", ":").partition(":")
    if not colon or len(name) > _MAX_HEADER_NAME:
        return None
    return _KINDS.get(" ".join(name.strip("*_>| \t\xa0").lower().split()))


def _headers(lines: Sequence[str], place: int) -> int | None:
    """The end of the block of headers that begins here; None where the lines are something else."""
    kinds: set[str] = set()
    start, end, loose, addressed = place, place, 0, False
    while place < min(len(lines), start + _MAX_HEADERS):
        line = lines[place]
        kind = _kind(line)
        if kind:
            kinds.add(kind)
            addressed = addressed or (kind == FROM and "@" in line)
            loose, end = 0, place + 1
        elif loose == _MAX_FOLDED or len(line) > _MAX_INTRO or (not line.strip() and _next_kind(lines, place) is None):
            break
        else:
            loose += 1
        place += 1
    told = SUBJECT in kinds and len(kinds) >= _MIN_HEADERS
    return end if told or (addressed and len(kinds) > 1) else None


def _next_kind(lines: Sequence[str], place: int) -> str | None:
    follows = _next_text(lines, place)
    return _kind(lines[follows]) if follows < len(lines) else None
