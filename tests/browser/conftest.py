"""A headless Chromium against a live server. An error on the console of a page, or a call off-site, fails the test."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from playwright.sync_api import Request as Call
from pytest_django.live_server_helper import LiveServer

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests. Playwright's loop makes Django think that all is asynchronous, hence the variable."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_as(chromium: Browser, live_server: LiveServer, people: dict[str, User]) -> Iterator[Open]:
    """Return a function that gives a page of the site on which a persona is signed in, or nobody ("")."""
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            faults.append(f"console: {message.text} ({message.location.get('url')})")

    def watch(call: Call) -> None:
        if not call.url.startswith((live_server.url, "data:")):
            faults.append(f"off-site: {call.url}")

    with ExitStack() as stack:

        def opened(persona: str = "requester", look: str = "light", **options: Any) -> Page:
            context = chromium.new_context(base_url=live_server.url, **LOOKS[look], **options)
            stack.callback(context.close)
            context.set_default_timeout(10_000)
            if persona:
                client = Client()
                client.force_login(people[persona])
                session = client.cookies["sessionid"].value
                context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
            page = context.new_page()
            page.on("console", note)
            page.on("pageerror", lambda error: faults.append(f"script: {error}"))
            page.on("request", watch)
            return page

        yield opened
    assert faults == []


def findings(page: Page) -> list[str]:
    """Return what axe-core finds, and whether the page is wider than its window."""
    found = [
        f"{page.url}: {violation['id']} at {node['target']}: {node['failureSummary']}"
        for violation in Axe().run(page, options=RULES)["violations"]
        for node in violation["nodes"]
    ]
    window, content = page.evaluate("[window.innerWidth, document.documentElement.scrollWidth]")
    if content > window:
        found.append(f"{page.url}: {content} px wide in a window of {window} px")
    return found
