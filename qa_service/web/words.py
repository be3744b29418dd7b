"""The texts of the pages in each of their languages; those that the element for other pages has too are the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_SURE = 0.9


@dataclass(frozen=True, slots=True)
class Words:
    """The texts in one language; those with braces are formats."""

    language: str
    faq: str
    skip: str
    lead: str
    description: str
    ask: str
    label: str
    button: str
    error: str
    empty: str
    too_long: str
    busy: str
    starting: str
    starting_title: str
    missing: str
    missing_title: str
    home: str
    answered: str
    ambiguous: str
    ambiguous_lead: str
    abstained: str
    abstained_lead: str
    related: str
    questions: str
    contents: str
    nothing: str
    link: str
    source: str
    reviewed: str
    open_all: str
    close_all: str
    pages: str
    page: str
    page_of: str
    previous: str
    following: str
    no_help: str
    contact: str
    foot: str
    sure: str
    likely: str
    day: str
    first_day: str
    months: tuple[str, ...]

    def confidence(self, probability: float) -> str:
        """A probability in [0, 1] in words, as the element for other pages says it."""
        return self.sure if probability >= _SURE else self.likely

    def date(self, day: date) -> str:
        """A day as people write it."""
        pattern = self.first_day if day.day == 1 else self.day
        return pattern.format(day=day.day, month=self.months[day.month - 1], year=day.year)


_EN = Words(
    language="en",
    faq="Frequently asked questions",
    skip="Skip to the content",
    lead="Official answers, word for word.",
    description="{title}: official questions and answers, word for word.",
    ask="Ask a question",
    label="Your question",
    button="Ask",
    error="Error",
    empty="Type a question.",
    too_long="The question has {length} characters; {allowed} are allowed.",
    busy="Many questions are being asked right now. Try again in a moment.",
    starting="The answers are being loaded. Try again in a moment.",
    starting_title="One moment",
    missing="There is no such page, or the answer is no longer in effect.",
    missing_title="Not found",
    home="All questions and answers",
    answered="Official answer",
    ambiguous="Which of these do you mean?",
    ambiguous_lead="More than one official answer comes close.",
    abstained="No official answer",
    abstained_lead="There is no official answer to this question here.",
    related="Related questions",
    questions="All questions and answers",
    contents="Contents",
    nothing="There are no questions and answers at the moment.",
    link="Link to this answer",
    source="Source:",
    reviewed="Reviewed:",
    open_all="Open all answers",
    close_all="Close all answers",
    pages="Pages",
    page="Page {page}",
    page_of="page {page} of {pages}",
    previous="Previous page",
    following="Next page",
    no_help="Is your question not answered here?",
    contact="Contact us",
    foot="Every answer is quoted word for word from the official source.",
    sure="Very likely your question",
    likely="Probably your question",
    day="{month} {day}, {year}",
    first_day="{month} {day}, {year}",
    months=tuple("January February March April May June July August September October November December".split()),
)
_ES = Words(
    language="es",
    faq="Preguntas frecuentes",
    skip="Ir al contenido",
    lead="Respuestas oficiales, palabra por palabra.",
    description="{title}: preguntas y respuestas oficiales, palabra por palabra.",
    ask="Haga una pregunta",
    label="Su pregunta",
    button="Preguntar",
    error="Error",
    empty="Escriba una pregunta.",
    too_long="La pregunta tiene {length} caracteres; se permiten {allowed}.",
    busy="En este momento se hacen muchas preguntas. Inténtelo de nuevo en un momento.",
    starting="Las respuestas se están cargando. Inténtelo de nuevo en un momento.",
    starting_title="Un momento",
    missing="Esta página no existe, o la respuesta ya no está vigente.",
    missing_title="No encontrado",
    home="Todas las preguntas y respuestas",
    answered="Respuesta oficial",
    ambiguous="¿A cuál de estas se refiere?",
    ambiguous_lead="Hay más de una respuesta oficial parecida.",
    abstained="No hay respuesta oficial",
    abstained_lead="Aquí no hay ninguna respuesta oficial a esta pregunta.",
    related="Preguntas relacionadas",
    questions="Todas las preguntas y respuestas",
    contents="Contenido",
    nothing="En este momento no hay preguntas ni respuestas.",
    link="Enlace a esta respuesta",
    source="Fuente:",
    reviewed="Revisado:",
    open_all="Abrir todas las respuestas",
    close_all="Cerrar todas las respuestas",
    pages="Páginas",
    page="Página {page}",
    page_of="página {page} de {pages}",
    previous="Página anterior",
    following="Página siguiente",
    no_help="¿Su pregunta no tiene respuesta aquí?",
    contact="Contáctenos",
    foot="Cada respuesta se cita palabra por palabra de la fuente oficial.",
    sure="Muy probablemente su pregunta",
    likely="Probablemente su pregunta",
    day="{day} de {month} de {year}",
    first_day="{day} de {month} de {year}",
    months=tuple("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()),
)
_FR = Words(
    language="fr",
    faq="Questions fréquentes",
    skip="Aller au contenu",
    lead="Des réponses officielles, mot pour mot.",
    description="{title}\u00a0: questions et réponses officielles, mot pour mot.",
    ask="Posez une question",
    label="Votre question",
    button="Demander",
    error="Erreur",
    empty="Saisissez une question.",
    too_long="La question compte {length} caractères\u00a0; {allowed} sont permis.",
    busy="Beaucoup de questions sont posées en ce moment. Réessayez dans un instant.",
    starting="Les réponses sont en cours de chargement. Réessayez dans un instant.",
    starting_title="Un instant",
    missing="Cette page n’existe pas, ou la réponse n’est plus en vigueur.",
    missing_title="Introuvable",
    home="Toutes les questions et réponses",
    answered="Réponse officielle",
    ambiguous="De laquelle s’agit-il\u00a0?",
    ambiguous_lead="Plusieurs réponses officielles sont proches.",
    abstained="Aucune réponse officielle",
    abstained_lead="Il n’y a pas ici de réponse officielle à cette question.",
    related="Questions proches",
    questions="Toutes les questions et réponses",
    contents="Sommaire",
    nothing="Il n’y a pas de questions et réponses pour le moment.",
    link="Lien vers cette réponse",
    source="Source\u00a0:",
    reviewed="Révisé\u00a0:",
    open_all="Ouvrir toutes les réponses",
    close_all="Fermer toutes les réponses",
    pages="Pages",
    page="Page {page}",
    page_of="page {page} sur {pages}",
    previous="Page précédente",
    following="Page suivante",
    no_help="Votre question n’a pas de réponse ici\u00a0?",
    contact="Contactez-nous",
    foot="Chaque réponse est citée mot pour mot de la source officielle.",
    sure="Très probablement votre question",
    likely="Probablement votre question",
    day="{day} {month} {year}",
    first_day="{day}er {month} {year}",
    months=tuple("janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()),
)
_LANGUAGES = {words.language: words for words in (_EN, _ES, _FR)}


def words_for(language: str) -> Words:
    """The texts for a language (BCP 47); English where there are none."""
    return _LANGUAGES.get(language.lower().split("-")[0], _EN)
