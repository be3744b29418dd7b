"""Where the signature of a mail begins: delimiters, closings with a name, contact lines, device lines, disclaimers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from qa_service.text import fold

_MAX_LINE = 120  # a longer line is prose; the expressions below only see shorter ones
_MAX_SIGNED = 14  # lines of a signature without a delimiter
_MAX_DELIMITED = 24  # lines below a delimiter; more are a part of the letter
_MAX_UNDER_RULE = 12
_MAX_BLANK = 3  # blank lines in a row inside a signature
_MAX_WORDS = 9
_MAX_NAME_WORDS = 4
_MAX_SHORT_NAME = 2
_MIN_SHARED = 4  # letters of a name that its firm may share
_MAX_NAMED = 3  # lines of a signature that has neither closing nor contact

_DELIMITER = re.compile(r"\s*(?:--|—|–|__|\*\*)\s*")
_RULE = re.compile(r"\s*[-_=*~—–#+]{3,}\s*")
_TRACKER = "ᐧ"  # stands alone in a line, put there by a program that reports when a mail is opened
# A closing is made of these words alone (without accents) and holds one of the first list.
_CLOSING_WORDS = frozenset(
    """
    best brgds care cheers cordially love rgds regards respectfully sincerely thanks thank thx tks ty warmly wishes yours
    atentamente atte cordialmente gracias saludo saludos amicalement bientot cdlt cordialement merci salutations bien journee
    danke dank gruss grusse grussen lg mfg vg besten presto saluti saluto grazie abraco abracos abs atenciosamente att
    cumprimentos obrigada obrigado bedankt groet groeten groetjes halsning halsningar mvh tack hilsen hilsner tak takk kiitos
    terv terveisin dziekuje pozdrawiam pozdrowienia powazaniem dekuji pozdravem уважением спасибо доброго повагою дякую 谢谢
    謝謝 此致 敬礼 敬禮 よろしくお願いします よろしくお願いいたします ありがとうございます 감사합니다
    """.split()
) | {fold(word) for word in ("ありがとうございます", "감사합니다")}
_BESIDE_THEM = frozenset(
    """
    a again all and advance appreciation assistance attention consideration cooperation cordial day everyone faithfully for
    good great guidance guys have help in kind kindest lot many million most much my nice patience prompt reply response so
    support take the time to truly understanding very warm warmest wish with you your sincere
    con de el la mis muchas muy mil un una y antemano por su reciba cordiales cordial atencion ayuda adelantado reciban
    a d'avance et meilleures mes avec bonne tres vous sinceres beaucoup votre pour aide distinguees
    beste freundliche freundlichem freundlichen herzliche herzlichen ihre im voraus liebe mit schone schonen und viele vielen
    fur hilfe cordiali distinti mille in anticipo molte os com melhores muito desde ja pela ajuda
    alvast met vriendelijke hartelijke bij voorbaat voor uw med vanlig vanliga vennlig venlig bedste mange de basta
    ystavallisin parhain serdecznie z s с всего з 敬
    """.split()
)
_MAX_CLOSING_WORDS = 9
_MARKS = " .,!-–—*_~:;/…。、，！"
_NAME_WORD = re.compile(r"[^\W\d_]+(?:[.'’-][^\W\d_]+)*[.'’-]?,?")
_PARTICLES = frozenset(
    "and und et y e i de del der den di da do dos van von vom zu la le el al bin ten ter und &".split()
)
_NO_NAMES = frozenset(
    """
    a agreed also attached call cheque done fyi great hello help here hey hi info it no none nope note ok okay perfect please
    ps same see sure test the there this true update urgent what when where which who why will yes yep
    si no hola nein ja oui non bonjour ciao ola hallo dear happy merry good
    """.split()
)
_DEVICES = (
    r"iphon\w*|ipad\w*|ipod|mobil\w*|(?:smart ?)?phone|cell|android\w*|black ?berry|galaxy|samsung|huawei|xiaomi|htc|nokia|pixel|"
    r"outlook\w*|windows|mailbox|airmail|yahoo|gmail|proton ?mail|thunderbird|k-9|tablet\w*|device|telefon\w*|handy|portable|"
    r"movil|celular|cellulare|puhelin\w*|telefoon|e?-?mail|app|ti-\d\d|web\.de|gmx|spark|aquamail|айфон\w*|телефон\w*|手机|携帯"
)
_SENT = r"enviado|envoye|gesendet|inviato|verzonden|verstuurd|sendt|skickat|lahetetty|wysłan[eo]|odeslano|отправлено|надіслано"
_GET = "get|download|obtenir|obtener|obten|holen sie sich|scarica|ottieni|obter|obtenha|telechargez?"
_DEVICE = re.compile(
    r"\W*(?:"
    r"(?:sent|written|typed) (?:from|via|with|using) (?:my [\w-].*|\S+(?: \S+){0,4})|"
    r"(?:this (?:e-?mail|message) was )?(?:sent|written|typed) (?:from|via|with|by|using|on) "
    rf".{{0,40}}\b(?:{_DEVICES})\b.*|"
    rf"(?:[^\W\d_]+ )?(?:from|via) (?:(?:my|a|the) )?(?:{_DEVICES})\b(?: [\w-]+){{0,4}}|"
    rf"(?:{_GET}) \[?outlook (?:for|para|pour|fur|per)\b.*|"
    rf"(?:{_SENT})\b.{{0,40}}\b(?:{_DEVICES}).*|"
    rf"(?:von|diese nachricht|mit)\b.{{0,60}}\b(?:{_DEVICES})\b.{{0,40}}\bgesendet|"
    rf"(?:[从從]我的|发自|發自).{{0,30}}|"
    rf".{{0,20}}(?:iphone|ipad|android)\s*(?:から送信|{fold('에서 보냄')}|傳送|发送).{{0,10}}"
    r")\W*"
)
_DISCLAIMS = re.compile(
    r"confidential|privileged|intended (?:only|solely|for|recipient)|disclos|disclaimer|notify the sender|in error|"
    r"delete (?:it|this)|unauthori[sz]ed|virus|avast|scanned|unsubscribe|before printing|print this|the environment|"
    r"confidencial|destinatari|prohibid|proibi|confidentiel|destinataire|vertraulich|empfanger|irrtumlich|riservat|"
    r"vertrouwelijk|geadresseerde|fortrolig|konfidenti|poufn|luottamuks|конфиденциал|конфіденц|ambiente|umwelt|environnement"
)
_PRINTS = re.compile(r"\b(?:print|imprim|ausdruck|drucken|stampa|afdruk|skriv(?:a|er|e) ut)")
_MIN_DISCLAIMED = 2  # different phrases of a disclaimer in a paragraph
_MIN_ASKING = 4  # of them where the paragraph asks something
_CONTACT = re.compile(
    r"\S@\S+\.\w|\bwww\.|https?://|"
    r"\b(?:tel|phone|ph|fax|cell|mobile|mob|office|work|home|direct|ext|telefono|movil|telefon|gsm|portable|skype|whatsapp|"
    r"e-?mail|web|[pftmco])\b\.?\s?[:#.]?\s{0,3}\(?\+?\d|"
    r"\(?\+?\d[\d\s().+/-]{5,30}\d|\b\d-\d{4}\b|\bx[-. ]?\d{3,5}\b|"
    r"\b[A-Z]{2},? {1,3}\d{5}\b|\bp\.? ?o\.? box\b",
    re.IGNORECASE,
)
_MAX_PROSE = 3  # small words in a line that tells how to reach someone; more make a sentence
_ROLE = re.compile(
    r"\b(?:manager|administrator|owner|partner|director[a]?|officer|coordinator|specialist|analyst|engineer|president|assistant|supervisor|broker|buyer|"
    r"ceo|cfo|coo|cpa|esq|gerente|jef[ea]|coordinador[a]?|responsable|leiter(?:in)?|geschäftsführer(?:in)?|responsabile|"
    r"diret(?:or|ora)|directeur|directrice|kierownik|директор|менеджер)\b",
    re.IGNORECASE,
)
_FIRM = re.compile(r"\b(?:inc|ltd|llc|llp|corp|gmbh|ag|kg|bv|nv|plc|srl|spa|ltda|cia|sarl|oy|ab)\.?\s*$", re.IGNORECASE)
_ABBREVIATED = re.compile(r"(?:\b\w{1,2}\.\s?){2,}\s*$")
_LINK = re.compile(r"https?://|\bwww\.", re.IGNORECASE)
_ASKS = re.compile(r"[?？؟](?:[\"'”’)*\]>]|\s|$)")
_ANNOUNCES = (":", "...", "…")  # what follows belongs to the sentence
_BULLET = re.compile(r"\s*(?:[-*•·+>]\s|\(?\d{1,2}[.)]\s|[a-z][.)]\s|#)")
_MAX_END = 20  # characters of a line that tell how it ends
_ENDS_SENTENCE = re.compile(r"[.!;。！…]\W*$")


class Ending(NamedTuple):
    """How a letter ends: its closing begins at line `closing`, its signature block at `block`; both may be empty."""

    closing: int
    block: int


def ending(lines: Sequence[str]) -> Ending:
    """The closing ("Kind regards, Ana") and the signature block at the end of a letter.

    Only the end is looked at, and no line that asks something is taken. A formula without a name is no closing: "Thank you!"
    is a sentence of the letter.
    """
    end = _before_footers(lines, len(lines))
    end = _before_footers(lines, _delimited(lines, end))
    signed = _signed(lines, end)
    if signed == end:
        return Ending(end, end)
    last = signed
    while last < end and (_closes(lines[last], alone=False) or not lines[last].strip()):
        last += 1
    formula = last > signed
    inline = formula and any(_closes(lines[n], alone=True) for n in range(signed, last))
    if last < end and not inline and (is_name(lines[last]) or _is_short(lines[last])):
        last += 1
    bare = all(is_name(line) or not line.strip() for line in lines[last:end])
    return Ending(signed, last if formula else end if bare and last > signed else signed)


def is_footer(line: str) -> bool:
    """Whether a mail program wrote the line: "Sent from my iPhone", "Get Outlook for iOS"."""
    return len(line) <= _MAX_LINE and (line.strip() == _TRACKER or bool(_DEVICE.fullmatch(_folded(line))))


def is_rule(line: str) -> bool:
    """Whether the line is nothing but a rule of dashes, underscores, stars or the like."""
    return bool(_RULE.fullmatch(line))


def _folded(line: str) -> str:
    return fold(" ".join(line.split()))


def _asks(line: str) -> bool:
    return bool(_ASKS.search(line)) and not _PRINTS.search(_folded(line))


def _before_footers(lines: Sequence[str], end: int) -> int:
    """Go up over device lines and paragraphs of disclaimer."""
    place = end
    while place:
        if not lines[place - 1].strip() or is_footer(lines[place - 1]) or (place < end and is_rule(lines[place - 1])):
            place -= 1
            continue
        top = _paragraph(lines, place)
        told = len(set(_DISCLAIMS.findall(_folded(" ".join(lines[top:place])))))
        # What a disclaimer asks ("Have you received this in error?") is not asked of the reader.
        if told < (_MIN_ASKING if any(map(_asks, lines[top:place])) else _MIN_DISCLAIMED):
            break
        place = top
    return _after_blank(lines, place, end)


def _paragraph(lines: Sequence[str], end: int) -> int:
    top = end
    while top and lines[top - 1].strip():
        top -= 1
    return top


def _after_blank(lines: Sequence[str], place: int, end: int) -> int:
    """Blank lines above a signature stay with the letter, so that what has none keeps all its lines."""
    while place < end and not lines[place].strip():
        place += 1
    return place


def _delimited(lines: Sequence[str], end: int) -> int:
    """The first delimiter below which little enough follows, and nothing is asked."""
    below = 0
    found = end
    for place in range(end - 1, -1, -1):
        line = lines[place]
        if not line.strip():
            continue
        if _DELIMITER.fullmatch(line):
            found = place
        elif is_rule(line):
            under = [one for one in lines[place + 1 : end] if one.strip()]
            signs = any(_is_contact(one) or is_name(one) for one in under)
            if below <= _MAX_UNDER_RULE and signs and all(map(_is_tail, under)):
                found = place
        elif _asks(line):
            break
        below += 1
        if below > _MAX_DELIMITED:
            break
    return found


def _signed(lines: Sequence[str], end: int) -> int:
    """A closing with a name, or a name with what may follow one, at the end of the letter."""
    places = _tail(lines, end)
    if not places:
        return end
    for nth, place in reversed(list(enumerate(places))):
        named = end < len(lines) or nth + 1 < len(places)
        if _closes(lines[place], alone=not named):
            return _first_closing(lines, places, nth)
    for nth, place in enumerate(places):
        if is_name(lines[place]) and _may_begin(lines, place, len(places) - nth):
            return place
    return _contacts(lines, places, end)


def _contacts(lines: Sequence[str], places: Sequence[int], end: int) -> int:
    """Where nothing but how to reach the writer ends the letter: two such lines, or one that begins with a name."""
    first = len(places)
    while first and _is_contact(lines[places[first - 1]]):
        first -= 1
    found = places[first:]
    if found and _above(lines, found[0]).endswith(_ANNOUNCES):
        return end
    if len(found) > 1 and not all(_LINK.search(lines[place]) for place in found):
        return found[0]
    named = bool(found) and is_name(_CONTACT.split(lines[found[0]])[0].strip(" -–—:,(+"))
    return found[0] if named and not lines[found[0] - 1].strip() else end


def _tail(lines: Sequence[str], end: int) -> list[int]:
    """The places of the last lines that look like a signature's, in order; never the letter's first line."""
    places: list[int] = []
    blank = 0
    first = next((place for place, line in enumerate(lines) if line.strip()), end)
    for place in range(end - 1, first, -1):
        line = lines[place]
        if not line.strip():
            blank += 1
        elif blank > _MAX_BLANK or len(places) == _MAX_SIGNED or not _signs(lines, place):
            break
        else:
            blank = 0
            places.append(place)
    return places[::-1]


def _signs(lines: Sequence[str], place: int) -> bool:
    """Whether the line may stand in a signature; one or two words below a closing are a name, however they are written."""
    line = lines[place]
    return (
        _is_tail(line) or _closes(line, alone=False) or (_is_short(line) and _closes(_above(lines, place), alone=False))
    )


def _is_short(line: str) -> bool:
    words = line.strip(" ~-–—/.,").split()
    return 0 < len(words) <= _MAX_SHORT_NAME and all(word.isalpha() for word in words)


def _first_closing(lines: Sequence[str], places: Sequence[int], nth: int) -> int:
    while nth and _closes(lines[places[nth - 1]], alone=False):
        nth -= 1
    return places[nth]


def _above(lines: Sequence[str], place: int) -> str:
    return next((line for line in reversed(lines[:place]) if line.strip()), "").rstrip()


def _may_begin(lines: Sequence[str], place: int, left: int) -> bool:
    """Whether a name may open a signature here: after a sentence, and not as the first of a list."""
    above = _above(lines, place)
    contact = _tells_who(lines[place], lines[place + 1 :])
    apart = not lines[place - 1].strip()
    if above.endswith(":") or (above.endswith(",") and not (apart and left == 1)):
        return False
    if contact or left > _MAX_NAMED:
        return contact
    # Two capitalised lines right below a sentence, or anywhere below a question, are rather the list that it speaks of.
    if left > 1 and (not apart or _asks(above)):
        return False
    return (
        bool(_ENDS_SENTENCE.search(above[-_MAX_END:])) or above.endswith(("?", ")")) or (apart and not _is_tail(above))
    )


def _tells_who(name: str, below: Sequence[str]) -> bool:
    """Whether what stands below a name is how to reach that person, an office held, or a firm, be it called by the name."""
    own = {word for word in fold(name).split() if len(word) >= _MIN_SHARED}
    return any(
        _is_contact(line) or _ROLE.search(line) or _FIRM.search(line) or own.intersection(fold(line).split())
        for line in below
        if len(line) <= _MAX_LINE
    )


def _closes(line: str, *, alone: bool) -> bool:
    """Whether the line is a closing, with a name in the same line or not; `alone` asks for the name ("Thanks, Ben")."""
    words = line.split()
    if not 0 < len(words) <= _MAX_CLOSING_WORDS + _MAX_NAME_WORDS or len(line) > _MAX_LINE or _asks(line):
        return False
    bare = [fold(word).strip(_MARKS).replace("’", "'") for word in words]
    others = (n for n, word in enumerate(bare) if word and word not in _CLOSING_WORDS and word not in _BESIDE_THEM)
    own = next(others, len(bare))
    if own > _MAX_CLOSING_WORDS or not _CLOSING_WORDS.intersection(bare[:own]):
        return False
    return is_name(" ".join(words[own:])) if own < len(words) else not alone


def is_name(line: str) -> bool:
    """Whether the line could be nothing but a person's name: one to four words, capitalised."""
    words = line.strip(" \t-–—~/*_.,").replace(".", ". ").split()
    if not 0 < sum(word not in _PARTICLES for word in words) <= _MAX_NAME_WORDS or line.rstrip().endswith(
        ("!", ":", ";", "?")
    ):
        return False
    if fold(words[0].strip(".,!")) in _NO_NAMES or _closes(line, alone=False) or _FIRM.search(line):
        return False
    capitalised = (word in _PARTICLES or (_NAME_WORD.fullmatch(word) and word[0].isupper()) for word in words)
    return words[0][0].isupper() and all(capitalised)


def _is_contact(line: str) -> bool:
    if len(line) > _MAX_LINE or _asks(line) or not _CONTACT.search(line):
        return False
    words = line.split()
    prose = sum(word.strip(",.;:").isalpha() and word[0].islower() for word in words)
    return len(words) <= _MAX_WORDS + _MAX_PROSE and prose <= _MAX_PROSE and not line.rstrip().endswith((":", ";"))


def _is_sentence(line: str, words: int) -> bool:
    return (
        line.rstrip().endswith(".")
        and words > _MAX_NAME_WORDS
        and not (_FIRM.search(line) or _ABBREVIATED.search(line))
    )


def _is_tail(line: str) -> bool:
    """Whether the line may stand in a signature: a name, a title, a firm, an address, how to reach the writer."""
    if _is_contact(line) or is_name(line) or is_rule(line):
        return True
    words = line.split()
    if len(line) > _MAX_LINE or not 0 < len(words) <= _MAX_WORDS or _BULLET.match(line):
        return False
    if line.rstrip().endswith(("?", ":", "!", ";")) or _is_sentence(line, len(words)):
        return False
    capitals = sum(not word[0].islower() for word in words)
    return not words[0][0].islower() and 2 * capitals >= len(words)
