"""How people ask, and how they are polite: what kind of sentence a sentence of a mail is, and whether it stands alone."""

from __future__ import annotations

import re
from enum import StrEnum

from qa_service.mail.polite import COURTESY, EMPTY, GREETING, LEAD, OFFER, POLITELY, either


class Kind(StrEnum):
    """What a sentence does in a mail."""

    QUESTION = "question"  # asks, in the form of a question or of a request
    TOPIC = "topic"  # names what the sender has a question about; what follows may put the question itself
    EMPTY = "empty"  # asks for help without saying with what: "Please advise."
    COURTESY = "courtesy"  # greeting, thanks, closing
    STATEMENT = "statement"


def _start(*patterns: str) -> re.Pattern[str]:
    return re.compile(either(*patterns), re.IGNORECASE)


_AUX = r"(?:do|does|did|is|are|was|were|am|can|could|will|would|should|must|may|might|shall|has|have)(?:n'?t|n’t)?"
_PRONOUN = r"(?:i|we|you|u|he|she|it|they|there)"
_SUBJECT = rf"(?:{_PRONOUN}|this|that|these|those|the|any|anyone|my|our|your|their|its|all|someone|an?)"
_WH = r"(?:what|how|when|where|who|whom|whose|which|why)"
_ME = r"(?:me|us|our team|our company|nos|me)"

_MARK = re.compile(r"[?？؟][\W_]*$")
_DIRECT = _start(
    rf"{LEAD}(?:if [^,.;?]{{2,120}},\s*)?{POLITELY}"
    + either(
        rf"(?!should you (?:have|need|require|wish|want)\b|have (?:an?|the)\b|may (?!i\b|we\b)){_AUX}\s+{_SUBJECT}\b",
        rf"(?!which (?:is|was|are|were)\b){_WH}(?:'?s|’s|\s+{_AUX})\b",
        r"(?:what|which|whose)\s+(?!i\b|we\b|you\b|it\b|they\b)(?:[\w-]+\s+){1,4}" + _AUX + r"\b",
        r"how (?:long|many|much|often|soon|far|about|to|come|early|late)\b",
        r"what (?:about|if|else|kind|type|happens)\b",
        r"who\s+(?:do|should|can|is|handles?|decides?|pays?)\b",
        r"any (?:idea|guidance|advice|info|information|word|news|updates?|chance|plans?|way|thoughts|timeline)\b",
        r"when\s+" + _AUX + r"\b",
        "(?:est-ce que|qu'est-ce|comment|combien|quand|pourquoi|quel(?:le)?s?|peut-on|pouvons-nous|puis-je|"
        r"devons-nous|faut-il|y a-t-il|pourr?iez-vous|pouvez-vous|avez-vous)\b",
        "(?:c[oó]mo|cu[aá]l(?:es)?|cu[aá]nto?s?|cu[aá]ndo|d[oó]nde|qu[eé]|qui[eé]n(?:es)?|se puede|hay que|puedo|"
        r"podemos|puede[ns]?|podr[ií]an?|tenemos que|debemos|existe)\s+\w+",
    )
)
# A verb before a noun asks where no full stop says otherwise: "is ftz part of ctpat", but "Will send it."
_DIRECT_UNENDED = _start(
    r"(?:is|are|does|isn'?t|aren'?t|doesn'?t)\s+(?!not\b|needed\b|required\b)\w+\s+\w+",
    r"(?:can|could|will|should)\s+(?!not\b|be\b|do\b|you (?:have|need))\w+\s+\w+\s+\w+",
)
# Typed in one breath: a question that begins inside a sentence shows by its verb before its pronoun.
_INVERTED = re.compile(
    rf"(?<!\bnor )(?<!neither )\b(?:{_WH}\s+{_AUX}\s+{_SUBJECT}|"
    r"(?:do|does|did|can|could|will|would|should|must|may)\s+(?:i|we|they|it|you|u|our)|(?:is|are)\s+(?:it|they|"
    r"there|we))\b",
    re.IGNORECASE,
)
_INVERTED_AFTER_COMMA = re.compile(
    rf",\s+(?:and\s+|so\s+|then\s+)?(?:(?:what|how|where|why)\s+{_AUX}\s+{_SUBJECT}|"
    r"(?:do|does|did|can|could|will|would|should|must|is|are)\s+(?:i|we|they|it|there|our|my))\b",
    re.IGNORECASE,
)
_WHETHER = rf"(?:if|whether|{_WH}|that|about|on|regarding|the|our|any)"
_TELL = (
    "(?:confirm|advise|explain|clarify|tell|inform|let (?:me|us) know|share|provide|send|indicate|elaborate|"
    r"describe|specify|"
    "direct|point|guide|show|give|forward|resend|call|contact|update|add|remove|change|reset|check|verify|review|"
    r"extend|grant|"
    r"cancel|schedule|answer|help|assist|walk|email|issue|approve|correct|look into|get back)"
)
_REQUEST = re.compile(
    either(
        rf"^{LEAD}(?:please|pls|plz|kindly)\s+\w+\s+\w+",
        rf"\b(?:please|pls|plz|kindly)\s+(?:also\s+)?(?:do\s+)?{_TELL}\b",
        rf"^{LEAD}{POLITELY}(?:let (?:me|us) know|tell (?:me|us)|confirm|advise|explain|clarify)\s+{_WHETHER}\b",
        rf"\b(?:can|could|would|will)\s+(?:you|u|someone|anyone|somebody)\s+{POLITELY}(?:\w+\s+)?{_TELL}\b",
        r"\b(?:i|we)(?:'d|’d| would| do| also| really| just)*\s+(?:like|love|want|need|wish|"
        r"hope)\s+(?:also\s+)?(?:to\s+)?"
        "(?:know|understand|ask|confirm|clarify|find out|learn|check|verify|inquire|enquire|hear|see (?:if|"
        r"whether)|request|be told)\b",
        rf"\b(?:wondering|wonder|curious|not (?:entirely |quite |really )?(?:sure|certain|clear)|unsure|uncertain|"
        rf"unclear|no idea)\s+"
        rf"(?:about|as to\b|of\b|{_WHETHER}\b)",
        rf"\b(?:glad|happy|pleased|eager|keen|interested) (?:to|in) (?:know|hear|learn|knowing|hearing|learning)\w* {_WHETHER}\b",
        rf"\b(?:asks|asked|is asking|are asking|wonders|wants to know|want to know|would like to know)"
        rf"(?: me| us)? (?:if|whether|{_WH})\b",
        rf"\b(?:don't|don’t|dont|do not|cannot|can't|can’t|couldn't) (?:quite |really |fully )?(?:know|understand|"
        rf"find|figure out|tell|see)\s+(?:if|whether|{_WH})\b",
        rf"\bto (?:find out|ask|check|inquire|enquire) {_WHETHER}\b",
        r"\b(?:trying|want|need|like) to (?:find out|figure out|understand|determine|establish)\b",
        r"\b(?:appreciate|grateful|helpful|great|useful|good|nice)\b[^.?!]{0,40}\b(?:if you (?:could|can|would)|"
        "to (?:know|understand|hear|learn)|(?:information|guidance|clarification|advice|details|insight) (?:on|"
        r"about|regarding))\b",
        r"\b(?:my|our|the|another|one|other|second|next) (?:more )?(?:question|concern|doubt|query)s? (?:is|was|"
        r"are|would be)\b",
        rf"\bthank(?:s| you) (?:in advance )?for (?:confirming|clarifying|letting|telling|explaining|"
        rf"advising)\b[^.]* {_WHETHER}\b",
        r"\b(?:i am|i'm|we are|we're) asking (?:if|whether|how|what|when|for)\b",
        rf"^{LEAD}(?:need|want|wish|would like|like) to (?:know|understand|ask|confirm|clarify|find out|check)\b",
        rf"^{LEAD}needs? (?:an?|the|some|more|your)\b",
        r"^(?:wondering|curious)\b",
        # Spanish and French
        r"\b(?:quisiera|quisi[eé]ramos|quiero|queremos|necesito|necesitamos|deseo|deseamos|me gustar[ií]a|"
        r"nos gustar[ií]a)\s+(?:saber|conocer|preguntar|confirmar|entender|consultar|aclarar)\b",
        r"\b(?:podr[ií]an?|puede[ns]?|pudieran?|agradecer[ií]a(?:mos)?)\b[^.?!]{0,40}\b(?:indicar|decir|confirmar|"
        r"informar|explicar|aclarar|enviar|ayudar|orientar|si|me|nos)",
        r"\b(?:por favor|favor de)\s*,?\s*(?:confirm|indi|inform|expli|aclar|env[ií]|dig|d[ií]g)",
        r"\b(?:je|nous)\s+(?:voudr|aimer|souhait|dés?ir)\w+\s+(?:savoir|conna[iî]tre|comprendre|confirmer|demander)\b",
        r"\b(?:merci de|veuillez|pri[eè]re de|pourriez-vous|pouvez-vous)\s+(?:(?:bien|me|nous|"
        r"vouloir)\s+)*(?:confirm|indiqu|inform|pr[eé]cis|expliqu|dire|envoy|fournir)",
    ),
    re.IGNORECASE,
)
# What follows a list's "Please tell us:" or "the following information:".
_EMBEDDED = re.compile(rf"{LEAD}(?:if|whether|{_WH})\b", re.IGNORECASE)
_LABEL = re.compile(
    r"\s*(?:(?:a|one|another|my|our|the|quick|short|first|second|next|last|other|una|mi|otra|une|ma) ){0,3}"
    r"(?:question|query|doubt|pregunta|duda|consulta)\s*[:\-–—]\s*",
    re.IGNORECASE,
)
_ABOUT = r"(?:about|on|regarding|concerning|with|around|as to|re|sobre|acerca de|sur|concernant|of|for)"
_TOPIC = re.compile(
    either(
        rf"\b(?:question|questions|query|queries|inquiry|enquiry|doubt|doubts|pregunta|preguntas|duda|"
        rf"dudas)\s+{_ABOUT}\b",
        rf"\b(?:need|needs|seek|seeking|want|looking for|request|requesting|require|appreciate|"
        rf"like)\s+(?:\w+\s+){{0,2}}"
        "(?:guidance|clarification|clarity|information|info|help|advice|assistance|details|direction|insight|"
        rf"support)\s+{_ABOUT}\b",
        rf"^(?:re:?\s+)?(?:guidance|clarification|information|info|help|advice|assistance|inquiry|"
        rf"request)(?: needed| requested)?\s*(?:{_ABOUT}\b|[:-])",
        r"\b(?:ask|asking|inquire|enquire|inquiring|enquiring|writing to you)\s+(?:about|regarding)\b",
        r"\b(?:interested in|like to|want to)\s+(?:know|knowing|learn|learning|understand|understanding)\s+more\b",
        r"\b(?:informaci[oó]n|orientaci[oó]n|renseignements?|informations?)\s+(?:sobre|acerca de|sur|concernant)\b",
    ),
    re.IGNORECASE,
)

_ASKS_AFTER_THANKS = re.compile(r"\bfor (?:confirming|clarifying|letting|telling|explaining|advising)\b", re.IGNORECASE)
_PAUSE = re.compile(r"[,;:.!–—]\s*|\s-\s")
# An empty request is short, and so is a courtesy that is put as a question.
_SHORT_CHARS = 120
_MARK_REACH = 20
# What a sentence does shows in its first words; the rest of a longer one is not read.
_READ_CHARS = 600


def is_marked(sentence: str) -> bool:
    """Whether a question mark ends the sentence, closing quotes and brackets aside."""
    return bool(_MARK.search(sentence[-_MARK_REACH:]))


def is_embedded(sentence: str) -> bool:
    """Whether a list item is a question that its list's opening words make one: "whether a fee is due"."""
    return bool(_EMBEDDED.match(sentence))


def unlabelled(question: str) -> str:
    """A question without the label in front of it.

    >>> unlabelled("Quick question: is there a fee?")
    'is there a fee?'
    """
    label = _LABEL.match(question)
    return question[label.end() :] if label else question


def kind_of(sentence: str, ended: bool = True) -> Kind:
    """What a sentence does; `ended` says whether a full stop ends it.

    >>> kind_of("Please confirm whether our certification stays intact."), kind_of("Please advise.")
    (<Kind.QUESTION: 'question'>, <Kind.EMPTY: 'empty'>)
    """
    if not any(ch.isalpha() for ch in sentence) or (len(sentence) < _SHORT_CHARS and GREETING.fullmatch(sentence)):
        return Kind.COURTESY
    sentence = sentence[:_READ_CHARS] if len(sentence) > _READ_CHARS and not is_marked(sentence) else sentence
    if len(sentence) < _SHORT_CHARS and EMPTY.fullmatch(sentence):
        return Kind.EMPTY
    if _is_courtesy(sentence):
        return Kind.COURTESY
    if is_marked(sentence):
        return Kind.QUESTION
    return _unmarked(sentence, ended)


def _is_courtesy(sentence: str) -> bool:
    """Whether a sentence is polite and no more: "Thanks, and do we need a form?" is not."""
    if OFFER.search(sentence):
        return not is_marked(sentence)
    polite = COURTESY.match(sentence)
    if polite is None or (is_marked(sentence) and len(sentence) > _SHORT_CHARS) or _ASKS_AFTER_THANKS.search(sentence):
        return False
    rest = sentence[polite.end() :]
    return not (_REQUEST.search(rest) or any(_DIRECT.match(part) for part in _PAUSE.split(rest)[1:]))


def _unmarked(sentence: str, ended: bool) -> Kind:
    if _REQUEST.search(sentence) or _DIRECT.match(sentence) or _INVERTED_AFTER_COMMA.search(sentence):
        return Kind.QUESTION
    if not ended and (_INVERTED.search(sentence) or _DIRECT_UNENDED.match(sentence)):
        return Kind.QUESTION
    return Kind.TOPIC if _TOPIC.search(sentence) else Kind.STATEMENT
