"""The speed benchmark runs from end to end and its figures are what they say. How fast anything is, it does not judge."""

from __future__ import annotations

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import onnx
import pytest
from tokenizers import Tokenizer

from benchmarks.speed import contenders, encoder, figures, floor, load, report
from benchmarks.speed.questions import TOKENS, Pool, Supply, of_project
from benchmarks.speed.server import SAMPLE, Server
from qa_service.export import packaged_model

CLIENTS = ("1", "4", "16", "64")
LOAD_FIGURES = ("requests_per_second", "p50_ms", "p90_ms", "p99_ms")
PRINTED = """\
Running 5s test @ http://127.0.0.1:1
  1 threads and 4 connections
Requests/sec:     20.00
{"requests": 100, "duration_us": 5000000, "bytes": 50000, "asked": 104, "exhausted": 0, "connect": 0, "read": 0, \
"write": 0, "status": 0, "timeout": 0, "p50_us": 1500, "p90_us": 2500, "p99_us": 40000}
"""


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    loaded: Tokenizer = Tokenizer.from_file(str(packaged_model() / "tokenizer.json"))
    loaded.no_padding()
    loaded.no_truncation()
    return loaded


@pytest.fixture(scope="module")
def smoke(seed_index: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a smoke run wrote."""
    assert shutil.which("wrk"), "wrk is not installed, and this test needs it; on Debian: apt-get install wrk"
    folder = tmp_path_factory.mktemp("speed") / "output"
    command = [
        sys.executable,
        "benchmarks/speed/run.py",
        "--smoke",
        "--index",
        str(seed_index),
        "--output",
        str(folder),
    ]
    done = subprocess.run(command, cwd=root, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def results(smoke: Path) -> Any:
    return json.loads((smoke / "results.json").read_text("utf-8"))


def assert_quotients(found: Any, ours: list[float], others: list[float]) -> None:
    expected = [mine / other for mine, other in zip(ours, others, strict=True)]
    assert found["pairs"] == pytest.approx(expected)
    assert [min(expected), statistics.median(expected), max(expected)] == pytest.approx(
        [found["minimum"], found["median"], found["maximum"]]
    )
    assert all(math.isfinite(one) and one > 0 for one in expected)


def test_every_load_has_its_figures_and_no_error(results: Any) -> None:
    """Both contenders answered at each number of clients, with percentiles in their order and not one error."""
    assert {contenders.OURS, contenders.AFTERNOON} <= set(results["loads"])
    for held in results["loads"].values():
        assert tuple(held) == CLIENTS
        for rounds in held.values():
            for one in rounds:
                assert all(one[name] > 0 for name in (*LOAD_FIGURES, "requests", "seconds", "asked", "reply_bytes"))
                assert one["p50_ms"] <= one["p90_ms"] <= one["p99_ms"]
                assert one["requests_per_second"] == pytest.approx(one["requests"] / one["seconds"])
                assert set(one["errors"].values()) == {0}


def test_starts_and_memory_are_measured(results: Any) -> None:
    """Each start has its seconds, and PSS and RSS twice; a page counts in PSS at most as often as in RSS."""
    assert set(results["starts"]) == set(results["loads"])
    for held in results["starts"].values():
        assert all(seconds > 0 for seconds in held["start_seconds"])
        for one in held["memory_after_start"] + held["memory_after_load"]:
            assert 0 < one["pss"] <= one["rss"]


def test_ratios_are_the_quotients_of_their_pairs(results: Any) -> None:
    """Every ratio is ours over the other's, round by round."""
    ours = contenders.OURS
    loads, starts = results["loads"], results["starts"]
    assert set(results["ratios"]) == set(loads) - {ours}
    for other, held in results["ratios"].items():
        for figure in LOAD_FIGURES:
            for clients in CLIENTS:
                pair = [[one[figure] for one in loads[name][clients]] for name in (ours, other)]
                assert_quotients(held[figure][clients], *pair)
        assert_quotients(held["start_seconds"], starts[ours]["start_seconds"], starts[other]["start_seconds"])
        for moment in ("memory_after_start", "memory_after_load"):
            pair = [[one["pss"] for one in starts[name][moment]] for name in (ours, other)]
            assert_quotients(held[moment], *pair)


def test_the_encoder_is_measured(results: Any) -> None:
    """Each length against its products, batches against single questions, and a request against the encoder alone."""
    found = results["encoder"]
    assert list(found["lengths"]) == ["8", "16", "25", "32", "64", "128"]
    for held in found["lengths"].values():
        assert_quotients(held["multiple"], held["encoder_ms"], held["floor_ms"])
    batch, overhead = found["batch"], found["overhead"]
    assert_quotients(batch["ratio"], batch["batch_per_second"], batch["single_per_second"])
    differences = [a - b for a, b in zip(overhead["request_ms"], overhead["encoder_ms"], strict=True)]
    assert overhead["overhead_ms"]["pairs"] == pytest.approx(differences)
    assert min(overhead["request_ms"] + overhead["encoder_ms"]) > 0


def test_the_questions_asked_had_25_tokens(results: Any) -> None:
    """On average of all loads, and of those that the overhead comes from."""
    assert results["questions"]["average_tokens"] == pytest.approx(TOKENS, abs=1)
    assert results["questions"]["asked"] >= sum(
        one["requests"] for held in results["loads"].values() for rounds in held.values() for one in rounds
    )
    assert results["encoder"]["overhead"]["average_tokens"] > 0


def test_the_page_tells_every_target(smoke: Path, results: Any) -> None:
    """RESULTS.md names each target with its bound; txtai's is there whether or not txtai is installed."""
    page = (smoke / "RESULTS.md").read_text("utf-8")
    for target in report.TARGETS:
        line = next(line for line in page.splitlines() if line.startswith(f"| {target.what} |"))
        assert target.told_bound in line
        assert "not measured" not in line or target.what.startswith("txtai")
    assert f"{results['about']['cores']} cores, Python {results['about']['python']}" in page


def test_results_hold_no_path_of_the_machine(smoke: Path, root: Path) -> None:
    """Neither where the project lies nor where temporary folders do."""
    for name in ("RESULTS.md", "results.json"):
        text = (smoke / name).read_text("utf-8")
        assert str(root) not in text
        assert "/tmp" not in text  # noqa: S108 (no file is made there)
        assert str(Path.home()) not in text


def test_every_question_is_new(root: Path, tokenizer: Tokenizer) -> None:
    """As many as a long run asks, and more: no two the same, and any stretch has 25 tokens on average, give or take one."""
    pool = of_project(root)
    asked = [pool.question(number) for number in range(300_000)]
    assert len(set(asked)) == len(asked)
    assert pool.size > 40_000_000
    for start in range(0, 250_000, 50_000):
        stretch = asked[start : start + 500]
        tokens = [len(one.ids) for one in tokenizer.encode_batch(stretch)]
        assert statistics.mean(tokens) == pytest.approx(TOKENS, abs=1)
    assert SAMPLE not in asked


@pytest.mark.parametrize(("texts", "ends"), [(1, 1), (1, 5), (2, 2), (3, 4), (5, 5), (7, 6)])
def test_a_pool_holds_each_pair_once(texts: int, ends: int) -> None:
    """All numbers together give all pairs, and there is no number beyond."""
    pool = Pool([f"text{i}" for i in range(texts)], [f" end{i}" for i in range(ends)])
    assert {pool.question(n) for n in range(pool.size)} == {
        f"text{i} end{j}" for i in range(texts) for j in range(ends)
    }
    for beyond in (-1, pool.size):
        with pytest.raises(ValueError, match="none has the number"):
            pool.question(beyond)


def test_a_supply_hands_out_what_was_not_asked() -> None:
    """What lies ahead may be looked at twice; what was taken does not come again, and only what is measured is noted."""
    pool = Pool([f"text{i}" for i in range(5)], [f" end{i}" for i in range(5)])
    supply = Supply(pool)
    assert supply.ahead(3) == supply.ahead(3)
    supply.taken(2, measured=False)
    seen = [pool.question(0), pool.question(1), *supply.take(3), *supply.take(4)]
    assert len(set(seen)) == 9
    assert supply.stretches == [(2, 3), (5, 4)]


def test_texts_of_a_length_have_it(root: Path, tokenizer: Tokenizer) -> None:
    """Each text for the encoder has exactly as many tokens as it stands for; too few questions are refused."""
    questions = Supply(of_project(root)).take(300)
    texts = encoder.texts_of_length(tokenizer, questions, 16, 10)
    assert [16] * 10 == [encoder.tokens_of(tokenizer, text) for text in texts]
    with pytest.raises(ValueError, match="not 10"):
        encoder.texts_of_length(tokenizer, questions[:3], 128, 10)


def test_ratios_by_hand() -> None:
    """Quotients are formed pair by pair: the median of 2, 3 and 10 is not the quotient of medians, 4."""
    assert figures.summary([4.0, 12.0, 20.0], [2.0, 4.0, 2.0]) == {
        "pairs": [2.0, 3.0, 10.0],
        "minimum": 2.0,
        "median": 3.0,
        "maximum": 10.0,
    }
    for ours, others in (([], []), ([1.0], [1.0, 2.0])):
        with pytest.raises(ValueError, match="don't make pairs"):
            figures.summary(ours, others)


def test_shares_are_told_as_people_do() -> None:
    assert ["13.2×", "1×", "1/4", "1/7.41"] == [figures.share(x) for x in (13.21, 1.0, 0.25, 0.135)]


def test_wrks_figures_are_read() -> None:
    """Microseconds become milliseconds; the four requests under way at the end are no loss."""
    seen = load.parse(PRINTED, 4)
    assert (100, 104, 5.0, 20.0) == (seen.requests, seen.asked, seen.seconds, seen.requests_per_second)
    assert (1.5, 2.5, 40.0, 500.0) == (seen.p50_ms, seen.p90_ms, seen.p99_ms, seen.reply_bytes)
    assert load.checked(seen, "ours") is seen


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"status": 0', '"status": 3', "3 status"),
        ('"timeout": 0', '"timeout": 1', "1 timeout"),
        ('"exhausted": 0', '"exhausted": 2', "2 exhausted"),
        ('"asked": 104', '"asked": 107', "2 lost"),
    ],
)
def test_a_load_with_an_error_gives_no_figure(before: str, after: str, told: str) -> None:
    """Errors that wrk counts, questions that ran out and requests that got no reply all fail, with their number."""
    with pytest.raises(load.LoadError, match=f"afternoon, 4 clients.*{told}"):
        load.checked(load.parse(PRINTED.replace(before, after), 4), "afternoon")


def test_output_without_figures_is_refused() -> None:
    with pytest.raises(load.LoadError, match="unable to connect"):
        load.parse("unable to connect to 127.0.0.1:1 Connection refused\n", 1)


def test_what_wrk_sends_is_unique(root: Path, tmp_path: Path) -> None:
    """Two loads, a POST and a GET, on a server that notes what it gets: whole questions of the pool, none of them twice."""
    got: list[str] = []

    class Notes(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["question"])
            self._reply()

        def do_GET(self) -> None:
            got.append(parse_qs(urlsplit(self.path).query)["query"][0])
            self._reply()

        def _reply(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    ours, _, txtai = contenders.table(tmp_path, variants=False, with_txtai=True)
    supply = Supply(of_project(root))
    loader = load.Loader(supply, tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), Notes) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        # Its process is looked at only to let it settle, which a load that is long enough does not need.
        loads = [
            loader.run(Server(one, server.server_port, cast("subprocess.Popen[bytes]", None), 0.0), clients, 0.3)
            for one, clients in ((ours, 4), (txtai, 1))
        ]
        server.shutdown()
        thread.join()
    assert all(one.requests > 0 and not any(one.errors.values()) for one in loads)
    assert sum(one.requests for one in loads) <= len(got) == len(set(got))
    pool = of_project(root)
    assert set(got) <= {pool.question(number) for number in range(supply.next_number)}
    assert supply.next_number == sum(one.asked for one in loads)


def test_a_missing_wrk_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(load.LoadError, match="apt-get install wrk"):
        load.wrk()


def test_each_contender_is_asked_in_its_way(tmp_path: Path) -> None:
    """The question goes whole into body or address, and the nearest entry is read from where it stands."""
    ours, afternoon, txtai, *variants = contenders.table(tmp_path, variants=True, with_txtai=True)
    question = 'a "b" & c?'
    for one, path in ((ours, "/v1/ask"), (afternoon, "/ask")):
        target, body, _ = one.dialect.request(question)
        assert (path, {"question": question, "top": 3}) == (target, json.loads(body or b""))
        assert path in load.script(one.dialect)
    assert txtai.dialect.request(question) == ("/search?query=a+%22b%22+%26+c%3F&limit=3", None, {})
    assert 'wrk.format("GET", line)' in load.script(txtai.dialect)
    assert ours.dialect.nearest({"answers": [], "related": [{"id": "x"}]}) == "x"
    assert ours.dialect.nearest({"answers": [{"id": "y"}], "related": [{"id": "x"}]}) == "y"
    assert afternoon.dialect.nearest([{"id": "z"}]) == "z"
    assert [v.name for v in variants] == list(contenders.VARIANTS)


def test_contenders_run_with_their_own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the caller's environment sets does not reach them; what a variant sets does."""
    monkeypatch.setenv("QA_THREADS", "7")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    ours, *_, variant = contenders.table(tmp_path, variants=True, with_txtai=False)
    assert not {"QA_THREADS", "OMP_NUM_THREADS"} & set(ours.environment())
    assert variant.environment()["QA_THREADS"] == contenders.VARIANTS[variant.name]["QA_THREADS"]


def test_the_floor_is_the_products_of_the_model(tmp_path: Path) -> None:
    """Six layers of four products with weights of their own: 10.6 million multiplications a token."""
    floor.write(tmp_path / "floor.onnx")
    graph = onnx.load(tmp_path / "floor.onnx").graph
    shapes = [tuple(weights.dims) for weights in graph.initializer]
    assert shapes == list(floor.SHAPES) * 6
    assert sum(rows * columns for rows, columns in shapes) == 10_616_832
    assert {node.op_type for node in graph.node} == {"MatMulInteger"}
    assert len({weights.raw_data for weights in graph.initializer}) == 24
    bound = floor.Products(tmp_path / "floor.onnx").bind(16)
    bound.run()
    assert [out.shape for out in bound.outputs()] == [(16, columns) for _, columns in shapes]
    assert all(out.any() for out in bound.outputs())


def test_targets_are_held_against_the_median() -> None:
    """At least and at most, told from each other."""
    ratios = {"requests_per_second": {"16": figures.spread([11.0, 12.0, 13.0])}, "p50_ms": {"1": figures.spread([0.2])}}
    throughput, latency, *_ = report.TARGETS
    held = {"ratios": {contenders.AFTERNOON: ratios}}
    assert throughput.is_met(held)
    assert not latency.is_met(held)
