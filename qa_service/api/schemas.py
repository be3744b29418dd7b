"""The shapes of requests and responses; the command line prints the same ones."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from qa_service.domain import Outcome, Rule
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

Language = Annotated[
    str | None,
    Field(
        description="Only entries in this language (BCP 47).", max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$"
    ),
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

    document: str
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

    id: str
    question: str
    answer: str
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
                            "confidence": 0.98,
                            "similarity": 0.83,
                            "matched": _OFFICIAL_QUESTION,
                            "source": {
                                "document": "ctpat_top_faqs.md",
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


class Info(BaseModel):
    """What serves."""

    service_version: str
    index_version: str
    model: ModelOut
    entries: int
    languages: list[str]
    documents: dict[str, str]
    answer_threshold: float
    figures: dict[str, float]


class Ready(BaseModel):
    """Whether questions can be asked, and whether a newer index version was refused."""

    status: str
    index_version: str
    refused: str | None
