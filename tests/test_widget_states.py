"""Every state of the widget in every language, mode and look, held against axe, the browser's console and the reader's eye."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import WIDE, overflow, violations
from tests.widget import Reply, Service, ask, opened, page_of, service, tag, visit

LANGUAGES = ("en", "es", "fr")
MODES = ("inline", "dialog")
LOOKS: dict[str, tuple[str, str, int]] = {
    "light": ("light", "none", WIDE),
    "dark": ("dark", "none", WIDE),
    "forced": ("light", "active", WIDE),
    "narrow": ("light", "none", 320),
}
# What the status line says, the whole of it: a screen reader hears this and no more.
SAID: dict[str, tuple[str, str, str]] = {
    "empty": ("", "", ""),
    "nothing": ("Type a question.", "Escriba una pregunta.", "Saisissez une question."),
    "searching": ("Searching…", "Buscando…", "Recherche…"),
    "answered": ("One official answer.", "Una respuesta oficial.", "Une réponse officielle."),
    "voted": ("Thank you.", "Gracias.", "Merci."),
    "ambiguous": ("Did you mean one of these 3?", "¿Quiso decir una de estas 3?", "Vouliez-vous dire une de ces 3 ?"),
    "abstained": ("No official answer.", "No hay respuesta oficial.", "Aucune réponse officielle."),
    "slow": ("The service takes too long.", "El servicio tarda demasiado.", "Le service tarde trop."),
    "error": ("The service does not answer.", "El servicio no responde.", "Le service ne répond pas."),
    "busy": (
        "Too many questions. Next try in 7 s.",
        "Demasiadas preguntas. Reintento en 7 s.",
        "Trop de questions. Nouvel essai dans 7 s.",
    ),
    "offline": ("You are offline.", "No hay conexión.", "Vous êtes hors ligne."),
}


@dataclass
class Scene:
    """A page with one widget, and the service behind it."""

    page: Page
    widget: Locator
    service: Service

    def ask(self, question: str, *replies: Reply) -> None:
        """Ask by the form, with the replies that the service is to give."""
        if replies:
            self.service.replies[question] = list(replies)
        ask(self.widget, question)


def _empty(scene: Scene) -> None:
    expect(scene.widget.locator("[part~=example]")).to_have_count(3)


def _nothing(scene: Scene) -> None:
    scene.ask("  ")


def _searching(scene: Scene) -> None:
    scene.ask("held", Reply(held=threading.Event(), body={}))


def _answered(scene: Scene) -> None:
    scene.ask("answered")
    expect(scene.widget.locator("article")).to_have_count(1)


def _voted(scene: Scene) -> None:
    scene.widget.locator("[part~=feedback] button").nth(1).click()
    expect(scene.widget.locator("[part~=feedback] button")).to_have_count(5)


def _ambiguous(scene: Scene) -> None:
    scene.ask("ambiguous")
    scene.widget.locator("summary").first.click()
    expect(scene.widget.locator("details[open]")).to_have_count(1)


def _abstained(scene: Scene) -> None:
    scene.ask("abstained")
    expect(scene.widget.locator("[part~=related]")).to_have_count(3)
    expect(scene.widget.locator("[part~=contact]")).to_have_attribute("href", "mailto:help@example.gov")


def _slow(scene: Scene) -> None:
    scene.ask("slow", Reply(held=threading.Event(), body={}))
    expect(scene.widget.locator("[part~=status]")).not_to_be_empty()
    scene.page.clock.fast_forward(8_100)
    expect(scene.widget.locator("[part~=retry]")).to_be_visible()


def _error(scene: Scene) -> None:
    scene.ask("error", Reply(500, {}))
    expect(scene.widget.locator("[part~=retry]")).to_be_visible()


def _busy(scene: Scene) -> None:
    scene.ask("busy", Reply(503, {}, {"Retry-After": "7"}))


def _offline(scene: Scene) -> None:
    scene.page.context.set_offline(True)
    scene.page.clock.fast_forward(7_100)  # what the overloaded service asked for
    scene.ask("offline")
    expect(scene.widget.locator("[part~=retry]")).to_be_visible()


# In an order in which each can follow the one before.
STATES: dict[str, Callable[[Scene], None]] = {
    "empty": _empty,
    "nothing": _nothing,
    "searching": _searching,
    "answered": _answered,
    "voted": _voted,
    "ambiguous": _ambiguous,
    "abstained": _abstained,
    "slow": _slow,
    "error": _error,
    "busy": _busy,
    "offline": _offline,
}


def looked_at(page: Page, look: str) -> tuple[list[tuple[str, list[str]]], int]:
    """What axe finds and how many pixels stick out, in one look."""
    scheme, forced, width = LOOKS[look]
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, forced_colors=forced)  # type: ignore[arg-type]  # literals
    return violations(page), overflow(page)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state(browser: Browser, language: str, mode: str) -> None:
    """Axe finds nothing, nothing sticks out, the console is silent under the strictest policy, the words are the language's."""
    with service() as made, opened(browser) as page:
        page.clock.install()
        widget = visit(page, made, page_of(tag(made.url, mode), lang=language))
        scene = Scene(page, widget, made)
        if mode == "dialog":
            assert {look: looked_at(page, look) for look in LOOKS} == dict.fromkeys(LOOKS, ([], 0))
            widget.locator("[part~=launcher]").click()
        for state, reach in STATES.items():
            reach(scene)
            expect(widget.locator("[role=status]")).to_have_text(SAID[state][LANGUAGES.index(language)])
            assert {look: looked_at(page, look) for look in LOOKS} == dict.fromkeys(LOOKS, ([], 0)), state
        held = [one.held for replies in made.replies.values() for one in replies if one.held]
        for event in held:
            event.set()


@pytest.mark.parametrize("mode", MODES)
def test_text_twice_as_large(browser: Browser, mode: str) -> None:
    """With text at 200 % in a window of 640 pixels nothing sticks out of the page, the dialog or the element that holds it."""
    with service() as made, opened(browser) as page:
        made.policy = ""
        page.set_viewport_size({"width": 640, "height": 900})
        widget = visit(page, made, page_of(tag(made.url, mode)))
        page.add_style_tag(content="html { font-size: 200% }")
        scene = Scene(page, widget, made)
        if mode == "dialog":
            widget.locator("[part~=launcher]").click()
        for state in ("empty", "answered", "voted", "ambiguous", "abstained"):
            STATES[state](scene)
            assert overflow(page) == 0, state
            clipped = widget.evaluate(
                "host => [...host.shadowRoot.querySelectorAll('*')]"
                ".filter(one => one.checkVisibility()"
                " && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline')"
                ".map(one => one.outerHTML.slice(0, 80))"
            )
            assert clipped == [], state


@pytest.mark.parametrize("mode", MODES)
def test_right_to_left(browser: Browser, mode: str) -> None:
    """On a page that is written from right to left the widget is laid out so, and its own words still read from left to right."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url, mode), lang="ar", attributes=' dir="rtl"'))
        scene = Scene(page, widget, made)
        if mode == "dialog":
            widget.locator("[part~=launcher]").click()
        for state in ("empty", "voted", "ambiguous", "abstained"):
            if state == "voted":
                _answered(scene)
            STATES[state](scene)
            assert (violations(page), overflow(page)) == ([], 0), state
        field, button = widget.locator("input").bounding_box(), widget.locator("form button").bounding_box()
        assert field
        assert button
        assert button["x"] < field["x"]


def test_nothing_moves(browser: Browser) -> None:
    """Nothing is animated, so that there is nothing to reduce for those who asked for less motion."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url)))
        scene = Scene(page, widget, made)
        for state in ("searching", "answered", "ambiguous", "abstained"):
            STATES[state](scene)
            moving = "host => host.shadowRoot.getAnimations().length + document.getAnimations().length"
            assert widget.evaluate(moving) == 0, state
        made.replies["held"][0].held.set()  # type: ignore[union-attr]


def test_targets_are_large_enough(browser: Browser) -> None:
    """Every control is at least 24 pixels wide and high (WCAG 2.2, 2.5.8), but links within a sentence."""
    with service() as made, opened(browser) as page:
        widget = visit(page, made, page_of(tag(made.url)))
        scene = Scene(page, widget, made)
        for state in ("empty", "answered", "voted", "ambiguous", "abstained", "error"):
            STATES[state](scene)
            sizes = widget.evaluate(
                "host => [...host.shadowRoot.querySelectorAll('button, input, summary, a.contact')]"
                ".filter(one => one.checkVisibility())"
                ".map(one => one.getBoundingClientRect()).map(box => Math.min(box.width, box.height))"
            )
            assert sizes
            assert min(sizes) >= 24, state
