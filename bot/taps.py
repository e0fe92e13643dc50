"""One press of a button: what it carries, who pressed it, what they may see, and how it is answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from bot.asking import direct_channel, sees_run, sight_of
from bot.blocks import modal, section
from bot.errors import NotFound
from bot.sight import Sight
from bot.values import Message
from bot.wiring import Services
from storage.memory import Note
from storage.tables import Person, Run

IN_MODALS = ("section", "context", "divider", "header", "image")


@dataclass(frozen=True, kw_only=True)
class Tap:
    """One press of a button: what it carries, who pressed it and where."""

    session: Session
    services: Services
    person: Person
    value: str
    body: Mapping[str, Any]
    now: datetime

    @property
    def channel(self) -> str:
        """Where the message with the button is."""
        return str(
            (self.body.get("container") or {}).get("channel_id")
            or (self.body.get("channel") or {}).get("id")
            or ""
        )

    @property
    def thread_ts(self) -> str | None:
        """The thread it is in, or that it is the parent of."""
        container, message = self.body.get("container") or {}, self.body.get("message") or {}
        return container.get("thread_ts") or message.get("thread_ts") or container.get("message_ts")

    @property
    def is_ephemeral(self) -> bool:
        """Whether only its presser sees the message with the button."""
        return bool((self.body.get("container") or {}).get("is_ephemeral"))

    def answer(self, message: Message, *, replace: bool = False, public: bool = False) -> None:
        """Answer where it was pressed: only to the person, or in place of the message, or to all; on Home in a window."""
        if not self.body.get("response_url"):
            shown = [block for block in message.blocks if block["type"] in IN_MODALS]
            self.open(modal("answer", "Runlore", shown or [section(message.text)], about="", submit=None))
            return
        body: dict[str, Any] = {"text": message.text, "blocks": message.blocks}
        if replace:
            body["replace_original"] = True
        else:
            body |= {"replace_original": False, "response_type": "in_channel" if public else "ephemeral"}
            if (self.body.get("container") or {}).get("thread_ts") or (self.body.get("message") or {}).get(
                "thread_ts"
            ):
                body["thread_ts"] = self.thread_ts
        self.services.messenger.respond(str(self.body["response_url"]), body)

    def file_place(self) -> tuple[str, str | None]:
        """Where a file goes: beside the message, or where only its presser sees that, to their direct messages."""
        if self.channel and not self.is_ephemeral:
            return self.channel, self.thread_ts
        return direct_channel(self.services, self.person), None

    def open(self, view: Mapping[str, Any]) -> None:
        """Open a form."""
        self.services.messenger.call(
            "views.open", {"trigger_id": self.body["trigger_id"], "view": dict(view)}
        )

    @property
    def on_home(self) -> bool:
        """Whether it was pressed on App Home."""
        return (self.body.get("view") or {}).get("type") == "home"

    def sight(self) -> Sight:
        """What its presser may see."""
        return sight_of(self.session, self.person, self.channel, public=False, now=self.now)

    def run(self, run_id: int | None = None) -> Run:
        """The run of the button, if its presser may see it."""
        sight = self.sight()  # looked up for what is gone too: neither takes longer
        run = self.session.get(Run, run_id if run_id is not None else int(self.value))
        if run is None or not sees_run(sight, run):
            raise NotFound("That run is gone, or not yours to see.")
        return run

    def note(self) -> Note:
        """The note of the button, while it exists and its presser may see it."""
        sight = self.sight()
        note = self.session.get(Note, int(self.value.partition(":")[0]))
        if note is None or note.deleted_at is not None or not sight.sees(note.project_id):
            raise NotFound("That note is gone.")
        return note
