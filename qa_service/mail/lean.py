"""Questions that lean on what stands before them: how they are told, and how they are completed."""

from __future__ import annotations

import re

from qa_service import text as strings

MAX_CONTEXT_CHARS = 400

# Words that say nothing of what is asked about: function words, politeness, and what any question may be asked with.
_LIGHT = frozenset(
    strings.terms(
        "a an the and or but if so then also too still yet again already just only even not no yes ok "
        "i we you he she it they there this that these those me us him her them my our your his its their one ones "
        "do does did is are was were am be been being can could will would should must may might shall has have had having "
        "before after until during since while ago "
        "what how when where who whom whose which why whether about of to in on at for from with by as into out up than "
        "don't doesn't isn't aren't can't what's how's "
        "please kindly confirm know let tell advise explain clarify wondering wonder like want need needed require required "
        "apply applies get take takes long much many often soon possible mandatory necessary happen happens mean means use "
        "work works same other others another such any some all both each first second third last next thing things time "
        "case well above below following now more less able exactly actually maybe really further make sure question "
        "questions hi hello thanks thank dear regarding answer correct right true "
        "y o de la el los las que es en para por si con un una como cual cuando donde et ou le les des pour est ce que "
        "se lo al del nos me eso esto tambien aussi cela"
    )
)
# Sentences that only go on from a question, and take it up whole.
GOES_ON = re.compile(
    r"\W*(?:(?:and|but|or|so)\b[\s,]*)?(?:(?:if (?:so|not|yes|no|that)|what about|how about|same\b|the same|and|or|"
    r"likewise|otherwise|"
    "in that case|y (?:para|en|si)|en ese caso|si es as[ií]|qu[eé] tal|lo mismo|et (?:pour|si|en)|dans ce cas|"
    r"si oui)\b)",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|one|ones|such|same|latter|former|both|above|either|"
    r"esto|eso|esta|este|ello|mismo|cela|celui-ci|ceci|en plus)\b",
    re.IGNORECASE,
)
# "it", "this" and "that" that point at nothing before them.
_EXPLETIVE = re.compile(
    r"\bit (?:take|takes|possible|ok|okay|necessary|mandatory|required|correct|true|allowed|permitted|better|"
    r"best)\b(?= (?:to|that|for|if)\b)"
    r"|\b(?:is|was|be|would) it (?:possible|ok|okay|necessary|mandatory|required|correct|true|allowed|"
    r"permitted)(?= (?:to|that|for|if)\b)"
    r"|\bthis (?:year|month|week|time|morning|spring|summer|fall|winter|quarter)\b|\bone of\b|\bboth of\b"
    r"|\bthat (?:we|i|our|my|the|they|you|a|an|all|is|are|was|were|has|have|can|will|would|may)\b|\bsuch as\b|"
    r"\bthat's\b"
    r"|\bone (?:year|month|week|day|site|of)\b",
    re.IGNORECASE,
)
_LEADING = re.compile(r"^\W*(?:(?:also|additionally|besides|moreover|tambi[eé]n|aussi)\b,?\s+)", re.IGNORECASE)
# However much is said of the second case, what holds for it is what was asked before.
_HOLDS_TOO = re.compile(
    r"\b(?:does|do|will|would|is|are) (?:the same|this|that|these|those|it|they)(?: \w+)? "
    r"(?:hold|holds|apply|applies|go|goes|count|counts|true|valid|the case)\b(?! to us\b)",
    re.IGNORECASE,
)
_TIME_TAKEN = re.compile(
    r"\b(?:does|will|would|did|should) it (?:usually |normally |typically )?(?:take to|cost)\b", re.IGNORECASE
)
_GOING_ON = re.compile(
    r"\b(?:still|also|too|either|instead|as well|already|meanwhile|tambi[eé]n|todav[ií]a|aussi|toujours)\b",
    re.IGNORECASE,
)
_TAKEN_UP = re.compile(r"\W*(?:and |but )?(?:if (?:so|not|yes)|what about|how about|the same|same)\b", re.IGNORECASE)
_FEW = 1
_SOME = 2
_THIN = 2
_SEVERAL = 4


def weight(text: str) -> int:
    """How many different words of a text say what it is about.

    >>> weight("How long does it take?"), weight("Is a virtual validation required?")
    (0, 2)
    """
    return len(set(strings.terms(text)) - _LIGHT)


def leans(question: str) -> bool:
    """Whether a question can't be understood without what stands before it.

    >>> leans("Does that also apply to our warehouse?")
    True
    >>> leans("How do we request a profile extension?")
    False
    """
    question = _LEADING.sub("", question)
    heavy = weight(question)
    if heavy <= _FEW:
        return True
    if heavy <= _SOME and _GOING_ON.search(question):
        return True
    if _HOLDS_TOO.search(question):
        return True
    own = _TIME_TAKEN.sub(" ", _EXPLETIVE.sub(" ", question))
    return heavy <= _SEVERAL and bool(_POINTS_BACK.search(own) or _TAKEN_UP.match(question))


def has_condition(question: str) -> bool:
    """Whether a question says so little by itself that a statement before it is likely to be its condition."""
    return weight(_LEADING.sub("", question)) <= _THIN


def joined(*texts: str) -> str:
    """The texts as sentences in a row; what would be too long loses its beginning.

    >>> joined("Profile extension", "Are we still certified?")
    'Profile extension. Are we still certified?'
    """
    shown = [text for text in texts if text]
    ended = [text if text.endswith((".", "?", "!", ":", "？")) else f"{text}." for text in shown[:-1]]
    return " ".join([*ended, *shown[-1:]])


def shortened(context: str) -> str:
    """The end of a context, cut at a word."""
    if len(context) <= MAX_CONTEXT_CHARS:
        return context
    return context[-MAX_CONTEXT_CHARS:].partition(" ")[2]
