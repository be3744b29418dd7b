"""The whole service with the real model, as its users meet it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from qa_service.build import BuildReport

QUESTION = "If our profile extension is granted, are we still certified?"
BIN = Path(sys.executable).parent


class Server:
    """`qa serve` in a process of its own."""

    def __init__(self, index: Path, folder: Path, *options: str) -> None:
        environment = {**os.environ, "QA_POLL_SECONDS": "0.2"}
        command = [str(BIN / "qa"), "serve", "--port", "0", "--index", str(index), *options]
        self.log = (folder / "server.log").open("w+b")
        self.process = subprocess.Popen(command, env=environment, stderr=self.log)
        self.port = self._find_port()

    def _find_port(self) -> int:
        for _ in range(400):
            assert self.process.poll() is None, "the server ended"
            for connection in psutil.Process(self.process.pid).net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    return int(connection.laddr.port)
            time.sleep(0.05)
        raise AssertionError("the server never listened")

    def request(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply.status, content

    def wait_workers(self, count: int) -> None:
        """Wait until so many processes have an index; one may be ready long before another even listens."""
        self.wait_ready()
        loaded, until = f'qa_index_loads_total{{result="ok"}} {count}.0'.encode(), time.monotonic() + 60
        while loaded not in self.request("GET", "/metrics")[1]:
            assert time.monotonic() < until
            time.sleep(0.05)

    def wait_ready(self) -> None:
        for _ in range(400):
            if self.request("GET", "/readyz")[0] == 200:
                return
            time.sleep(0.05)
        raise AssertionError("the server never became ready")

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(15)
        self.log.close()
        return code


@pytest.fixture(scope="module")
def server(seed_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(seed_index, tmp_path_factory.mktemp("server"))
    running.wait_ready()
    yield running
    running.stop()


def answers(body: bytes) -> Any:
    return json.loads(body)["answers"]


def test_the_official_answer_comes_back_byte_for_byte(server: Server, root: Path) -> None:
    """The README's question gets the answer as published, with the proof of where it stands."""
    status, body = server.request("POST", "/v1/ask", {"question": QUESTION})
    best = answers(body)[0]
    published = (root / "data" / "ctpat_top_faqs.md").read_bytes()
    assert (200, "answered") == (status, json.loads(body)["outcome"])
    assert published[best["source"]["start"] : best["source"]["end"]] == best["answer"].encode()
    assert best["answer"].startswith("Yes, contact your Supply Chain Security Specialist (SCSS)")


def test_every_official_question_finds_its_own_answer(server: Server) -> None:
    """Asked as it is published, each of the ten questions is answered by its entry."""
    entries = json.loads(server.request("GET", "/v1/entries")[1])["entries"]
    asked = {"questions": [entry["question"] for entry in entries]}
    results = json.loads(server.request("POST", "/v1/ask/batch", asked)[1])["results"]
    assert [entry["id"] for entry in entries] == [result["answers"][0]["id"] for result in results]
    assert len(entries) == 10


def test_http_batch_and_command_line_agree(server: Server, seed_index: Path) -> None:
    """The three ways to ask give the same bytes of answers and related entries, and so does asking twice."""
    questions = [QUESTION, "ftz ctpat", "how do i bake sourdough bread", "what equipment for a virtual validation"]
    single = [json.loads(server.request("POST", "/v1/ask", {"question": q})[1]) for q in questions]
    again = [json.loads(server.request("POST", "/v1/ask", {"question": q})[1]) for q in questions]
    batch = json.loads(server.request("POST", "/v1/ask/batch", {"questions": questions})[1])["results"]
    command = [str(BIN / "qa"), "ask", "--index", str(seed_index), *questions]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    def core(result: Any) -> str:
        return json.dumps({k: result[k] for k in ("outcome", "answers", "related", "index_version")})

    expected = [core(result) for result in single]
    assert expected == [core(result) for result in again]
    assert expected == [core(result) for result in batch]
    assert expected == [core(json.loads(line)) for line in printed]


def test_serving_imports_no_torch() -> None:
    """Neither torch nor sentence-transformers is loaded by the service, whatever is installed."""
    code = (
        "import qa_service.api.app, sys; "
        "assert not {'torch', 'sentence_transformers', 'transformers', 'onnx'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0


def test_the_log_of_the_service_holds_no_question(server: Server) -> None:
    """What was asked is in no log line; that something was asked is."""
    canary = "zebra crossing pineapple"
    server.request("POST", "/v1/ask", {"question": canary})
    server.request("GET", "/zebra/pineapple?zebra=pineapple")
    log = Path(server.log.name).read_text()
    assert '"route": "/v1/ask"' in log
    assert "zebra" not in log
    assert "pineapple" not in log


def test_sigterm_ends_the_service(seed_index: Path, tmp_path: Path) -> None:
    """The server goes down by itself when it is told to, within the time that a supervisor grants."""
    running = Server(seed_index, tmp_path)
    running.wait_ready()
    assert running.stop() in (0, -15)


def test_the_build_of_the_seed(seed_build: tuple[Path, BuildReport]) -> None:
    """Ten entries, embedded by a faithful int8 encoder, with the ornament noted."""
    _, report = seed_build
    assert (10, "int8") == (report.entries, report.fidelity.precision)
    assert report.fidelity.least_cosine >= 0.98
    assert any("page ornament" in note for note in report.notes)


def test_two_workers_serve_as_one(seed_index: Path, tmp_path: Path) -> None:
    """Both processes answer alike, their figures are counted together, and most of the index is in shared pages."""
    running = Server(seed_index, tmp_path, "--workers", "2")
    running.wait_workers(2)
    replies = [running.request("POST", "/v1/ask", {"question": QUESTION}) for _ in range(40)]
    workers = [
        p for p in psutil.Process(running.process.pid).children(recursive=True) if p.memory_info().rss > 100 << 20
    ]
    counted = [
        float(line.split()[-1])
        for _ in range(10)  # whichever worker tells
        for line in running.request("GET", "/metrics")[1].decode().splitlines()
        if line.startswith('qa_questions_total{outcome="answered"}')
    ]
    mapped = {m.path: m.pss / max(m.rss, 1) for p in workers for m in p.memory_maps() if m.path.endswith("encoder.bin")}
    status = running.stop()
    assert [s for s, _ in replies] == [200] * 40
    assert len({json.dumps(answers(body)) for _, body in replies}) == 1
    assert len(workers) == 2
    assert counted == [40.0] * 10
    assert all(share <= 0.6 for share in mapped.values())
    assert len(mapped) == 1
    assert status == 0
