"""The Dockerfile's steps, run outside an engine: what the second stage copies must serve by itself, without torch."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.widget import SCRIPT


def instructions(root: Path) -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", "", (root / "Dockerfile").read_text("utf-8"))
    return [(found[1], found[2]) for line in text.splitlines() if (found := re.match(r"([A-Z]+) (.*)", line))]


def test_the_last_stage_is_small_and_has_no_rights(root: Path) -> None:
    """Two stages; the last copies the serving environment and the index, runs as a user, and has a health check."""
    steps = instructions(root)
    last = steps[max(i for i, (name, _) in enumerate(steps) if name == "FROM") :]
    assert [name for name, _ in steps].count("FROM") == 2
    assert ["--from=build /opt/serve /opt/serve", "--from=build /opt/index /opt/index"] == [
        value for name, value in last if name == "COPY"
    ]
    assert ("USER", "10001:10001") in last
    assert any(name == "HEALTHCHECK" for name, _ in last)
    assert not any(name == "RUN" for name, _ in last)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the place of `/opt`, made by the RUN steps; the building environment is the one that runs the tests."""
    root = Path(__file__).parent.parent
    opt, app = tmp_path_factory.mktemp("opt"), tmp_path_factory.mktemp("app")
    steps = instructions(root)
    for name, value in steps:
        if name == "COPY" and not value.startswith("--from"):
            *sources, target = value.split()
            for source in sources:
                place = app / target / source if target == "./" else app / target
                copy = shutil.copytree if (root / source).is_dir() else shutil.copy
                copy(root / source, place)
    (opt / "build").symlink_to(Path(sys.prefix), target_is_directory=True)
    environment = {**os.environ, "PIP_ARGS": os.environ.get("PIP_ARGS", ""), "PYTHONPATH": ""}
    for name, value in steps:
        if name == "RUN":
            if "/opt/build/bin/pip" in value:
                continue  # it would install what the symbolic link holds already
            command = re.sub(
                r"(?<![\w/])python -m venv", f"{sys.executable} -m venv", value.replace("/opt/", f"{opt}/")
            )
            subprocess.run(command, shell=True, cwd=app, env=environment, check=True, capture_output=True)  # noqa: S602
    return opt


def test_the_serving_environment_has_no_torch(image: Path) -> None:
    """What the second stage copies can't import torch, and can answer."""
    done = subprocess.run([str(image / "serve/bin/python"), "-c", "import torch"], capture_output=True, check=False)
    assert done.returncode == 1
    command = [str(image / "serve/bin/qa"), "ask", "ftz and ctpat together?", "--index", str(image / "index")]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert json.loads(asked.stdout)["answers"][0]["id"].startswith("are-there-any-considerations")


def test_the_command_serves_and_the_health_check_sees_it(image: Path, root: Path) -> None:
    """The image's CMD comes up on a folder it can't write to, and its HEALTHCHECK tells up from down."""
    steps = dict(instructions(root))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    check = json.loads(
        steps["HEALTHCHECK"].partition("CMD ")[2].replace("/opt/", f"{image}/").replace(":8000", f":{port}")
    )
    serve = [part.replace("0.0.0.0", "127.0.0.1") for part in json.loads(steps["CMD"].replace("/opt/", f"{image}/"))]  # noqa: S104
    assert subprocess.run(check, capture_output=True, check=False).returncode != 0
    for path in (image / "index", *(image / "index").iterdir()):
        path.chmod(0o555)
    environment = {"QA_INDEX_DIR": str(image / "index"), "QA_PORT": port, "PATH": "/usr/bin:/bin"}
    server = subprocess.Popen(serve, env=environment, cwd="/", stderr=subprocess.DEVNULL)
    pages = []
    try:
        up = False
        for _ in range(60):
            up = subprocess.run(check, capture_output=True, check=False).returncode == 0
            if up:
                break
            time.sleep(0.2)
        for page in ("/", "/widget/", "/widget/faq-ask.js"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}") as response:
                pages.append(response.read())
    finally:
        server.terminate()
        server.wait(15)
    assert up
    assert [b"<faq-ask" in pages[0], b"integrity=" in pages[1], pages[2] == SCRIPT] == [True] * 3
