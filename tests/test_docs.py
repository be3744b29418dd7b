"""What the documents say is held against what the project does."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from qa_service import __version__
from qa_service.api.app import create_app
from qa_service.config import Settings
from tests.test_architecture import FLOORS

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fences(root: Path, language: str) -> list[str]:
    return [body for name, body in FENCE.findall((root / "README.md").read_text("utf-8")) if name == language]


def commands(root: Path, program: str) -> list[list[str]]:
    """Each line of README's shell blocks that begins with a program, split as a shell does."""
    lines = "".join(fences(root, "sh")).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.split(maxsplit=1)[:1] == [program]]


def test_readme_lists_every_setting(root: Path) -> None:
    """README's table names each setting with its default and its sentence."""
    rows = re.findall(r"^\| `(QA_\w+)` \| (.*?) \| (.*?) \|$", (root / "README.md").read_text("utf-8"), re.MULTILINE)
    expected = [
        (f"QA_{name.upper()}", f"`{field.default}`" if str(field.default) else "empty", field.description)
        for name, field in Settings.model_fields.items()
    ]
    assert expected == rows


def test_readmes_curl_line_gives_readmes_answer(root: Path, seed_index: Path) -> None:
    """The request of README's first example gets what README shows, field by field."""
    command = next(c for c in commands(root, "curl"))
    body = json.loads(command[command.index("-d") + 1])
    shown = json.loads(fences(root, "json")[0])
    with TestClient(create_app(Settings(index_dir=seed_index, poll_seconds=0.05))) as client:
        while client.get("/readyz").status_code != 200:
            pass
        got = client.post("/v1/ask", json=body).json()

    def subset(small: Any, large: Any) -> bool:
        if isinstance(small, dict):
            return all(k in large and subset(v, large[k]) for k, v in small.items())
        if isinstance(small, list):
            return len(small) == len(large) and all(map(subset, small, large))
        return bool(small == large)

    assert subset(shown, got), got


def test_readmes_make_targets_exist(root: Path) -> None:
    """`make -n` knows each target that README, CONTRIBUTING and the changelog name."""
    text = "".join((root / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))
    targets = sorted(set(re.findall(r"(?:^|`)make (\w+)", text, re.MULTILINE)))
    assert {"serve", "test", "faults"} <= set(targets)
    for target in targets:
        done = subprocess.run(["make", "-n", target], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (target, done.stderr)


def test_readmes_qa_commands_run(root: Path, seed_index: Path, tmp_path: Path) -> None:
    """Each `qa` line of README is a command that does what it says (builds and rollbacks are run with their help)."""
    qa = str(Path(sys.executable).with_name("qa"))
    seen = set()
    shutil.copytree(root / "tests" / "data" / "mails", tmp_path / "inbox")
    environment = os.environ | {"QA_DESK_ADDRESS": "Help desk <help@agency.example>"}
    for _, command, *arguments in commands(root, "qa"):
        seen.add(command)
        heavy = command in ("build", "rollback")
        line = [qa, command, *(["--help"] if heavy else [*arguments, "--index", str(seed_index)])]
        done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert {"ask", "entries", "doctor", "build", "rollback", "mail"} == seen
    assert (tmp_path / "report.html").is_file()
    assert list((tmp_path / "drafts").glob("*.eml"))


def test_readmes_markdown_example_loads(root: Path, tmp_path: Path) -> None:
    """The example of a Markdown entry is read as README says."""
    from qa_service import loaders  # noqa: PLC0415 (the one use)

    example = re.search(r"```markdown\n(.*?)```", (root / "README.md").read_text("utf-8"), re.DOTALL)
    assert example
    path = tmp_path / "faq.md"
    path.write_text(re.sub(r"^  ", "", example[1], flags=re.MULTILINE), "utf-8")
    entry = loaders.load([path])[0].entries[0]
    assert (entry.id, entry.tags) == ("validation-length", ("validation",))
    assert entry.alternates == ("duration of a validation", "How many days is the visit?")
    assert entry.answer == "About ten hours of work for most partners."


def test_the_changelog_knows_this_version(root: Path) -> None:
    """The newest release of the changelog is the package's version."""
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert releases[0] == __version__


def test_the_architecture_page_names_every_module(root: Path) -> None:
    """Each module, or its package, stands in the table of floors, on its floor."""
    page = (root / "ARCHITECTURE.md").read_text("utf-8")
    rows = {int(n): names for n, names in re.findall(r"^\| (\d) \| (.*?) \|", page, re.MULTILINE)}
    for module, floor in FLOORS.items():
        if module in ("qa_service", "api", "artifact"):
            continue
        family = module.partition(".")[0]
        name = f"{family}.*" if "." in module and family in ("api", "cli") and module != "api.app" else module
        assert f"`{name}`" in rows[int(floor)], (module, floor)


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_dependencies_are_pinned(root: Path, name: str) -> None:
    """Every dependency has one exact version, and the lock agrees with the project file."""
    pins = dict(re.findall(r"([A-Za-z0-9_.\-]+)==([\w.\-]+)", (root / name).read_text("utf-8")))
    lock = dict(
        re.findall(r"^([A-Za-z0-9_.\-]+)==(\S+)$", (root / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    )
    folded = {re.sub(r"[_.]", "-", k.lower()): v for k, v in lock.items()}
    assert len(pins) > 20
    for package, version in pins.items():
        if package != "setuptools":
            assert folded[re.sub(r"[_.]", "-", package.lower())] == version, package
