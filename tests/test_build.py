from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.build import BuildRequest, build
from qa_service.confidence import PRIOR, PRIOR_LABELLED
from qa_service.domain import Floats, Query
from qa_service.errors import FaqError
from qa_service.export import Export
from qa_service.retriever import Retriever
from tests import fakes


def built(folder: Path, export: Export, labels: list[dict[str, object]] | None = None) -> tuple[str, str]:
    path = None
    if labels is not None:
        path = folder / "labels.jsonl"
        path.write_text("".join(json.dumps(x) + "\n" for x in labels))
    report = build(BuildRequest([fakes.write_faq(folder)], folder / "index", path), lambda _model: export)
    return report.fidelity.precision, report.fidelity.reason


def test_a_faithful_int8_encoder_is_used(tmp_path: Path) -> None:
    """Where int8 gives the reference's vectors it is kept, and the report says so."""
    precision, reason = built(tmp_path, fakes.exporter())
    assert precision == "int8"
    assert "int8 is faithful: cosine at least 1.0000" in reason


def test_an_unfaithful_int8_encoder_gives_way_to_fp32(tmp_path: Path) -> None:
    """Where a text's cosine falls below 0.98 the index is embedded in fp32, and the report says why."""
    precision, reason = built(tmp_path, fakes.exporter(int8_distortion=0.5))
    assert precision == "fp32"
    assert reason.startswith("int8 falls to a cosine of 0.")
    snapshot = read(tmp_path / "index" / publish.current(tmp_path / "index"))
    assert snapshot.manifest.model.precision == "fp32"
    assert np.allclose(
        fakes.vectors(["What is alpha?"]), snapshot.encoder.encode_queries(["What is alpha?"]), atol=1e-6
    )


def test_an_int8_encoder_that_moves_a_labelled_question_gives_way(tmp_path: Path) -> None:
    """Cosines may hold and a labelled question still find another entry; then fp32 serves."""
    exact = fakes.exporter()

    def shifted(texts: Sequence[str]) -> Floats:
        """A reference that takes one labelled question for another entry than the encoder does."""
        return fakes.vectors(["beta" if text == "alpha alpha" else text for text in texts])

    export = Export(exact.card, shifted, exact.reference_documents, exact.write)
    precision, reason = built(tmp_path, export, [{"text": "alpha alpha", "entry_id": "alpha"}])
    assert (precision, reason) == ("fp32", "int8 finds another entry for 1 of 1 labelled questions")


def test_an_error_in_a_source_writes_nothing(tmp_path: Path) -> None:
    """A FAQ that can't be used leaves no index folder behind, and an index that was there as it was."""
    source = tmp_path / "faq.jsonl"
    source.write_text('{"question": "What?", "answer": " "}\n')
    with pytest.raises(FaqError, match="line 1: the answer is empty"):
        build(BuildRequest([source], tmp_path / "index"), lambda _model: fakes.exporter())
    assert not (tmp_path / "index").exists()


def test_labels_of_unknown_entries_are_refused(tmp_path: Path) -> None:
    """A label that names no entry is an error with its line, before anything is embedded."""
    with pytest.raises(FaqError, match="line 1: there is no entry 'omega'"):
        built(tmp_path, fakes.exporter(), [{"text": "omega", "entry_id": "omega"}])
    assert not (tmp_path / "index").exists()


def test_progress_reaches_the_end_of_every_step(tmp_path: Path) -> None:
    """Each step is reported from its beginning to its total."""
    steps: dict[str, tuple[int, int]] = {}
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"text": "alpha", "entry_id": "alpha"}\n{"text": "who", "entry_id": null}\n')
    request = BuildRequest([fakes.write_faq(tmp_path)], tmp_path / "index", labels)
    build(request, lambda _model: fakes.exporter(), lambda step, done, total: steps.update({step: (done, total)}))
    assert {
        "loading the model": (1, 1),
        "embedding answers (int8)": (3, 3),
        "embedding questions (int8)": (3, 3),
        "embedding labels (int8)": (2, 2),
    } == steps


def test_labelled_questions_are_learned(tmp_path: Path) -> None:
    """The published version answers a labelled question by the entry it was labelled with, whatever its words."""
    labels = tmp_path / "labels.jsonl"
    lines = [{"text": "five six", "entry_id": "beta"}, {"text": "seven eight", "entry_id": None}]
    labels.write_text("".join(json.dumps(x) + "\n" for x in lines))
    report = fakes.build_index(tmp_path, labels=labels)
    root = tmp_path / "index"
    snapshot = read(root / publish.current(root))
    assert snapshot.learned == (0, 1, 0)
    assert np.allclose(fakes.vectors(["seven eight"]), snapshot.unanswerable, atol=1e-6)
    found = Retriever(snapshot).examine(Query("five six"))
    assert snapshot.entries[int(found.places[0])].id == "beta"
    assert found.signals.wording[0] == pytest.approx(1.0, abs=1e-6)
    assert (report.entries, report.rows) == (3, 3 + 3 + 1)
    assert report.calibration == snapshot.calibration
    assert report.calibration.figures["labelled_questions"] == 2.0
    assert report.calibration.logistic != PRIOR_LABELLED


def test_without_labels_the_published_coefficients_serve(tmp_path: Path) -> None:
    """An index without labelled questions has the coefficients of public sets, and no figures of its own."""
    calibration = fakes.build_index(tmp_path).calibration
    assert (calibration.logistic, dict(calibration.figures)) == (PRIOR, {})
    assert (calibration.curve, calibration.answerable, calibration.unanswerable) == ((), 0, 0)


def test_every_entry_has_its_answer_as_html(tmp_path: Path) -> None:
    """The build keeps each answer as HTML beside the answer, relative links completed by the entry's own address."""
    page = "# Colours\n\n## What is alpha?\n<!-- faq\nurl: https://example.gov/a/b\n-->\n\n[Red](../c) <one>.\n"
    page += "\n## What is beta?\n\n[Green](../c)\n- two\n"
    (tmp_path / "faq.md").write_text(page)
    build(BuildRequest([tmp_path / "faq.md"], tmp_path / "index"), lambda _model: fakes.exporter())
    entries = read(tmp_path / "index" / publish.current(tmp_path / "index")).entries
    assert [(e.answer, e.answer_html, e.source.title) for e in entries] == [
        ("[Red](../c) <one>.", '<p><a href="https://example.gov/c">Red</a> &lt;one&gt;.</p>', "Colours"),
        ("[Green](../c)\n- two", "<p>Green</p>\n<ul>\n<li>two</li>\n</ul>", "Colours"),
    ]


def test_the_same_content_is_the_same_version(tmp_path: Path) -> None:
    """Calibration and learning add nothing that differs from build to build."""
    labels = tmp_path / "labels.jsonl"
    lines = [
        {"text": f"{word} two", "entry_id": i}
        for word, i in zip(fakes.WORDS[:24], ["alpha", None, "beta"] * 8, strict=True)
    ]
    labels.write_text("".join(json.dumps(x) + "\n" for x in lines))
    first, second = (fakes.build_index(tmp_path, labels=labels) for _ in range(2))
    assert (first.version, True, False) == (second.version, first.created, second.created)
