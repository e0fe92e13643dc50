"""`runlore login`: a code on the training machine, confirmed by its person with a button in Slack."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from bot import tokens
from bot.blocks import actions, button, escape, section
from bot.errors import BadInput, NotFound
from bot.values import Message
from storage.tables import LoginRequest, Person

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that are mistaken for another
LASTS = timedelta(minutes=10)
WAITING_AT_MOST = 1000  # more than this are somebody's mischief
POLL_SECONDS = 2


def start(session: Session, request: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """A code to show and a secret to poll with."""
    for old in session.exec(select(LoginRequest).where(col(LoginRequest.expires_at) < now)):
        session.delete(old)
    session.flush()
    if len(session.exec(select(LoginRequest.code).limit(WAITING_AT_MOST)).all()) >= WAITING_AT_MOST:
        raise BadInput("Too many logins are waiting: try again in ten minutes.")
    device = secrets.token_urlsafe(32)
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    code = f"{letters[:4]}-{letters[4:]}"
    session.add(
        LoginRequest(
            device=_digest(device),
            code=code,
            host=_short(request.get("host")),
            login=_short(request.get("login")),
            created_at=now,
            expires_at=now + LASTS,
        )
    )
    return {
        "code": code,
        "device": device,
        "interval": POLL_SECONDS,
        "expires_in": LASTS.seconds,
        "confirm": f"In Slack, type: /runs login {code}",
    }


def poll(session: Session, request: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """`waiting`, or once the token; raises NotFound when the code is unknown, used or too old."""
    row = session.get(LoginRequest, _digest(str(request.get("device") or "")), with_for_update=True)
    if row is None or row.expires_at < now or row.taken_at is not None:
        raise NotFound("This login is unknown, used or too old: run `runlore login` again.")
    if row.person_id is None:
        return {"state": "waiting"}
    person = session.get(Person, row.person_id)
    row.taken_at = now
    token = tokens.create(session, now=now, person=person, label=f"login on {row.host or 'a machine'}")
    return {"state": "ok", "token": token, "person": person.name if person else ""}


def question(session: Session, code: str, *, now: datetime) -> Message:
    """Seen by the person who typed the code: was it you?"""
    row = _waiting(session, code, now=now)
    place = escape(f"{row.login or 'somebody'} on {row.host or 'a machine'}")
    text = f"Log in {place} as you?"
    detail = "Runs from there will be yours. Confirm only a login you started yourself."
    yes = button("Yes, that is me", "login_confirm", row.code, style="primary")
    return Message(text=text, blocks=[section(f"*{text}*\n{detail}"), actions(yes)])


def confirm(session: Session, code: str, person: Person, *, now: datetime) -> Message:
    """The button was pressed."""
    row = _waiting(session, code, now=now)
    row.person_id = person.id
    if row.login and row.login != "root" and row.login not in person.logins:
        person.logins = [*person.logins, row.login]
    return Message(text=f"Done: {escape(row.host or 'the machine')} reports as you from now on.")


def _waiting(session: Session, code: str, *, now: datetime) -> LoginRequest:
    row = session.exec(select(LoginRequest).where(LoginRequest.code == code.strip().upper())).first()
    if row is None or row.expires_at < now or row.person_id is not None:
        raise NotFound("That code is unknown, used or older than ten minutes. Run `runlore login` again.")
    return row


def _digest(device: str) -> str:
    return hashlib.sha256(device.encode()).hexdigest()


def _short(value: object) -> str | None:
    return str(value)[:100] if value else None
