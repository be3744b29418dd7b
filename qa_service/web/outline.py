"""What the pages have to know of a whole FAQ: its title, its language, its documents, and where each entry stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from qa_service.domain import Entry
from qa_service.web.words import Words, words_for

PER_PAGE = 100
_EXAMPLE = "example"
_MAX_EXAMPLES = 3
_MAX_EXAMPLE_CHARS = 140


@dataclass(frozen=True, slots=True)
class Section:
    """A document of the FAQ, and the place of its first entry."""

    title: str
    language: str
    first: int

    @property
    def page(self) -> int:
        """The page that it begins on, from 1."""
        return self.first // PER_PAGE + 1


@dataclass(frozen=True, slots=True)
class Outline:
    """The entries in effect with what was found out about them. `language` is that of `title`; `places` is by entry id."""

    entries: Sequence[Entry]
    title: str
    language: str
    words: Words
    sections: tuple[Section, ...]
    places: Mapping[str, int]
    examples: tuple[Entry, ...]

    @property
    def pages(self) -> int:
        """How many pages there are; an empty FAQ has one."""
        return max(1, -(-len(self.entries) // PER_PAGE))

    def page_of(self, entry_id: str) -> int:
        """The page, from 1, that holds an entry in effect."""
        return self.places[entry_id] // PER_PAGE + 1

    def examples_for(self, language: str) -> list[Entry]:
        """The examples, those in a language (its primary subtag: "en" finds "en-US") before the others."""
        wanted = _primary(language)
        return sorted(self.examples, key=lambda entry: _primary(entry.language) != wanted)


def outline(entries: Sequence[Entry], named: str = "", fallback: str = "en") -> Outline:
    """Find out about entries.

    Args:
        entries: those in effect, in the order of the FAQ.
        named: the title that the installation gives them; empty for the single document's own, or else a general word.
        fallback: the language where there is no entry.
    """
    languages = Counter(entry.language for entry in entries)
    language = languages.most_common(1)[0][0] if languages else fallback
    primary = Counter(_primary(one) for one in languages.elements())
    words = words_for(primary.most_common(1)[0][0] if primary else fallback)
    sections = _sections(entries)
    own = sections[0].title if len(sections) == 1 and entries[0].source.title else ""
    return Outline(
        entries=entries,
        title=named or own or words.faq,
        language=language if named or own else words.language,
        words=words,
        sections=sections,
        places={entry.id: place for place, entry in enumerate(entries)},
        examples=_examples(entries),
    )


def _primary(language: str) -> str:
    return language.lower().split("-")[0]


def _sections(entries: Sequence[Entry]) -> tuple[Section, ...]:
    places = range(len(entries))
    firsts = [next(group) for _, group in groupby(places, key=lambda place: entries[place].source.document)]
    return tuple(
        Section(entries[at].source.title or entries[at].source.document, entries[at].language, at) for at in firsts
    )


def _examples(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Up to three in each language, in the order of the FAQ: tagged ones before others, then short ones before long ones.

    A question that would not fit on a button is an example only where its language has no shorter one.
    """
    chosen: list[int] = []
    for language in {_primary(entry.language) for entry in entries}:
        places = [at for at, entry in enumerate(entries) if _primary(entry.language) == language]
        short = [at for at in places if len(entries[at].question) <= _MAX_EXAMPLE_CHARS]
        places = short or [min(places, key=lambda at: len(entries[at].question))]
        places.sort(key=lambda at: (_EXAMPLE not in entries[at].tags, len(entries[at].question)))
        chosen += places[:_MAX_EXAMPLES]
    return tuple(entries[at] for at in sorted(chosen))
