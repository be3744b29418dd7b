"""The one direction of imports, and one room for each heavy package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "qa_service"
# A module may import from floors below its own, and, inside one package, from a floor below its own there.
FLOORS = {
    "qa_service": 0,
    "domain": 0,
    "language": 0.5,
    "errors": 0,
    "text": 0,
    "observe": 0,
    "config": 1,
    "vectors.base": 1,
    "loaders.base": 1,
    "loaders.blocks": 1,
    "questions": 1,
    "labels": 1.1,
    "elements": 1,
    "migrations": 1,
    "markup": 2,
    "loaders.csv": 2,
    "loaders.json": 2,
    "loaders.markdown": 2,
    "vectors.faiss": 2,
    "vectors.numpy": 2,
    "tokens": 2,
    "loaders": 3,
    "vectors": 3,
    "encoder": 3,
    "lexical": 3,
    "confidence": 3,
    "artifact": 4,
    "artifact.manifest": 4.1,
    "artifact.publish": 4.2,
    "artifact.read": 4.2,
    "explain": 4.5,
    "signals": 4.5,
    "cache": 4.5,
    "mail": 1,
    "mail.base": 1,
    "mail.account": 2,
    "mail.charset": 2,
    "mail.html": 2,
    "mail.plain": 2,
    "mail.sources": 2,
    "mail.signature": 2,
    "mail.lean": 2,
    "mail.polite": 2,
    "mail.phrases": 2.1,
    "mail.sentences": 2.2,
    "mail.split": 2.3,
    "mail.quotes": 2.1,
    "mail.trim": 2.2,
    "mail.headers": 2.1,
    "mail.parts": 2.2,
    "mail.body": 2.3,
    "mail.mime": 2.4,
    "mail.outlook": 2.5,
    "mail.automatic": 2.5,
    "mail.imap": 2.1,
    "mail.mailbox": 2.2,
    "mail.follow": 2.3,
    "mail.reader": 3,
    "mail.child": 3.1,
    "mail.worker": 3.2,
    "mail.pool": 3.3,
    "batch": 3,
    "batch.schema": 2,
    "batch.ledger": 3,
    "feedback": 3,
    "feedback.base": 3,
    "feedback.schema": 3,
    "feedback.queries": 3.1,
    "feedback.tally": 3.1,
    "feedback.database": 3.1,
    "feedback.store": 3.2,
    "retriever": 5,
    "mail.draft": 5,
    "mail.match": 5.5,
    "evaluate": 6,
    "bootstrap": 6,
    "plots": 6,
    "curves": 6.1,
    "mistakes": 6.1,
    "evaluation": 6.2,
    "pictures": 6.3,
    "report": 6.4,
    "embeddings": 5.9,
    "assemble": 6,
    "graphs": 5.9,
    "products": 5.95,
    "bert": 6,
    "export": 6.1,
    "fidelity": 6.5,
    "calibrate": 6.5,
    "gate": 6,
    "lint": 6.8,
    "lint.material": 6.6,
    "lint.dates": 6.7,
    "lint.references": 6.7,
    "lint.rivals": 6.7,
    "lint.texts": 6.7,
    "build": 7,
    "doctor": 7,
    "api": 7,
    "api.schemas": 7,
    "api.convert": 7.1,
    "api.engine": 7,
    "api.live": 7,
    "api.guard": 7,
    "api.problems": 7.1,
    "api.journal": 7.1,
    "api.replies": 7.2,
    "api.requests": 7.2,
    "api.openapi": 7.3,
    "api.mailing": 7.2,
    "api.mail": 7.3,
    "batch.settle": 7.5,
    "batch.pipeline": 7.6,
    "batch.run": 7.7,
    "batch.desk": 7.8,
    "exports": 7.3,
    "exports.dates": 7.3,
    "exports.cells": 7.3,
    "exports.card": 7.4,
    "exports.table": 7.4,
    "exports.drafts": 7.4,
    "exports.linkage": 7.3,
    "exports.groups": 7.4,
    "exports.page": 7.5,
    "api.guard.body": 7.2,
    "api.guard.trace": 7.2,
    "api.guard.direct": 7.3,
    "api.guard.cors": 7.2,
    "api.guard.head": 7.2,
    "api.guard.keys": 7.2,
    "web": 1,
    "web.assets": 1.1,
    "web.words": 1,
    "web.linked_data": 1.1,
    "web.templates": 1.1,
    "web.outline": 1.1,
    "web.faq": 1.2,
    "web.showcase": 1.2,
    "api.assets": 7.3,
    "api.catalogue": 7.2,
    "api.pages": 7.4,
    "api.ask": 7.4,
    "api.entries": 7.3,
    "api.feedback": 7.3,
    "api.probes": 7.3,
    "web.admin": 7.7,
    "web.admin_curve": 7.6,
    "web.admin_unanswered": 7.6,
    "web.admin_volume": 7.6,
    "web.admin_votes": 7.6,
    "api.admin": 7.8,
    "api.app": 8,
    "cli": 9.3,
    "cli.common": 9,
    "cli.ask": 9.1,
    "cli.build": 9.1,
    "cli.evaluate": 9.1,
    "cli.gate": 9.1,
    "cli.lint": 9.1,
    "cli.mail": 9.15,
    "cli.mail_output": 9.1,
    "cli.serve": 9.1,
    "cli.upkeep": 9.1,
}
ROOMS = {
    "torch": {"bert", "export"},
    "sentence_transformers": {"bert", "export"},
    "onnx": {"bert", "export", "graphs"},
    "onnxruntime": {"encoder", "export"},
    "tokenizers": {"encoder", "tokens"},
    "cachetools": {"cache"},
    "faiss": {"vectors.faiss"},
    "jinja2": {"web.templates"},
    "markdown_it": {"loaders.blocks", "markup"},
    "nh3": {"markup"},
    "fastapi": {
        "api.admin",
        "api.app",
        "api.ask",
        "api.assets",
        "api.entries",
        "api.feedback",
        "api.mail",
        "api.openapi",
        "api.pages",
        "api.probes",
        "api.replies",
        "api.requests",
    },
    "uvicorn": {"cli"},
    "typer": {"cli"},
    "rich": {"cli"},
    "prometheus_client": {"observe"},
    "charset_normalizer": {"mail.charset"},
    "inscriptis": {"mail.html"},
    "selectolax": {"mail.html"},
    "syntok": {"mail.sentences"},
    "oxmsg": {"mail.outlook"},
    "imap_tools": {"mail.imap"},
    "xlsxwriter": {"exports.table"},
    "pydantic_settings": {"config"},
}
PYDANTIC = re.compile(r"config|(?:api|cli)\..*")


def modules(root: Path) -> dict[str, Path]:
    found = {}
    for path in (root / PACKAGE).rglob("*.py"):
        parts = path.relative_to(root / PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name or PACKAGE] = path
    return found


def imports(path: Path, known: set[str]) -> Iterator[str]:
    """The modules that a file imports, inside functions too; `TYPE_CHECKING` blocks count as well."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner.removeprefix(f"{PACKAGE}.") in known else node.module


def test_every_module_has_a_floor(root: Path) -> None:
    """A new module must be given its place here and in ARCHITECTURE.md."""
    assert set(FLOORS) == set(modules(root))


def test_imports_go_down(root: Path) -> None:
    """No module imports from its own floor or from one above."""
    held = modules(root)
    upward = [
        (name, target)
        for name, path in held.items()
        for target in imports(path, set(held))
        if target.split(".")[0] == PACKAGE
        and (place := target.removeprefix(f"{PACKAGE}.")) != name
        and FLOORS[place] >= FLOORS[name]
    ]
    assert [] == upward


@pytest.mark.parametrize("heavy", ROOMS)
def test_a_heavy_package_has_its_rooms(root: Path, heavy: str) -> None:
    """Each heavy package is imported where it belongs, and nowhere else."""
    held = modules(root)
    users = {
        "cli" if name.startswith("cli.") else name
        for name, path in held.items()
        if heavy in {t.split(".")[0] for t in imports(path, set(held))}
    }
    assert ROOMS[heavy] == users


def test_pydantic_stays_at_the_edge(root: Path) -> None:
    """The nouns are dataclasses; pydantic is for settings, requests and responses."""
    held = modules(root)
    users = {n for n, path in held.items() if "pydantic" in {t.split(".")[0] for t in imports(path, set(held))}}
    assert [] == [name for name in users if not PYDANTIC.fullmatch(name)]


def test_no_pickle_and_no_code_from_data(root: Path) -> None:
    """Nothing unpickles, evaluates or executes; arrays are read with allow_pickle=False and models without remote code."""
    banned = {"pickle", "marshal", "shelve", "dill", "joblib"}
    for name, path in modules(root).items():
        tree = ast.parse(path.read_text("utf-8"))
        assert not banned & {t.split(".")[0] for t in imports(path, set())}, name
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id in ("eval", "exec")], name
        for call in calls:
            if (
                isinstance(call.func, ast.Attribute)
                and call.func.attr == "load"
                and ast.unparse(call.func.value) == "np"
            ):
                flags = {k.arg: ast.unparse(k.value) for k in call.keywords}
                assert flags.get("allow_pickle") == "False", name
