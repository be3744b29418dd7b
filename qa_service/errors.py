"""The error tree. Each error knows its HTTP status, its stable code and its exit status; one place renders them.

A message names the thing, the value that was got and the remedy. It never contains the text of a question.
"""

from __future__ import annotations


class QaError(Exception):
    """Anything that this service refuses to do, with a sentence for the person who asked for it."""

    status = 500
    code = "internal"
    exit_status = 1


class FaqError(QaError):
    """A source file of the FAQ, or a file of labelled questions, can't be used as it is."""

    code = "faq-invalid"

    def __init__(self, message: str, document: str, line: int | None = None) -> None:
        where = document if line is None else f"{document}, line {line}"
        super().__init__(f"{where}: {message}")
        self.document = document
        self.line = line


class ModelError(QaError):
    """The embedding model is missing, is not the one that was asked for, or can't be exported."""

    code = "model-invalid"


class MissingExtraError(QaError):
    """A package that this command needs is not installed; the message names the extra that brings it."""

    code = "extra-missing"


class ArtifactError(QaError):
    """A file of an index version does not verify, or no version can be found. `file` is the one to look at."""

    code = "index-invalid"
    status = 503

    def __init__(self, message: str, file: str) -> None:
        super().__init__(f"{file}: {message}")
        self.file = file


class LockedError(QaError):
    """Another build holds the lock of this index folder."""

    code = "index-locked"
    exit_status = 75  # EX_TEMPFAIL of sysexits.h: try again later


class KeyNeededError(QaError):
    """A request without a key, where one is needed."""

    status = 401
    code = "key-needed"


class KeyUnknownError(QaError):
    """A key that is not one of this service's, or that can't be read; the message never has it."""

    status = 401
    code = "key-unknown"


class QuestionError(QaError):
    """A question that can't be asked: empty, too long, or not text."""

    status = 422
    code = "question-invalid"


class NotFoundError(QaError):
    """Nothing of that name is published, or it is outside its effective window."""

    status = 404
    code = "not-found"


class CursorError(QaError):
    """A page cursor that this index did not give out."""

    status = 422
    code = "cursor-invalid"


class TooLargeError(QaError):
    """A request body over its limit; refused before it is parsed."""

    status = 413
    code = "body-too-large"


class OverloadedError(QaError):
    """The waiting line is full. The client is told when to come back."""

    status = 503
    code = "overloaded"


class DeadlineError(QaError):
    """The question waited longer than its deadline and was dropped before it was computed."""

    status = 503
    code = "deadline-exceeded"


class NotReadyError(QaError):
    """No index version has been verified and warmed yet."""

    status = 503
    code = "not-ready"
