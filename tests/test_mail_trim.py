from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from benchmarks.mail import trimming
from qa_service.mail import trim
from qa_service.mail.trim import Kind, kinds, new_text, parts

ASKS = "Is the form free?"
MARKED = "> Dear Ana,\n>\n> please send it.\n"
BARE = "Dear Ana,\n\nplease send it. Did you get the form?\n"

DATED = (
    "On Mon, Feb 2, 2026 at 6:32 PM, Desk <desk@example.com> wrote:",
    "On Mon, Feb 2, 2026 at 6:32 PM, The Help Desk of the Example Company\n<desk@example.com>\nwrote:",
    "On 2 Feb 2026, at 18:32, Desk wrote:",
    "On Monday, February 2, 2026, 06:32:00 PM EST, Desk <desk@example.com> wrote: ",
    "---- On Mon, 02 Feb 2026 18:32:00 +0100 Desk <desk@example.com> wrote ----",
    "Am Mo., 2. Feb. 2026 um 18:32 Uhr schrieb Desk <desk@example.com>:",
    "Desk <desk@example.com> schrieb am Mo., 2. Feb. 2026, 18:32:",
    "Le lun. 2 févr. 2026 à 18:32, Desk <desk@example.com> a écrit :",
    "El lun, 2 feb 2026 a las 18:32, Desk (<desk@example.com>)\nescribió:",
    "Il giorno lun 2 feb 2026 alle ore 18:32 Desk <desk@example.com> ha scritto:",
    "Em seg., 2 de fev. de 2026 às 18:32, Desk <desk@example.com> escreveu:",
    'Op 2 feb. 2026 18:32 schreef "Desk" <desk@example.com> het\nvolgende geschreven:',
    "Den mån 2 feb. 2026 kl 18:32 skrev Desk <desk@example.com>:",
    "man. 2. feb. 2026 kl. 18.32 skrev Desk <desk@example.com<mailto:desk@example.com>>:",
    "ma 2. helmik. 2026 klo 18.32 Desk (desk@example.com) kirjoitti:",
    "pon., 2 lut 2026 o 18:32 Desk <desk@example.com> napisał(a):",
    "пн, 2 февр. 2026 г. в 18:32, Desk <desk@example.com>:",
    "2 лют. 2026 р. 18:32 Desk <desk@example.com> пише:",
    "Desk <desk@example.com> ezt írta (időpont: 2026. febr. 2., H, 18:32):",
    "Desk <desk@example.com> 于2026年2月2日周一 18:32写道：",
    "2026年2月2日(月) 18:32 Desk <desk@example.com>:",
    "2026-02-02 18:32 GMT+01:00 Desk <desk@example.com>:",
    "2026-02-02 18:32 GMT+01:00 Help Desk",
)
HEADS = (
    "From: Desk <desk@example.com>\nSent: Monday, February 2, 2026\nTo: Ana Soto; Bob;\n Cy Lee\nCc: Team\nSubject: Form",
    "*Von:* Desk\n*Gesendet:* Montag, 2. Februar 2026\n*An:* Ana Soto\n*Betreff:* Formular",
    "De : Desk\nEnvoyé : lundi 2 février 2026\nÀ : Ana Soto\nObjet : formulaire",
    "De: Desk\nEnviado el: lunes, 2 de febrero de 2026\nPara: Ana Soto\nAsunto: formulario",
    "Da: Desk\nRisposta: Desk\nData: lunedì 2 febbraio 2026\nA: Ana Soto\nOggetto: modulo",
    "De: Desk\nEnviada em: segunda-feira\nPara: Ana Soto\nAssunto: formulário",
    "Från: Desk [mailto:desk@example.com]\nSkickat: den 2 februari 2026\nTill: Ana\nÄmne: Blankett",
    "От: Desk\nОтправлено: 2 февраля\nКому: Ana\nТема: форма",
    "发件人： Desk\n发送时间： 2026年2月2日\n收件人： Ana\n主题： 表格",
    "________________________________\nFrom: Desk <desk@example.com>\n\nDate: Monday",
)
FORWARDED = (
    "-----Original Message-----",
    "-------- Ursprüngliche Nachricht --------",
    "----- Message d'origine -----",
    "-----Mensaje original-----",
    "---------- Forwarded message ---------",
    "---------- Messaggio inoltrato ----------",
    "---------- Mensagem encaminhada ---------",
    "------------------ 原始邮件 ------------------",
    "Begin forwarded message:\n\nFrom: Desk <desk@example.com>",
    "Inicio del mensaje reenviado:\n\nDe: Desk",
    "##- Please type your reply above this line -##",
)
DEVICES = (
    "Sent from my iPhone",
    "Sent via mobile",
    "Sent with Proton Mail secure email.",
    "This e-mail was sent from my Samsung Galaxy smartphone.",
    "Get Outlook for Android<https://example.com/o>",
    "Von meinem iPhone gesendet",
    "Gesendet von Mail für Windows",
    "Envoyé de mon iPhone",
    "Enviado desde mi iPhone",
    "Inviato da iPhone",
    "Verstuurd vanaf mijn iPhone",
    "Sendt fra min iPad",
    "Lähetetty iPhonesta",
    "Wysłane z iPhone’a",
    "Отправлено с iPhone",
    "發自我的 iPhone",
    "iPhoneから送信",
    "나의 iPhone에서 보냄",
    "ᐧ",
)
CLOSINGS = (
    "Thanks,\nAna",
    "thx\nana",
    "Best, Ana",
    "Thank you very much for your help!\n\nKind regards\n\nAna Soto",
    "Mit freundlichen Grüßen / Best regards\nJürgen Köhler",
    "Bien à vous,\nJean",
    "Muchas gracias de antemano.\nSaludos cordiales,\nLic. María del Carmen Ruiz",
    "Cordiali saluti\nMario Rossi",
    "Atenciosamente,\nJoão da Silva",
    "Met vriendelijke groet,\nPiet de Vries",
    "Med vänliga hälsningar\nÅsa Öberg",
    "Z poważaniem,\nŁukasz Nowak",
    "С уважением,\nИван Петров",
    "ありがとうございます。\n田中",
    "—Ana",
    "Regards,\nJ. R.",
)


@pytest.mark.parametrize("intro", DATED)
@pytest.mark.parametrize("history", [MARKED, BARE])
def test_an_attribution_ends_the_new_text(intro: str, history: str) -> None:
    """In many languages, wrapped or not, the line that says who wrote and when goes with what it introduces."""
    found = parts(f"{ASKS}\n\n{intro}\n\n{history}")
    assert (ASKS, "") == found.new
    assert (*intro.splitlines(), "", *history.splitlines()) == found.quoted


@pytest.mark.parametrize("head", HEADS)
def test_a_block_of_headers_ends_the_new_text(head: str) -> None:
    """Headers as mail programs write them above the earlier mail end what is new, with the rule above them."""
    assert new_text(f"{ASKS}\n\n{head}\n\n{BARE}") == ASKS


@pytest.mark.parametrize("mark", FORWARDED)
def test_a_forwarding_mark_ends_the_new_text(mark: str) -> None:
    """A line that announces another message ends what is new."""
    assert new_text(f"{ASKS}\n\n{mark}\n\n{BARE}") == ASKS


def test_an_attribution_without_a_date_needs_a_quote_or_an_address() -> None:
    """Such a line is history only where marked lines follow it; with an address it always is."""
    assert new_text(f"{ASKS}\n\nAna Soto wrote:\n{MARKED}") == ASKS
    assert new_text(f"{ASKS}\n\nQuoting Ana <ana@example.com>:\n{MARKED}") == ASKS
    assert new_text(f"{ASKS}\n\nAna <ana@example.com> wrote:\n{BARE}") == ASKS
    assert new_text(f"{ASKS}\n\nThe desk wrote:\nNo fee is due.") == f"{ASKS}\n\nThe desk wrote:\nNo fee is due."


@pytest.mark.parametrize(
    "text",
    [
        "On 5 March 2026 you wrote: bring the form. Which form?",
        "From: Shanghai\nTo: Los Angeles\nDate: 12 May\nIs it dutiable?",
        "I read the forwarded message:\nIs it true?",
        "This is not a ---------- mark.\n\nIs it?",
        "On this day\n\nI wrote something\n\nWhich form is it?",
    ],
)
def test_a_letter_that_looks_like_history_is_kept(text: str) -> None:
    """Words of mail programs inside a letter end nothing."""
    assert new_text(text) == text


def test_answers_between_quotes_are_kept() -> None:
    """Of an interleaved reply the quoted lines go, wrapped remnants with them, and each answer stays."""
    long = "> We would like to know at which port the goods are going to be entered\n"
    reply = (
        f"On 2 Feb 2026, at 18:32, Desk wrote:\n{long}first\n> please?\n\nAt Laredo.\n\n"
        "> And when?\nIn May. Is that late?\n\n> Regards\n> Desk\n"
    )
    assert new_text(reply) == "At Laredo.\n\nIn May. Is that late?"


def test_bars_mark_a_quote_only_below_an_attribution() -> None:
    """A table of a letter keeps its bars; lines with bars below an attribution are quoted."""
    assert new_text(f"{ASKS}\n\n2026/2/2 Desk via Forum <desk@example.com>\n\n| Hello\n|\n| Bye\n") == ASKS
    assert new_text("| form | fee |\n| 7501 | 0 |\nIs it right?") == "| form | fee |\n| 7501 | 0 |\nIs it right?"


def test_a_quote_that_opens_the_letter_is_a_citation() -> None:
    """Marked lines at the head that nothing introduces are the sender's own; below text they are history."""
    assert new_text("> The fee is 10.\n\nIs that so?") == "> The fee is 10.\n\nIs that so?"
    assert new_text("> Only a quote.") == "> Only a quote."
    assert new_text("Is that so?\n\n> The fee is 10.\n") == "Is that so?"


def test_a_mail_that_is_all_history_has_no_new_text() -> None:
    """A quoted mail alone, begun by its attribution, tells nothing new."""
    quoted = "> On 2 Feb 2026, at 18:32, Desk <desk@example.com> wrote:\n>\n>> Is it?\n"
    assert new_text(quoted) == ""
    assert new_text(f"{DATED[0]}\n{MARKED}") == ""


@pytest.mark.parametrize("above", ["", "Sent from my iPhone\n\n"])
def test_a_letter_passed_on_without_a_word_keeps_its_text(above: str) -> None:
    """Where nothing is written above unmarked history, the history's text is what is asked; a nested one is not."""
    passed = f"{above}---------- Forwarded message ---------\n{HEADS[0]}\n\nHello,\n{ASKS}\n\n{HEADS[1]}\n\n{BARE}"
    assert new_text(passed).removeprefix(above) == f"Hello,\n{ASKS}"


def test_a_letter_passed_on_in_marked_lines_is_read() -> None:
    """Apple Mail marks what it forwards; where nothing else is written, the marks come off."""
    other = f"{HEADS[0]}\n\n{ASKS}\n\n{DATED[0]}\n\n{MARKED}"
    marked = "\n".join(f"> {line}" for line in other.splitlines())
    assert new_text(f"Begin forwarded message:\n\n{marked}") == ASKS


@pytest.mark.parametrize("device", DEVICES)
def test_lines_of_mail_programs_are_signature(device: str) -> None:
    """What a telephone or a mail program adds is no text of the sender."""
    found = parts(f"{ASKS}\n\n{device}\n\n{DATED[0]}\n{MARKED}")
    assert ((device,), ASKS) == (found.signature, found.text)


@pytest.mark.parametrize("closing", CLOSINGS)
def test_a_closing_with_a_name_is_told_from_the_body(closing: str) -> None:
    """Formula and name, in many languages, belong to the text as written and not to the body."""
    found = parts(f"Hello,\n\n{ASKS}\n\n{closing}")
    assert f"Hello,\n\n{ASKS}" == found.body
    assert tuple(closing.splitlines()) == found.closing
    assert f"{found.body}\n\n{closing}" == found.text


@pytest.mark.parametrize(
    "block",
    [
        "Import Manager\nAcme Imports, Inc.\nTel. +1 555 0142",
        "-- \nAna Soto\nAcme",
        "Acme GmbH | Hauptstr. 5, 10115 Berlin\nwww.example.com",
        "\nThis e-mail is confidential and intended solely for the addressee. If you\nhave received it in error, delete it.",
        "\nThis mail is confidential and privileged. Any disclosure\nis unauthorized. Did you get it in error?",
        "\nPlease consider the environment. Do you need to print this?",
        "Sent from my iPhone\n_____\nAcme",
    ],
)
def test_what_follows_a_closing_is_signature(block: str) -> None:
    """Offices, firms, addresses, delimiters and disclaimers below the name are no text of the sender."""
    found = parts(f"{ASKS}\n\nRegards,\nAna Soto\n{block}")
    assert ("Regards,", "Ana Soto") == found.closing
    assert [line for line in block.splitlines() if line.strip()] == [x for x in found.signature if x.strip()]


@pytest.mark.parametrize(
    "block",
    [
        "Ana Soto\nImport Manager",
        "Ana Soto\nSoto Customs Services",
        "Ana Soto\nx-37059",
        "Ana Soto - 713-555-0187",
        "ana@example.com\n713-555-0187",
        "________________\nAna Soto\nAcme",
        "— \nAna Soto, Acme",
    ],
)
def test_a_signature_needs_no_closing(block: str) -> None:
    """A name with an office, a firm of that name, or how to reach the writer is a signature."""
    assert parts(f"Hello,\n\n{ASKS}\n\n{block}").body == f"Hello,\n\n{ASKS}"


@pytest.mark.parametrize(
    "text",
    [
        "Which of these need a licence?\nSteel Pipes\nCopper Wire",
        "Which of these need a licence?\n\nSteel Pipes\nCopper Wire",
        "We ship:\n\nSteel Pipes\nCopper Wire",
        "Which are members?\n\nAcme Inc.\nBolt Ltd.",
        "Please confirm whether we qualify.\nThanks",
        "Hello\n\nThank you!",
        "You can reach me at these numbers:\nhome 555-0142\ncell 555-0143",
        "Our terms:\n------\nIs 30 days enough?",
        "See\n\nhttps://example.com/a\nhttps://example.com/b",
        "Yes, Ana Soto is the person to call at 555-0142 about this.",
        "It was sent from my office yesterday, I am quite sure about it.",
        "Thanks for asking. Is it free, Ana?",
        "Regards,\nAna\n\nPS: is the fee annual?",
        "This is confidential and privileged. May we file it?",
    ],
)
def test_what_asks_or_lists_is_never_signature(text: str) -> None:
    """Questions, lists, thanks without a name and prose with a number stay in the body."""
    assert parts(text).body == text


def test_little_is_taken_below_a_delimiter() -> None:
    """A delimiter above a long text is a part of the letter."""
    long = "\n".join(f"Line {n} of the letter goes on and on." for n in range(40))
    assert new_text(f"Hello\n--\n{long}") == f"Hello\n--\n{long}"
    assert new_text("Hello there\n--\nAna") == "Hello there"


def test_a_closing_above_history_is_kept_when_the_signature_is_below() -> None:
    """Only the end of a letter is a signature: one below the history leaves the closing above it where it is."""
    text = f"{ASKS}\n\nThanks,\nAna\n\n{DATED[0]}\n\n{MARKED}\n--\nAna Soto\n(123) 456-7890\n"
    found = parts(text)
    assert f"{ASKS}\n\nThanks,\nAna" == found.text
    assert ("--", "Ana Soto", "(123) 456-7890") == found.signature


def test_each_line_is_in_one_part() -> None:
    """The parts hold every line once, in the order of the mail, and the text begins with the body."""
    text = f"Hello,\n\n\n\n{ASKS}  \n\nThanks,\nAna\n--\nAcme\n\n{DATED[1]}\n{MARKED}"
    found = parts(text)
    order = {
        Kind.NEW: found.new,
        Kind.QUOTED: found.quoted,
        Kind.CLOSING: found.closing,
        Kind.SIGNATURE: found.signature,
    }
    lines = {kind: iter(held) for kind, held in order.items()}
    assert text.splitlines() == [next(lines[kind]) for kind in kinds(text.splitlines())]
    assert sum(map(len, order.values())) == len(text.splitlines())
    assert (f"Hello,\n\n{ASKS}", f"Hello,\n\n{ASKS}\n\nThanks,\nAna") == (found.body, found.text)


@pytest.mark.parametrize("text", ["", "\n\n", "   "])
def test_nothing_gives_nothing(text: str) -> None:
    """An empty mail has no new text."""
    assert new_text(text) == ""


def test_only_the_first_characters_are_read() -> None:
    """What is beyond 8,000 characters is left out."""
    assert new_text("a " * 10_000) == ("a " * 4_000).strip()


@pytest.mark.parametrize(
    "text",
    [
        ">" * 8_000, "\n>" * 4_000, "On " * 2_000, "a@b " * 2_000, "-" * 8_000, "wrote:\n" * 1_000, "From: a@b\n\n" * 700,
        "Hi.\n\n" + ("A" + "a" * 100 + "1\n") * 70, ("sent with " + "a" * 90 + " b c d e f\n") * 66, "." * 7_990 + "a\nAna",
        "<a@b>:\n" * 1_100, "写道：\n" * 2_000, "Thanks,\nAna\n" * 600, "-----\n" * 1_300, "confidential " * 600,
    ],
)  # fmt: skip
def test_hostile_text_is_sorted_too(text: str) -> None:
    """Texts made to make expressions backtrack lose no line."""
    found = parts(text)
    assert sum(map(len, (found.new, found.quoted, found.closing, found.signature))) == len(text[:8_000].splitlines())


def test_the_example_is_right() -> None:
    """The example in the docstring runs."""
    assert doctest.TestResults(0, 1) == doctest.testmod(trim)


def test_the_benchmark_counts_files_and_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reply equal to its gold, one that loses a line, and marked signature lines come out as counted by hand."""
    for name, text, gold in (("a", "Hi\n\n> old", "Hi"), ("b", "One\n\n> two\n\nThree", "One\n> two\nThree")):
        for part, content in (("emails", text), ("trimmed", gold)):
            (tmp_path / "email_reply_trimmer" / part).mkdir(parents=True, exist_ok=True)
            (tmp_path / "email_reply_trimmer" / part / name).write_text(content)
    for name, text in (
        ("P/1_body", "It is done.\n\n#sig#Thanks,\n#sig#Ana\n"),
        ("N/2_body", "It is done.\nTruly done.\n"),
    ):
        (tmp_path / "forge_enron_signatures" / name[0]).mkdir(parents=True)
        (tmp_path / "forge_enron_signatures" / name).write_text(text)
    counted = trimming.replies(tmp_path, (0, 1), new_text)
    assert (2, 1, ["b"], []) == (counted.files, counted.equal, counted.lost, counted.lost_own)
    signed = trimming.signatures(tmp_path, (0, 1), trimming.ours)
    assert (2, 0, 0, 3, 0, 0) == (signed.right, signed.wrong, signed.missed, signed.body, signed.lost, signed.emptied)
    assert signed.f1 == pytest.approx(1.0)
    assert capsys.readouterr().out == ""
