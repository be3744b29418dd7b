"""Which language a question is in, where its words leave no doubt.

The encoder gives a Spanish question some vector, and an English FAQ some nearest entry; such a match is chance. So a question
that is clearly in a language which the FAQ does not have is not answered. Short or mixed questions are left undecided:
to take a member's question for a foreign one would be the worse mistake.
"""

from __future__ import annotations

import unicodedata
from collections import Counter

from qa_service import text as strings

# Words that are frequent in one language, in questions above all, and rare or absent in the others of this table.
_FUNCTION_WORDS = {
    "en": "the a an is are was were do does did can could will would should how what when where who why which of to in for "
    "on with we our you your i my it its this that and or not have has be from as if there any at by no but about they",
    "es": "el la los las un una unos unas es son esta estan como que cuando donde quien cual cuales por para con del al en y o "
    "no mi mis nuestra nuestro su sus se puedo puede podemos hay tengo tiene tenemos necesito necesita si cuanto desde muy "
    "pero porque ser hacer de",
    "fr": "le la les un une des du est sont comment que quoi quand ou qui quel quelle quels quelles pour avec au aux dans et "
    "mon ma mes notre nos votre vos se je nous vous il elle peut pouvons faut avoir etre ne pas sur ce cette ces de si en y",
    "pt": "o os as um uma uns umas e sao esta estao como que quando onde quem qual quais por para com do da dos das no na nos "
    "nas meu minha nosso nossa seu sua posso pode podemos ha tenho tem temos preciso nao mas ser fazer de em ao",
    "it": "il lo la i gli le un uno una e sono sta come che quando dove chi quale quali per con del della dei delle al alla nel "
    "nella mio mia nostro nostra suo sua posso puo possiamo ho ha abbiamo non ma essere fare di da si in",
    "de": "der die das den dem des ein eine einen einem einer ist sind war wie was wann wo wer warum welche welcher welches fur "
    "mit von zu im in und oder nicht mein meine unser unsere ihr ihre ich wir sie man kann konnen muss haben hat es auf bei "
    "dass wenn auch",
    "nl": "de het een is zijn was hoe wat wanneer waar wie waarom welke voor met van naar in en of niet mijn onze ons uw ik wij "
    "we je u kan kunnen moet hebben heeft er op bij dat als ook deze dit",
}
_LANGUAGES = tuple(_FUNCTION_WORDS)  # English first
# The languages of each word, by their places.
_SPOKEN_BY = {
    word: tuple(place for place, listed in enumerate(_FUNCTION_WORDS.values()) if word in listed.split())
    for word in {word for listed in _FUNCTION_WORDS.values() for word in listed.split()}
}
_MIN_WORDS = 4
_MIN_HITS = 3
_MIN_SHARE = 0.35
_LEAD = 2.0
_SCRIPT_SHARE = 0.5
# Languages that are told by their script alone; a script that several languages share is named by its most frequent.
_SCRIPTS = {
    "CYRILLIC": "ru",
    "GREEK": "el",
    "HEBREW": "he",
    "ARABIC": "ar",
    "DEVANAGARI": "hi",
    "THAI": "th",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "zh",
}


def detect(text: str) -> str | None:
    """The language of a text as an ISO 639-1 code, or None where it is not certain.

    >>> detect("¿Cómo puedo pedir una extensión de mi perfil?")
    'es'
    >>> detect("virtual validation") is None
    True
    """
    if not text.isascii():
        told = _by_script(text)
        if told:
            return told
    return _by_words(strings.words(text))


def _by_script(text: str) -> str | None:
    letters = [ch for ch in text if ch.isalpha()]
    # ASCII letters are Latin, whose name no language is told by.
    scripts = Counter(unicodedata.name(ch, "?").split(" ", 1)[0] for ch in letters if not ch.isascii())
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0:
        return "ja"  # Japanese is mostly written in Chinese characters, but never without these
    known = Counter({script: count for script, count in scripts.items() if script in _SCRIPTS})
    script, count = known.most_common(1)[0] if known else ("", 0)
    return _SCRIPTS[script] if script and count >= _SCRIPT_SHARE * len(letters) else None


def _by_words(words: list[str]) -> str | None:
    if len(words) < _MIN_WORDS:
        return None
    hits = [0] * len(_LANGUAGES)
    for spoken in filter(None, map(_SPOKEN_BY.get, words)):
        for language in spoken:
            hits[language] += 1
    english, *others = hits
    most = max(others)
    if english >= most:
        return "en" if english >= _MIN_HITS and english > most else None
    certain = most >= max(_MIN_HITS, _MIN_SHARE * len(words)) and most >= _LEAD * english
    return _LANGUAGES[1 + others.index(most)] if certain else None
