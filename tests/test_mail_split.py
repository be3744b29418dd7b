from __future__ import annotations

import doctest
import random
from types import ModuleType

import pytest

from qa_service.mail import lean, phrases, sentences, split
from qa_service.mail.base import MAX_QUESTIONS, MAX_TEXT_CHARS
from qa_service.mail.phrases import Kind
from qa_service.questions import MAX_QUESTION_CHARS, checked_question


def written(text: str, subject: str = "") -> list[str]:
    return [text[a.start : a.end] for a in split.split(subject, text) if a.start is not None]


def texts(text: str, subject: str = "") -> list[str]:
    return [a.text for a in split.split(subject, text)]


@pytest.mark.parametrize("module", [lean, phrases, split])
def test_examples_hold(module: ModuleType) -> None:
    """The examples in the docstrings are true."""
    result = doctest.testmod(module)
    assert result.attempted
    assert 0 == result.failed


@pytest.mark.parametrize(
    "asks",
    [
        "Is a bolt seal required for empty trailers?",
        "Please confirm whether drivers must wear badges.",
        "Could you let me know if seal logs may be kept on paper.",
        "I would like to know how visitor badges are issued.",
        "We need guidance on the inspection of refrigerated trailers.",
        "Wondering about the retention period of camera recordings.",
        "I'm not sure whether our broker has to file a profile.",
        "My question is whether seasonal staff need background checks",
        "do we have to log every seal number of a trailer",
        "If the fence is torn, do we have to report the incident.",
        "Need to know the deadline for the annual review.",
        "Please send me the list of approved seals.",
        "Thank you in advance for confirming whether paper logs are accepted.",
        "Necesito saber si los remolques vacíos llevan sello.",
        "¿Puede un transportista pequeño participar en el programa?",
        "Je voudrais savoir si les remorques vides sont inspectées.",
        "Comment devons-nous former nos chauffeurs ?",
    ],
)
def test_a_question_or_request_is_found_whole(asks: str) -> None:
    """What asks is found with its exact place, with a question mark or without, in three languages."""
    text = f"Hello,\n\nOur yard is in Reno.\n\n{asks}\n\nKind regards,"
    assert [asks] == written(text)


@pytest.mark.parametrize(
    "polite",
    [
        "Dear Mr. Lang,",
        "Good morning team!",
        "How are you?",
        "Hope you are well?",
        "Thanks a lot for your quick answer.",
        "I look forward to hearing from you.",
        "Please find attached the signed form.",
        "Please do not hesitate to contact me.",
        "Let me know if you need anything else.",
        "If you have any questions, please call me.",
        "Should you require more, tell me.",
        "Have a great weekend!",
        "Please direct any questions to my colleague.",
        "Not sure who to ask, so this goes to you.",
        "Saludos cordiales,",
        "When we moved to Ohio, we changed the locks.",
        "We asked our carrier whether they use seals and they said yes.",
        "What we need most is time.",
        'Our FAQ page, "Who may apply?", is out of date.',
        "12345",
        "????",
    ],
)
def test_what_asks_nothing_is_no_question(polite: str) -> None:
    """Greetings, thanks, closings, offers and statements are left out."""
    assert () == split.split("", polite)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for the reply, does this rule hold for contractors and seasonal drivers?",
        "Hope you are well, can you tell me how many seals a tank trailer needs?",
    ],
)
def test_a_question_behind_a_courtesy_is_found(text: str) -> None:
    """A polite beginning hides no question."""
    assert [text] == written(text)


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        (
            "We got our extension yesterday. Are we still certified?",
            "We got our extension yesterday. Are we still certified?",
        ),
        (
            "Do highway carriers need tracking devices? We run many trucks. And for Canada?",
            "Do highway carriers need tracking devices? And for Canada?",
        ),
        (
            "Must torn seals be reported to the officer? If so, how long do we have?",
            "Must torn seals be reported to the officer? If so, how long do we have?",
        ),
        (
            "Our plant in Ohio keeps paper logs. Does that also apply to our warehouse?",
            "Our plant in Ohio keeps paper logs. Does that also apply to our warehouse?",
        ),
        (
            "The old seal log was lost. It was on paper. Is this a problem?",
            "The old seal log was lost. It was on paper. Is this a problem?",
        ),
    ],
)
def test_a_leaning_question_is_completed(text: str, completed: str) -> None:
    """A question that can't be understood alone has in front what it leans on, and keeps its own place."""
    last = split.split("", text)[-1]
    assert completed == last.text
    assert text.endswith(text[last.start : last.end])
    assert completed.endswith(text[last.start : last.end])
    assert last.start


def test_the_subject_completes_a_question_with_nothing_before_it() -> None:
    """Where the text says nothing before a leaning question, the subject line is what it leans on."""
    assert ["Webex for video inspections. Is this still required?"] == texts(
        "Hello,\n\nIs this still required?", "Re: Webex for video inspections"
    )


def test_a_question_that_stands_alone_stays_as_written() -> None:
    """Background is not mixed into a question that says what it is about."""
    text = "We ship toys from Spain. How do we report a stolen trailer to the customs office?"
    assert ["How do we report a stolen trailer to the customs office?"] == texts(text)


def test_a_question_about_the_state_of_a_case_gets_no_context() -> None:
    """A request for an update is for a person; with context it would look like a question of the FAQ."""
    assert ["Any update on this?"] == texts("We sent the seal logs in May. Any update on this?")


def test_lists_are_cut_into_items() -> None:
    """Numbers, letters, bullets and "Question 1:" are markers and no part of the question; a heading is no question."""
    text = (
        "Could you please tell us:\n1. whether paper seal logs are accepted\n(b) Who signs the visitor log?\n"
        "- the date of the next seminar\nQuestion 4: Are trailers weighed"
    )
    assert [
        "whether paper seal logs are accepted",
        "Who signs the visitor log?",
        "the date of the next seminar",
        "Are trailers weighed",
    ] == written(text)
    assert "Could you please tell us: the date of the next seminar" in texts(text)


def test_a_list_in_a_row_is_cut_too() -> None:
    """Items that are numbered inside a line are items."""
    text = "Three things: 1) Who keeps the seal log? 2) Are trailers weighed? 3) Is lunch served?"
    assert ["Who keeps the seal log?", "Are trailers weighed?", "Is lunch served?"] == written(text)


def test_items_of_a_list_that_is_not_asked_are_no_questions() -> None:
    """A list of sites under a statement asks nothing, nor do whole sentences under a request."""
    assert [] == written("We have three sites:\n- Reno\n- Dallas")
    long = "All of the trailers that we have are washed and looked at by two people every day."
    assert [] == written(f"Not sure if you need it, here is what we do:\n- {long}")


def test_two_questions_in_one_sentence_are_two() -> None:
    """A sentence is cut where both halves stand alone, and only there."""
    assert ["How often must seals be audited", "can we use an external auditor?"] == written(
        "How often must seals be audited, and also can we use an external auditor?"
    )
    whole = "Will drivers be told about inspections and if so, how long in advance?"
    assert [whole] == written(whole)
    assert ["Is the inspection online or do we have to travel?"] == written(
        "Is the inspection online or do we have to travel?"
    )


def test_wrapped_lines_are_joined_and_typed_lines_are_not() -> None:
    """A break that a mail program made is none; one that a person typed ends a sentence."""
    wrapped = "Could you let us know whether the drivers of our contract carrier in the\nnorth must wear badges?"
    assert [wrapped] == written(wrapped)
    assert [wrapped.replace("\n", " ")] == texts(wrapped)
    assert ["which seals do tank trailers need", "are trailers weighed"] == written(
        "hey\nwhich seals do tank trailers need\nare trailers weighed\nthx"
    )
    long = "Our drivers, who come from a contract carrier in the north of the country and have badges of their own,"
    assert [f"{long}\nmust they wear ours?"] == written(f"{long}\nmust they wear ours?\nThanks")


def test_abbreviations_end_no_sentence() -> None:
    """A full stop inside an abbreviation or a name of a place is no end."""
    text = "Our broker Mr. Lang of St. Louis asked. Does Mr. Lang of St. Louis need a badge of ours?"
    assert ["Does Mr. Lang of St. Louis need a badge of ours?"] == written(text)
    assert ["are trailers weighed there"] == written("we moved the yard yesterday. are trailers weighed there")


def test_a_subject_that_asks_comes_first() -> None:
    """A question of the subject line that the text does not ask has no place in the text."""
    asked = split.split("Can a freight forwarder join?", "Is there a fee for seminars?")
    assert [("Can a freight forwarder join?", None, None), ("Is there a fee for seminars?", 0, 28)] == [
        (a.text, a.start, a.end) for a in asked
    ]


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [
        ("Are trailers weighed?", "Hello,\nare trailers weighed?", ["are trailers weighed?"]),
        ("Re: Are trailers weighed?", "Thank you!", []),
        ("Trailer weights", "We have attached the list of weights.", []),
        ("Fwd: [EXTERNAL] Are trailers weighed?", "Thanks!", ["Are trailers weighed?"]),
        ("Trailer weights at the gate", "Hi, please advise. Thanks", ["Trailer weights at the gate"]),
        ("Re: Trailer weights at the gate", "Can you help?", ["Trailer weights at the gate"]),
        ("Hello", "Can you help?", []),
        ("", "", []),
        ("", "Please advise.", []),
    ],
)
def test_the_subject_is_used_where_the_text_does_not_ask(subject: str, text: str, expected: list[str]) -> None:
    """It is asked once, never for a reply that asks nothing, and it fills an empty request."""
    assert expected == texts(text, subject)


def test_an_empty_request_asks_what_was_said_before_or_after() -> None:
    """A bare request for advice stands for the statement beside it, unless a question was asked anyway."""
    before = "Our seal log shows a wrong number. Please advise."
    asked = split.split("", before)
    assert ["Our seal log shows a wrong number."] == [a.text for a in asked]
    assert "Please advise." == before[asked[0].start : asked[0].end]
    assert ["Seal log. Our seal log shows a wrong number."] == texts(
        "Can you help?\n\nOur seal log shows a wrong number.", "Seal log"
    )
    assert ["Are trailers weighed?"] == texts("Are trailers weighed? Please advise.")


def test_a_topic_is_asked_unless_the_question_follows() -> None:
    """A sentence that only announces a question introduces a question, and stands for it where none comes."""
    assert ["I have a question about bolt seals."] == texts("I have a question about bolt seals.")
    assert ["Do bolt seals expire after a year?"] == texts(
        "I have a question about bolt seals. Do bolt seals expire after a year?"
    )


def test_what_is_asked_twice_is_given_once() -> None:
    """Case and punctuation tell no questions apart."""
    assert ["Are trailers weighed?"] == texts("Are trailers weighed?\n\nare trailers weighed ??")


def test_at_most_twenty_questions() -> None:
    """What comes after the twentieth is left out."""
    text = "\n".join(f"Is trailer number {n} weighed at the gate?" for n in range(60))
    assert [f"Is trailer number {n} weighed at the gate?" for n in range(MAX_QUESTIONS)] == texts(text)


def _hostile() -> dict[str, str]:
    chaos = random.Random(5)  # noqa: S311 (chaos that repeats, no secret)
    words = (
        "please can you help me with this and or if what how do we is it dear thanks which St. 1) ( ? . , : \n ¿".split(
            " "
        )
    )
    found = {
        piece: (piece * MAX_TEXT_CHARS)[:MAX_TEXT_CHARS]
        for piece in (
            "?", ". ", "a. ", "((", "a", "a\n", " ", "\n", "?\n", "1) a ", "hi ", "and ", "also, ", "please ", "me ", "[a]",
            "is it so and how is it so ", "Is it?\n", "abc? ", "\ud800 is it? ", "é?", "- ", "re: ", "if a b c d, ", "aB",
        )
    }  # fmt: skip
    for n in range(6):
        found[f"random {n}"] = " ".join(chaos.choice(words) for _ in range(3_000))[:MAX_TEXT_CHARS]
    return found


@pytest.mark.parametrize("text", _hostile().values(), ids=map(ascii, _hostile()))
def test_any_text_gives_questions_that_can_be_asked(text: str) -> None:
    """Whatever a mail holds, what comes out is bounded, can be asked, and lies where it says."""
    asked = split.split(text[:998], text)
    assert len(asked) <= MAX_QUESTIONS
    for one in asked:
        assert one.text == checked_question(one.text)
        assert len(one.text) <= MAX_QUESTION_CHARS
        if one.start is not None and one.end is not None:
            assert text[one.start : one.end] == text[one.start : one.end].strip()
            assert 0 <= one.start < one.end <= len(text)


def test_a_question_that_is_too_long_keeps_its_end() -> None:
    """The end of a question is what asks; its place is still that of the whole."""
    text = f"Is a trailer with {'seals and ' * 300}bolts weighed?"
    (one,) = split.split("", text)
    assert one.text.endswith("seals and bolts weighed?")
    assert len(one.text) <= MAX_QUESTION_CHARS
    assert (0, len(text)) == (one.start, one.end)


def test_sentences_know_their_place_and_kind() -> None:
    """Each sentence has its offsets, the number of its paragraph, and what it does."""
    text = "Hi Ana,\n\nOur yard moved. Is it ok?\n- Reno"
    found = [(text[s.start : s.end], s.paragraph, s.item, s.kind) for s in sentences.sentences_of(text)]
    assert [
        ("Hi Ana,", 0, False, Kind.COURTESY),
        ("Our yard moved.", 1, False, Kind.STATEMENT),
        ("Is it ok?", 1, False, Kind.QUESTION),
        ("Reno", 2, True, Kind.STATEMENT),
    ] == found


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (
            "We kindly request the following information:\n\n(a) whether a fee is due for the membership card;\n"
            "(b) how long our warehouse in Leeds may store seals.",
            ["whether a fee is due for the membership card;", "how long our warehouse in Leeds may store seals."],
        ),
        (
            "I would be glad to hear how others keep their seals dry.",
            ["I would be glad to hear how others keep their seals dry."],
        ),
        ("My boss wants to know whether seals expire.", ["My boss wants to know whether seals expire."]),
        ("Quick question: is there a fee for the membership card?", ["is there a fee for the membership card?"]),
        (
            "Is there a fee for the card? Does the same hold for our second warehouse, which has an account of its own?",
            [
                "Is there a fee for the card?",
                "Is there a fee for the card? Does the same hold for our second warehouse, which has an account of its own?",
            ],
        ),
        (
            "Our visit will be held online. Before we begin:\n\n1. How many days before will we be told?",
            ["Our visit will be held online. How many days before will we be told?"],
        ),
    ],
)
def test_what_stands_around_a_question_is_seen(text: str, asked: list[str]) -> None:
    """Lists of indirect questions, questions that others ask, labels, and what a list's opening words follow."""
    assert [one.text for one in split.split("", text)] == asked


def test_a_name_is_not_what_is_asked() -> None:
    """Where the text only points at the subject line, the name below it is left out."""
    assert [
        one.text for one in split.split("What is the fee for a membership card?", "Hi, see subject. Thanks! Kelly")
    ] == ["What is the fee for a membership card?"]
