"""A real headless Chromium for tests of the page: one browser a session, a fresh window a test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from patience import stretched
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that beeps, and nobody asked whether the page may hear it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
WAIT_MS = 10_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium; `apt-get install chromium` where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise RuntimeError("The page's tests need Chromium on the PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        # Every expectation waits as long as every click.
        expect.set_options(timeout=stretched(WAIT_MS))
        yield browser
        browser.close()


class Window:
    """One person's window on the workspace, with what a test does in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        page.set_default_timeout(stretched(WAIT_MS))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._heard)

    def _heard(self, request: Any) -> None:  # noqa: ANN401 - Playwright's Request, only its address is read
        if not request.url.startswith((self.url, "blob:", "data:")):
            self.errors.append(f"asked for {request.url}")

    def go(self, path: str = "/", **query: str) -> None:
        """Open an address of the page and wait until it stands."""
        self.page.goto(f"{self.url}{path}?{urlencode(query)}" if query else f"{self.url}{path}")
        self.page.wait_for_selector("body[data-ready]")

    def say(self, text: str, *, thread: bool = False) -> None:
        """Type into the composer and press Enter."""
        field = self.page.locator(
            f"{'.thread-pane' if thread else '.pane:not(.thread-pane)'} .composer-field"
        )
        field.fill(text)
        field.press("Enter")

    def message(self, text: str, *, thread: bool = False) -> Any:  # noqa: ANN401 - Playwright's Locator
        """The message that holds these words."""
        where = ".thread-pane" if thread else ".pane:not(.thread-pane)"
        return self.page.locator(f"{where} .message", has_text=text).last

    def tool(self, message: Any, label: str) -> None:  # noqa: ANN401
        """Point at a message and press a tool of its bar."""
        message.hover()
        message.locator(".tools").get_by_label(label, exact=True).click()

    def choose(self, label: str) -> None:
        """Choose an entry of the open menu."""
        self.page.locator(".popover .menu-item", has_text=label).first.click()

    def drop(self, selector: str, path: Path, mimetype: str) -> None:
        """Drop a file from the desktop onto a part of the page."""
        encoded = list(path.read_bytes())
        data = self.page.evaluate_handle(
            """([bytes, name, type]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], name, {type}));
                return data;
            }""",
            [encoded, path.name, mimetype],
        )
        for event in ("dragenter", "dragover", "drop"):
            self.page.dispatch_event(selector, event, {"dataTransfer": data})


@contextmanager
def window(browser: Browser, url: str, viewport: ViewportSize = DESK) -> Iterator[Window]:
    """A fresh window; leaving it fails when the page threw an error or asked another server for anything."""
    context = browser.new_context(
        viewport=viewport, permissions=["microphone", "clipboard-read", "clipboard-write"]
    )
    opened = Window(context.new_page(), url)
    yield opened
    context.close()
    assert not opened.errors, opened.errors
