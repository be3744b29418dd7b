"""50,000 requests to a real server process while the index is published anew 50 times."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests import fakes

REQUESTS = 50_000
PUBLICATIONS = 50
CLIENTS = 4
PORT = 8127
_BODY = json.dumps({"question": "what is beta"}).encode()
_HEADERS = {"Content-Type": "application/json"}


@dataclass
class Count:
    """What the clients saw; the lock is theirs."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    statuses: Counter[int] = field(default_factory=Counter)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: int = 0


def faq(mark: int) -> list[dict[str, object]]:
    """The fake FAQ with a mark in every answer, so that an answer tells which version it is from."""
    return [{**entry, "answer": f"{entry['answer']} edition{mark}"} for entry in fakes.FAQ]


def client(count: Count, share: int) -> None:
    """Ask the same question over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    for _ in range(share):
        connection.request("POST", "/v1/ask", _BODY, _HEADERS)
        reply = connection.getresponse()
        body = json.loads(reply.read())
        with count.lock:
            count.done += 1
            count.statuses[reply.status] += 1
            if reply.status == http.HTTPStatus.OK:
                marks = {answer["answer"].rpartition(" ")[2] for answer in body["answers"]}
                count.answers[body["index_version"], ",".join(sorted(marks))] += 1
    connection.close()


def start(root: Path) -> subprocess.Popen[bytes]:
    """A server on the index, ready."""
    environment = {**os.environ, "QA_LOG_LEVEL": "error", "QA_POLL_SECONDS": "0.2"}
    command = [str(Path(sys.executable).with_name("qa")), "serve", "--port", str(PORT), "--index", str(root)]
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    for _ in range(200):
        time.sleep(0.05)
        try:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return server
        except OSError:
            continue
    server.kill()
    raise RuntimeError("the server did not become ready")


def run() -> tuple[list[str], bool]:
    """The lines of the report, and whether nothing failed and nothing was mixed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        marks = {fakes.build_index(folder, faq(0)).version: "edition0"}
        server = start(folder / "index")
        count = Count()
        threads = [threading.Thread(target=client, args=(count, REQUESTS // CLIENTS)) for _ in range(CLIENTS)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for mark in range(1, PUBLICATIONS + 1):
            while count.done < mark * REQUESTS // (PUBLICATIONS + 1) and any(t.is_alive() for t in threads):
                time.sleep(0.01)
            marks[fakes.build_index(folder, faq(mark)).version] = f"edition{mark}"
            server.send_signal(signal.SIGHUP)
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - begun
        server.terminate()
        server.wait(15)
    mixed = sum(n for (version, seen), n in count.answers.items() if marks.get(version) != seen)
    failed = count.done - count.statuses[http.HTTPStatus.OK]
    served = len({version for version, _ in count.answers})
    line = (
        f"{count.done} requests in {seconds:.0f} s by {CLIENTS} clients while {PUBLICATIONS} versions were published: "
        f"{failed} failed, {mixed} mixed versions; {served} versions were seen in answers."
    )
    print(line, flush=True)
    return [line], not failed and not mixed and count.done == REQUESTS
