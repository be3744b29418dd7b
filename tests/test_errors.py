from __future__ import annotations

from http import HTTPStatus

import pytest

from qa_service import errors
from qa_service.api.problems import describe, for_status, problem, respond
from qa_service.errors import ArtifactError, FaqError, QaError

# The class, its HTTP status, its stable code and its exit status: clients and scripts depend on them.
_TREE = {
    errors.QaError: (500, "internal", 1),
    errors.FaqError: (500, "faq-invalid", 1),
    errors.ModelError: (500, "model-invalid", 1),
    errors.MissingExtraError: (500, "extra-missing", 1),
    errors.ArtifactError: (503, "index-invalid", 1),
    errors.LockedError: (500, "index-locked", 75),
    errors.KeyNeededError: (401, "key-needed", 1),
    errors.KeyUnknownError: (401, "key-unknown", 1),
    errors.QuestionError: (422, "question-invalid", 1),
    errors.NotFoundError: (404, "not-found", 1),
    errors.CursorError: (422, "cursor-invalid", 1),
    errors.TooLargeError: (413, "body-too-large", 1),
    errors.OverloadedError: (503, "overloaded", 1),
    errors.DeadlineError: (503, "deadline-exceeded", 1),
    errors.NotReadyError: (503, "not-ready", 1),
}


def test_every_error_is_stable() -> None:
    """Every error of the tree has the status, the code and the exit status that it is known by."""
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, QaError)]
    assert {c: (c.status, c.code, c.exit_status) for c in classes} == _TREE


def test_codes_are_apart() -> None:
    """No two errors share a code."""
    codes = [code for _, code, _ in _TREE.values()]
    assert len(set(codes)) == len(codes)


def test_statuses_are_errors() -> None:
    """Every status is an error's."""
    assert [status for status, _, _ in _TREE.values() if not 400 <= status < 600] == []


@pytest.mark.parametrize(("line", "where"), [(None, "faq.md"), (7, "faq.md, line 7")])
def test_faq_error_names_file_and_line(line: int | None, where: str) -> None:
    """An error in a FAQ says where it is, in its message and in its fields."""
    error = FaqError("the question is empty", "faq.md", line)
    assert (str(error), error.document, error.line) == (f"{where}: the question is empty", "faq.md", line)


def test_artifact_error_names_its_file() -> None:
    """An error of an index names the file to look at."""
    error = ArtifactError("can't be read", "v-1/vectors.npy")
    assert (str(error), error.file) == ("v-1/vectors.npy: can't be read", "v-1/vectors.npy")


@pytest.mark.parametrize("kind", [k for k in _TREE if k not in (FaqError, ArtifactError)])
def test_rendering(kind: type[QaError]) -> None:
    """Every error is rendered by its status and code; what is the service's own fault keeps its message to itself."""
    status, code, _ = _TREE[kind]
    title = HTTPStatus(status).phrase
    rendered = problem(kind("the sentence"))
    assert rendered.model_dump(exclude_none=True) == {
        "type": f"urn:qa-service:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": "the sentence" if status in (401, 404, 413, 422, 503) else title,
    }


@pytest.mark.parametrize(("status", "expected"), [(503, "1"), (500, None), (404, None)])
def test_when_to_come_back(status: int, expected: str | None) -> None:
    """Only what passes by itself says when to come back."""
    assert respond(describe(status, "code", "detail")).headers.get("retry-after") == expected


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "bad-request"), (404, "not-found"), (405, "method-not-allowed"), (415, "media-type"), (418, "http-418")],
)
def test_errors_of_the_framework(status: int, code: str) -> None:
    """An error that the framework raises has a stable code as well, is ASCII, and keeps its headers."""
    response = for_status(status, "caf\u00e9", {"Allow": "POST"})
    body = bytes(response.body)
    assert (response.status_code, response.media_type) == (status, "application/problem+json")
    assert f'"code": "{code}"'.encode() in body
    assert b'"detail": "caf\\u00e9"' in body
    assert response.headers["allow"] == "POST"
