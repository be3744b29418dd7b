"""Patterns of what is said out of politeness: greetings, thanks, closings, and calls for help that do not say with what."""

from __future__ import annotations

import re


def either(*patterns: str) -> str:
    """One pattern that any of several fulfils."""
    return "(?:" + "|".join(patterns) + ")"


LEAD = (
    "(?:(?:also|and|so|but|next|then|first(?:ly)?|second(?:ly)?|third(?:ly)?|finally|lastly|last|additionally|"
    r"again|plus|y|et|además|aussi),?\s+){0,4}"
)
POLITELY = (
    "(?:(?:please|pls|plz|kindly|possibly|just|also|perhaps|maybe|be so kind (?:as )?to|be able to|por favor|"
    r"favor de)\s+){0,4}"
)
_THIS = (
    "(?:(?:out|in|with|on|about|regarding|to|through|for|into|as|what|how|me|us|the|this|that|these|those|it|my|"
    r"our|all|below|above|"
    "following|few|some|a|an|any|other|quick|couple|of|one|two|three|four|five|several|more|simple|general|"
    r"question|questions|query|queries|matter|issue|request|topic|point|points|"
    "accordingly|asap|soon|possible|please|pls|thanks|thank|you|so|here|need|today|your|convenience|earliest|at|"
    r"next|steps?|do|further|email|"
    r"when|have|time|chance|get|moment|minute|by|end|week|day)\b\W*)*"
)
EMPTY = re.compile(
    LEAD
    + either(
        rf"(?:(?:can|could|would|will|may|might|is there|are there)\s+(?:you|u|someone|anyone|somebody|anybody|"
        rf"one)\s+(?:who |that )?(?:can |could )?)?{POLITELY}"
        "(?:help|assist|advise|clarify|explain|respond|reply|answer|look|check|confirm|let (?:me|us) know|"
        rf"get back|support|guide)\b\W*{_THIS}",
        r"(?:any|your|all)\s+(?:\w+\s+){0,3}(?:help|guidance|advice|information|assistance|input|feedback|"
        r"clarification|support|response|reply)\b[^.?!]{0,60}\bappreciated\W*",
        rf"(?:i|we)?\s*(?:would\s+)?(?:also\s+)?(?:have|got|need|had)\s+{_THIS}(?:help|info|information|questions?|"
        rf"advice)\W*{_THIS}",
        rf"(?:can|could|may)\s+(?:i|we)\s+ask\s+(?:you\s+)?(?:something\W*)?{_THIS}",
        rf"(?:here|below|following)\s+(?:is|are)\s+{_THIS}",
        rf"(?:i|we)(?:'d|’d| would)\s+(?:like|appreciate|love)\s+(?:to\s+)?(?:ask|your|some|any|help|advice|"
        rf"guidance)?\s*(?:help|advice|guidance)?\W*{_THIS}",
        r"(?:please )?(?:see|refer to) (?:the )?subject(?: line)?\W*",
        "(?:any )?(?:thoughts|ideas|questions|my questions?|our questions?|question|pregunta|preguntas|help|"
        r"help please|need help)\W*",
        r"does (?:that|this) make sense\W*",
        r"(?:me|nos) (?:puede|podr[ií]a)n? ayudar(?: con esto)?\W*|(?:puede|podr[ií]a)n? ayudar(?:me|"
        r"nos)(?: con esto)?\W*|ayuda por favor\W*",
        r"(?:pouvez|pourriez)-vous m'aider\W*|tengo (?:una|unas|algunas|varias|dos|tres) (?:preguntas?|dudas?)\W*",
    ),
    re.IGNORECASE,
)
_NO_NAME = (
    "(?!(?:do|does|is|are|can|could|we|i|how|what|when|please|would|will|if|our|my|has|have|who|where|why|this|it|"
    r"thanks)\b)"
)
_NAME = rf"(?:[ \t]+{_NO_NAME}[^\W\d_][\w.'’&/-]{{0,30}}){{0,5}}"
GREETING = re.compile(
    r"\s*(?:(?:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening|day)|hola|buen(?:os|as)? (?:d[ií]as?|"
    r"tardes?|noches?)|buenas|"
    rf"estimad[oa]s?(?:/?as?)?|saludos|bonjour|bonsoir|ch[eè]re?s?|salut)\b(?:[ ,]*(?:all|team|there|everyone|"
    rf"again|sir|madam|or|/)){{0,4}}{_NAME}[ \t]*"
    r"(?:[,:;!.–—-]+\s*|\n\s*|$))",
    re.IGNORECASE,
)
COURTESY = re.compile(
    either(
        r"(?:many |much |with |kind |muchas |mil )?(?:thanks|thank|thx|tks|ty|gracias|merci(?! de (?:bien|me|nous|vouloir)\b)|"
        r"cheers|appreciate it|"
        r"much appreciated)\b",
        r"(?:i |we )?(?:really |greatly |very much )?appreciate (?:your|the|all|any)\b",
        r"(?:best|kind|warm|warmest|with)?\s*(?:regards|wishes)\b|(?:yours )?(?:sincerely|truly|faithfully|"
        r"respectfully|cordially)\b|best\W*$",
        r"(?:i |we )?(?:look|looking) forward\b|have an? (?:\w+ )?(?:good|great|nice|lovely|wonderful|pleasant|"
        r"safe|one|day|week|weekend)\b|(?:enjoy your|wishing you)\b|take care\b|sent from my\b|talk soon\b|"
        r"happy (?:new|holidays|friday|monday)\b",
        "(?:i |we |i'm |just )?(?:hope|hoping|trust) (?:you|this|that|all|everyone|everything|"
        r"your)\b[^?]{0,60}(?:well|fine|good|great|safe|healthy|weekend|holiday|week|day|ok)\b",
        "(?:hi |hello |hey )?(?:how (?:are you|r u|are things|is everything|is it going|have you been|was your)|"
        r"how's (?:it going|everything))\b",
        r"(?:please |pls )?(?:do not|don't|don’t|dont) hesitate\b|(?:please )?feel free\b",
        "(?:please |kindly )?(?:note|find|see|accept|excuse|forgive|disregard|be|bear|allow|refer|remember|keep|"
        r"consider)\b(?! if| whether)",
        "(?:please |pls )?(?:let (?:me|us) know|contact (?:me|us)|call (?:me|us)|reach out|tell (?:me|us)|"
        r"advise) if (?:you|there(?:'s| is| are) any|anything|any)\b[^?]{0,40}\b(?:need|have|require|questions?|"
        r"anything|further|information|else)\b",
        r"(?:please |pls )?let (?:me|us) know if (?:this|that|it|these)\b[^?]{0,20}\b(?:works?|suits?|ok|okay|fine|"
        r"good|helps?|acceptable)\b",
        r"should you (?:have|need|require|wish|want)\b|if you (?:have|need|require) any\b",
        r"(?:i'm |i am |we are |we're )?not sure (?:if|whether|whom?)\b[^?]{0,30}\b(?:right (?:person|place|address|team)|"
        r"to (?:ask|contact|turn to))\b",
        r"(?:please |kindly )?(?:direct|address) (?:any|all|your|further)\b",
        "nice to|pleasure|it was (?:nice|great|good)|sorry to (?:bother|bug)|espero que|atentamente|cordialmente|"
        r"saludos|quedo (?:atent|en espera|a la espera)|quedamos|cordialement|bien [aà] vous|d'avance",
    ),
    re.IGNORECASE,
)
STATUS = re.compile(
    r"(?:(?:is|are) there |do you have |have you )?(?:got )?any (?:updates?|news|word|progress)\b", re.IGNORECASE
)
OFFER = re.compile(
    r"\b(?:if|should) (?:you|there|anyone) (?:have|has|are|is|need)\b[^.?!]{0,20}\b(?:questions?|concerns?|doubts?|"
    r"queries|else|anything)\b",
    re.IGNORECASE,
)
