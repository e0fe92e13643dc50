"""The whole product in a browser: the real bot, database, models and training hook, driven by a person's hands."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from browser import Window, chromium, window
from playwright.sync_api import Browser, expect
from sqlmodel import Session, col, select

from bot import tokens
from bot.home import open_database
from bot.people import by_slack_id
from bot.settings import Settings
from bot.wiring import utc_now
from storage.database import Database
from storage.memory import Correction, Note, RationaleItem

pytestmark = [pytest.mark.browser, pytest.mark.models]

ROOT = Path(__file__).parents[1]
ANA, DIGITS = "U0ANA", "C0DIGITS"
SLOW_MS = 90_000  # models load on first use
TRAINING = """
import runlore
with runlore.init(project="digits", name="{name}", config={{"lr": {lr}, "hidden": 32}}) as run:
    for step in range(20):
        run.log({{"val_acc": {best} - 0.3 / (step + 1)}}, step=step)
    run.log({{"val_acc": {best}}}, step=20)
"""


@dataclass
class Product:
    """A running bot with its workspace and a browser."""

    page: str
    api: str
    home: Path
    database: Database
    browser: Browser

    def train(self, name: str, lr: float, best: float) -> None:
        """One run of ana's through the real hook."""
        with self.database.session() as session:
            token = tokens.create(session, now=utc_now(), person=by_slack_id(session, ANA, now=utc_now()))
        environment = os.environ | {
            "RUNLORE_URL": self.api,
            "RUNLORE_TOKEN": token,
            "RUNLORE_DIR": str(self.home / "spool"),
            "PYTHONPATH": str(ROOT / "sdk" / "src"),
        }
        script = TRAINING.format(name=name, lr=lr, best=best)
        subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    home = tmp_path_factory.mktemp("whole") / "home"
    api, page = free_port(), free_port()
    environment = os.environ | {
        "RUNLORE_HOME": str(home),
        "RUNLORE_PORT": str(api),
        "RUNLORE_WORKSPACE_PORT": str(page),
        "RUNLORE_LOG_LEVEL": "WARNING",
    }
    with (home.parent / "bot.log").open("wb") as log:
        bot = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", "serve"], env=environment, cwd=ROOT, stderr=log
        )
    try:
        deadline = time.monotonic() + 90
        while b"is ready" not in (home.parent / "bot.log").read_bytes():
            assert bot.poll() is None, (home.parent / "bot.log").read_text()
            assert time.monotonic() < deadline, (home.parent / "bot.log").read_text()
            time.sleep(0.1)
        with open_database(Settings(home=home)) as database, chromium() as browser:
            yield Product(
                page=f"http://127.0.0.1:{page}",
                api=f"http://127.0.0.1:{api}",
                home=home,
                database=database,
                browser=browser,
            )
    finally:
        bot.terminate()
        bot.wait(30)


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310  our own bot
            return bool(answer.status == 200)
    except URLError:
        return False


def open_thread(seen: Window, words: str) -> None:
    """The thread of the run message that holds these words."""
    seen.tool(seen.message(words), "Reply in thread")


def one_item(session: Session, role: str) -> RationaleItem:
    query = select(RationaleItem).join(Note, col(Note.id) == col(RationaleItem.note_id))
    return session.exec(query.where(Note.kind == "memo", RationaleItem.role == role)).one()


def test_a_person_reads_a_run_speaks_asks_and_corrects(product: Product) -> None:
    assert answers(f"{product.api}/readyz")
    with window(product.browser, product.page) as ana:
        ana.go(f"/archives/{DIGITS}", user=ANA)

        # A slash command is typed and answered, to its asker alone.
        ana.say("/runs connect digits")
        expect(ana.message("is connected to #digits-runs")).to_be_visible(timeout=20_000)

        # A run tells itself in a thread of its own.
        product.train("first-try", 3e-3, 0.9667)
        product.train("second-try", 1e-3, 0.9722)
        expect(ana.message("digits/2 second-try")).to_contain_text("finished", timeout=20_000)
        open_thread(ana, "digits/2 second-try")
        expect(ana.message("digits/2 finished", thread=True)).to_contain_text(
            "val_acc 0.9722", timeout=20_000
        )

        # A memo is dropped into it; its transcript and card appear.
        ana.drop(".thread-pane", ROOT / "examples" / "memo.m4a", "audio/mp4")
        expect(ana.page.locator(".thread-pane .tray-file:not(.loading)")).to_contain_text("memo.m4a")
        ana.say("my thoughts", thread=True)
        question = ana.message("Shall I transcribe memo.m4a", thread=True)
        expect(question).to_be_visible(timeout=20_000)
        question.get_by_role("button", name="Transcribe").click()
        card = ana.message("about digits/2 second-try", thread=True)
        expect(card).to_contain_text("3e-3 → 1e-3", timeout=SLOW_MS)
        for words in ("97.2%", "Change", "Outcome", "Decision", "Next step", "0.1"):
            expect(card).to_contain_text(words)

        # What the model took for an outcome, a person calls a problem: the stored note changes.
        with product.database.session() as session:
            wrong = one_item(session, "decision")
        card.get_by_role("button", name="Edit").click()
        modal = ana.page.locator(".modal")
        expect(modal).to_contain_text("Edit note")
        modal.locator(f'[data-block-id^="role:"][data-block-id$=":{wrong.id}"] [data-action]').click()
        ana.choose("Problem")
        modal.get_by_role("button", name="Save").click()
        expect(modal).to_be_hidden()
        expect(card).not_to_contain_text("Decision", timeout=20_000)  # a problem it holds already
        expect(card).to_contain_text("so we keep the smaller lr", ignore_case=True)
    with product.database.session() as session:
        corrected = session.get(RationaleItem, wrong.id)
        assert corrected is not None
        assert (corrected.role, corrected.source) == ("problem", "person")
        kept = session.exec(select(Correction)).all()
        assert [(c.was["role"], c.now["role"]) for c in kept] == [("decision", "problem")]


def test_a_comparison_is_typed_and_shared(product: Product) -> None:
    with window(product.browser, product.page) as ana:
        ana.go(f"/archives/{DIGITS}", user=ANA)
        ana.say("/runs compare 1 2")
        answer = ana.message("digits/2 beats digits/1")
        expect(answer).to_contain_text("÷ 3", timeout=20_000)
        expect(answer).to_contain_text("Only visible to you")
        answer.get_by_role("button", name="Share").click()
        shared = ana.page.locator(".message:not(.ephemeral)", has_text="beats").last
        expect(shared).to_be_visible(timeout=20_000)
