"""A socket to Slack that stays open but says nothing more is noticed and replaced; one that cannot be opened yet is tried again."""

import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from local_workspace import ANA, VISION, LocalWorkspace
from running_bot import BOT_ID, RunningBot, running_bot
from sqlmodel import col
from sqlmodel import select as query

from bot.errors import RunloreError
from bot.slack_app import build_app, close_socket, open_socket, socket_handler
from storage.database import Database
from storage.memory import Note


class Relay:
    """Passes connections on to a port; frozen, those it has stay open and pass nothing more."""

    def __init__(self, port: int) -> None:
        self._to, self._open, self.taken = port, True, 0
        self._frozen: set[int] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while self._open:
            try:
                came, _ = self._server.accept()
            except OSError:
                return
            self.taken += 1
            threading.Thread(target=self._pass_on, args=(came, self.taken), daemon=True).start()

    def _pass_on(self, came: socket.socket, number: int) -> None:
        with came, socket.create_connection(("127.0.0.1", self._to)) as there:
            other = {came: there, there: came}
            while self._open:
                for ready in select.select(list(other), [], [], 0.1)[0]:
                    if not (data := ready.recv(65_536)):
                        return
                    if number not in self._frozen:
                        other[ready].sendall(data)

    def freeze(self) -> None:
        self._frozen |= set(range(1, self.taken + 1))

    def close(self) -> None:
        self._open = False
        self._server.close()


@pytest.fixture
def bot(database: Database, workspace: LocalWorkspace, tmp_path: Path) -> Iterator[RunningBot]:
    with running_bot(database, workspace, tmp_path, socket=False) as started:
        yield started


def test_a_socket_that_falls_silent_is_replaced(bot: RunningBot, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Relay(bot.workspace.port)
    handler = socket_handler(build_app(bot.services, bot_id=BOT_ID), bot.services)
    issue = handler.client.issue_new_wss_url

    def through_the_relay() -> str:
        url = urlsplit(issue())
        return url._replace(netloc=f"127.0.0.1:{relay.port}").geturl()

    monkeypatch.setattr(handler.client, "issue_new_wss_url", through_the_relay)
    try:
        handler.connect()  # type: ignore[no-untyped-call]
        bot.own_channel("silent", VISION)
        bot.start("silent", name="silent-1")
        thread = bot.message(VISION, "silent/1")["ts"]
        bot.settle()
        assert relay.taken == 1
        relay.freeze()
        bot.wait(lambda: relay.taken > 1, "another socket", seconds=30)
        reply = bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01.")

        def kept() -> list[Note]:
            with bot.services.database.session() as session:
                return list(session.exec(query(Note).where(col(Note.ts) == reply)))

        bot.wait(kept, "the note", seconds=30)
    finally:
        close_socket(handler)
        relay.close()


def test_a_bot_that_starts_while_slack_is_away_connects_when_it_is_back(bot: RunningBot) -> None:
    handler, leaving = socket_handler(build_app(bot.services, bot_id=BOT_ID), bot.services), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = int(taken.getsockname()[1])
    handler.client.web_client.base_url = f"http://127.0.0.1:{nobody}/api/"
    try:
        open_socket(handler, leaving, every=0.05)
        assert not handler.client.is_connected()
        handler.client.web_client.base_url = bot.workspace.base_url
        bot.wait(handler.client.is_connected, "the socket", seconds=20)
    finally:
        leaving.set()
        close_socket(handler)


def test_a_wrong_app_token_is_said_in_words(bot: RunningBot) -> None:
    handler = socket_handler(build_app(bot.services, bot_id=BOT_ID), bot.services)
    handler.client.app_token = "xapp-wrong"
    with pytest.raises(RunloreError, match=r"SLACK_APP_TOKEN \(invalid_auth\)"):
        open_socket(handler, threading.Event())
