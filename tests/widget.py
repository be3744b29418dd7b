"""A page with the widget on it, under the strictest policy, and a service beside it whose every word is the test's."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from playwright.sync_api import Locator, Page

from tests import browser

SCRIPT = resources.files("qa_service.web").joinpath("faq-ask.js").read_bytes()
INTEGRITY = "sha384-" + base64.b64encode(hashlib.sha384(SCRIPT).digest()).decode()
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'none'; connect-src {api}; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
# What a browser itself says of a request that failed passes: no script can keep it from that.
opened = partial(browser.opened, passing=("Failed to load resource",))

LONG_URL = "https://www.example.gov/" + "segment-of-a-path/" * 12
ENTRY: dict[str, Any] = {
    "id": "profile-extension",
    "question": "If a profile extension is granted, does our certification remain intact?",
    "answer": "Yes. Contact your specialist.",
    "answer_html": "<p>Yes. Contact your <strong>specialist</strong>, or see "
    f'<a href="{LONG_URL}">{LONG_URL}</a>.</p><ul><li>First</li><li>{"long" * 80}</li></ul>'
    "<table><thead><tr><th>Port</th><th>Hours</th></tr></thead><tbody><tr><td>Laredo</td><td>24</td></tr></tbody></table>",
    "confidence": 0.97,
    "similarity": 0.8,
    "matched": "",
    "source": {"document": "faq.md", "title": "CTPAT Top FAQs", "uri": "https://www.example.gov/faq"},
    "language": "en",
    "tags": [],
    "reviewed_at": "2026-05-01",
}
OTHERS = [
    {**ENTRY, "id": f"other-{i}", "question": question, "confidence": 0.4, "reviewed_at": None}
    for i, question in enumerate(("Will we be told before a virtual validation?", "What equipment is needed?"))
]
EXAMPLES = [{"id": one["id"], "question": one["question"], "language": "en"} for one in (ENTRY, *OTHERS)]


def found(outcome: str, answers: list[dict[str, Any]], related: list[dict[str, Any]], **more: object) -> dict[str, Any]:
    """A response of the service."""
    return {"query_id": "0" * 32, "outcome": outcome, "answers": answers, "related": related, "feedback": True, **more}


RESPONSES: dict[str, dict[str, Any]] = {
    "answered": found("answered", [ENTRY], OTHERS),
    "ambiguous": found("ambiguous", [ENTRY, *OTHERS], []),
    "abstained": found("abstained", [], EXAMPLES),
}


@dataclass
class Reply:
    """What the service says: a status, a body, headers. `held` keeps it back until it is set."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    held: threading.Event | None = None


@dataclass
class Service:
    """The service that the test writes: a reply for each question, and what was asked of it."""

    url: str = ""
    page_url: str = ""
    html: str = ""
    policy: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    info: Reply = field(
        default_factory=lambda: Reply(body={"examples": EXAMPLES, "contact_url": "mailto:help@example.gov"})
    )
    feedback: Reply = field(default_factory=lambda: Reply(status=204))
    asked: list[dict[str, Any]] = field(default_factory=list)
    votes: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def reply(self, method: str, path: str, body: bytes) -> Reply:
        """The reply to one request."""
        self.paths.append(f"{method} {path}")
        if path.startswith("/v1/info"):
            return self.info
        if path == "/v1/feedback":
            self.votes.append(json.loads(body))
            return self.feedback
        if path == "/v1/ask":
            asked = json.loads(body)
            self.asked.append(asked)
            planned = self.replies.get(asked["question"])
            if planned:
                return planned.pop(0) if len(planned) > 1 else planned[0]
            return Reply(body=RESPONSES.get(asked["question"], RESPONSES["answered"]))
        return Reply(404, {"code": "not-found"})


def _handler(answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                answer(self, body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the browser has given the request up

        do_GET = do_POST = do_OPTIONS = _any  # noqa: N815 (the library's names)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def _listening(answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def service() -> Iterator[Service]:
    """The service, and on another origin the page of an agency that shows the widget."""
    made = Service()

    def api(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        cors = {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Headers": "content-type, authorization",
            "Access-Control-Expose-Headers": "Retry-After",
        }
        if handler.command == "OPTIONS":
            _send(handler, 200, b"", cors)
            return
        made.headers.append(dict(handler.headers.items()))
        reply = made.reply(handler.command, handler.path, body)
        if reply.held:
            reply.held.wait(browser.PATIENCE_MS / 1000)
        raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        sent = b"" if reply.status == 204 else raw
        _send(handler, reply.status, sent, {**cors, "Content-Type": "application/json", **reply.headers})

    def site(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        if handler.path.startswith("/faq-ask.js"):
            _send(handler, 200, SCRIPT, {"Content-Type": "text/javascript; charset=utf-8"})
        elif handler.path == "/favicon.ico":
            _send(handler, 204, b"", {})
        else:
            policy = {"Content-Security-Policy": made.policy} if made.policy else {}
            _send(handler, 200, made.html.encode(), {"Content-Type": "text/html; charset=utf-8", **policy})

    with _listening(api) as made.url, _listening(site) as made.page_url:
        made.policy = POLICY.format(api=made.url)
        yield made


def page_of(*elements: str, lang: str = "en", attributes: str = "", script: str = "") -> str:
    """A page with elements on it; nothing inline, as the policy wants it."""
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}"{attributes}>\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<title>Help desk</title><script type="module" src="/faq-ask.js" integrity="{INTEGRITY}" crossorigin></script>'
        f"{script}</head>\n"
        f"<body><main><h1>Help desk</h1>{''.join(elements)}</main></body>\n</html>\n"
    )


def tag(endpoint: str, mode: str = "inline", light_dom: str = "", **attributes: str) -> str:
    """The element."""
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<faq-ask endpoint="{endpoint}" mode="{mode}"{more}>{light_dom}</faq-ask>'


def visit(page: Page, made: Service, html: str) -> Locator:
    """Go to a page; its first widget, ready."""
    made.html = html
    page.goto(made.page_url)
    page.wait_for_function("!!customElements.get('faq-ask')")
    return page.locator("faq-ask").first


def ask(widget: Locator, question: str) -> None:
    """Ask by the form."""
    widget.locator("input").fill(question)
    widget.locator("form button").click()
