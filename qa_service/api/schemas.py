"""The shapes of requests and responses; the command line prints the same ones."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from qa_service.domain import Outcome, Rule
from qa_service.feedback.base import Reason
from qa_service.questions import MAX_QUESTION_CHARS
from qa_service.retriever import MAX_TOP

MAX_BATCH = 256

_QUESTION = "If our profile extension is granted, are we still certified?"
_ENTRY_ID = "if-a-profile-extension-is-requested-and-granted-does-16c86f"
_OFFICIAL_QUESTION = (
    "If a profile extension is requested and granted, does our certification remain intact during the extension period?"
)
_OFFICIAL_ANSWER = (
    "Yes, contact your Supply Chain Security Specialist (SCSS) if an extension was received, your status remains "
    "during the extension period."
)
_ANSWER_HTML = (
    "The same words as sanitised HTML: p br strong em b i u s sub sup code pre ul ol[start] li[value] blockquote table thead "
    "tbody tr th td dl dt dd hr and a[href] to http, https, mailto or tel; no other element or attribute."
)

# What names a language (BCP 47), for bodies and addresses.
LANGUAGE_CHARS, LANGUAGE_PATTERN = 35, r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$"
Language = Annotated[
    str | None,
    Field(description="Only entries in this language (BCP 47).", max_length=LANGUAGE_CHARS, pattern=LANGUAGE_PATTERN),
]
Top = Annotated[int, Field(ge=1, le=MAX_TOP, strict=True, description="How many entries come back at most.")]
Tags = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=20)]


class Strict(BaseModel):
    """A request: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AskRequest(Strict):
    """A question in one's own words."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"question": _QUESTION, "top": 3}]})

    question: str = Field(description=f"The question, {MAX_QUESTION_CHARS} characters at most.")
    top: Top = 3
    language: Language = None
    tags: Tags = Field(default=[], description="Only entries that carry every one of these tags.")
    explain: bool = Field(default=False, strict=True, description="Say why; it changes nothing in the answer.")


class BatchRequest(Strict):
    """Many questions: plain texts, or objects as `/v1/ask` takes them. The other fields hold for the plain texts."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"questions": [_QUESTION, {"question": "ftz?", "top": 1}]}]}
    )

    questions: list[Any] = Field(min_length=1, max_length=MAX_BATCH)
    top: Top = 3
    language: Language = None
    tags: Tags = []


class SourceOut(BaseModel):
    """Where the answer was published: it is the bytes from `start` up to `end` of the document with this SHA-256."""

    # Ledgers of mail that were written before there were titles are read as well; what is sent always has them all.
    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    document: str
    title: str | None = Field(default=None, description="What the document calls itself.")
    uri: str | None
    sha256: str
    start: int
    end: int


class RelatedOut(BaseModel):
    """A near entry that is not given as an answer."""

    id: str
    question: str
    confidence: float = Field(ge=0, le=1)
    similarity: float = Field(ge=-1, le=1)


class AnswerOut(BaseModel):
    """An official answer, word for word, with what speaks for it."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    id: str
    question: str
    answer: str
    answer_html: str = Field(default="", description=_ANSWER_HTML)
    confidence: float = Field(ge=0, le=1, description="Probability that this entry answers the question.")
    similarity: float = Field(ge=-1, le=1, description="Cosine between the question and `matched`.")
    matched: str = Field(description="The wording of the entry's question that came closest.")
    source: SourceOut
    language: str
    tags: list[str]
    reviewed_at: date | None


class PartOut(BaseModel):
    """One signal of the nearest entry's score."""

    name: str
    value: float
    weight: float
    adds: float


class ExplanationOut(BaseModel):
    """Why the question has its outcome, told by the nearest entry; repeats single words of the question."""

    rule: Rule
    sentence: str
    entry_id: str | None
    matched: str | None
    parts: list[PartOut]
    shared: list[str]
    missing: list[str]
    runner_up: str | None
    margin: float | None
    novelty: float
    confidence: float
    threshold: float
    question_language: str | None


class AskResponse(BaseModel):
    """What the FAQ says to a question. `answers` and then `related` are the nearest entries, best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "query_id": "6f0c2f5e9b7c4a51a1d1d6b2c8e0f7a3",
                    "outcome": "answered",
                    "answers": [
                        {
                            "id": _ENTRY_ID,
                            "question": _OFFICIAL_QUESTION,
                            "answer": _OFFICIAL_ANSWER,
                            "answer_html": f"<p>{_OFFICIAL_ANSWER}</p>",
                            "confidence": 0.98,
                            "similarity": 0.83,
                            "matched": _OFFICIAL_QUESTION,
                            "source": {
                                "document": "ctpat_top_faqs.md",
                                "title": "Customs Trade Partnership Against Terrorism (CTPAT) Top FAQs",
                                "uri": None,
                                "sha256": "5f6bb933741ccaf927c75bb2262319b47707e96fffad644538708a95099f6f8d",
                                "start": 1514,
                                "end": 1650,
                            },
                            "language": "en",
                            "tags": [],
                            "reviewed_at": None,
                        }
                    ],
                    "related": [],
                    "languages": ["en"],
                    "index_version": "v-0123456789abcdef",
                    "took_ms": 4.2,
                    "feedback": True,
                }
            ]
        }
    )

    query_id: str
    outcome: Outcome
    answers: list[AnswerOut]
    related: list[RelatedOut]
    languages: list[str] = Field(description="The languages that the FAQ has.")
    index_version: str
    took_ms: float
    feedback: bool = Field(description="Whether `POST /v1/feedback` takes votes on this query.")
    explanation: ExplanationOut | None = Field(default=None, exclude_if=lambda told: told is None)


class FieldError(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    message: str


class Problem(BaseModel):
    """An error as RFC 9457 shapes it. `code` is stable; nothing here repeats the question."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldError] | None = Field(default=None, exclude_if=lambda errors: errors is None)


class BatchItemError(BaseModel):
    """An item of a batch that can't be asked, in the place of its result."""

    error: Problem


class BatchResponse(BaseModel):
    """The results in the order of the questions."""

    results: list[AskResponse | BatchItemError]
    index_version: str
    took_ms: float


class EntryOut(BaseModel):
    """An official question and its answer as published."""

    id: str
    question: str
    answer: str
    answer_html: str = Field(description=_ANSWER_HTML)
    alternates: list[str]
    source: SourceOut
    language: str
    tags: list[str]
    effective_from: date | None
    effective_to: date | None
    reviewed_at: date | None


class EntriesPage(BaseModel):
    """Some entries, in the order of the FAQ, and the cursor of the next page, if there is one."""

    entries: list[EntryOut]
    next_cursor: str | None
    index_version: str


class ModelOut(BaseModel):
    """The model that embedded the index."""

    name: str
    precision: str
    dimension: int
    weights_sha256: str


class ExampleOut(BaseModel):
    """An official question that shows what can be asked."""

    id: str
    question: str
    language: str


class Info(BaseModel):
    """What serves, and what a page that asks it has to know."""

    service_version: str
    index_version: str
    model: ModelOut
    entries: int
    languages: list[str]
    documents: dict[str, str]
    answer_threshold: float
    figures: dict[str, float]
    title: str
    examples: list[ExampleOut] = Field(description="Up to three in each language, in the order of the FAQ.")
    contact_url: str | None = Field(description="Where somebody goes whom no answer helps.")


class Ready(BaseModel):
    """Whether questions can be asked, and whether a newer index version was refused."""

    status: str
    index_version: str
    refused: str | None


class FeedbackRequest(Strict):
    """A vote: whether an answer helped. The latest vote on a query and entry counts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "query_id": "6f0c2f5e9b7c4a51a1d1d6b2c8e0f7a3",
                    "entry_id": _ENTRY_ID,
                    "helpful": False,
                    "reason": "outdated",
                }
            ]
        }
    )

    query_id: str = Field(pattern=r"^[0-9a-f]{32}$", description="The `query_id` of the answer.")
    entry_id: str | None = Field(
        default=None, max_length=128, description="The `id` of the entry; none for the query as a whole."
    )
    helpful: bool = Field(strict=True)
    reason: Reason | None = Field(default=None, description="Why it did not help.")

    @model_validator(mode="after")
    def _reason_of_what_did_not_help(self) -> Self:
        if self.helpful and self.reason is not None:
            raise ValueError("a `reason` goes with `helpful`: false")
        return self
