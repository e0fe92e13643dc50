"""Who somebody is: by Slack id, by the login of a training machine, by name; and what they put first or mute."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, func, select

from storage.memory import Note
from storage.tables import Person, Project, Run

GUESTS = ("is_restricted", "is_ultra_restricted", "is_stranger")


def by_slack_id(session: Session, slack_id: str, *, now: datetime) -> Person:
    """The person, noted down on first sight: as a guest, until Slack says who they are."""
    found = session.exec(select(Person).where(Person.slack_id == slack_id)).first()
    if found is None:
        statement = insert(Person).values(
            slack_id=slack_id,
            name=slack_id,
            logins=[],
            is_bot=False,
            is_guest=True,
            is_gone=False,
            created_at=now,
        )
        session.execute(statement.on_conflict_do_nothing(index_elements=["slack_id"]))
        found = session.exec(select(Person).where(Person.slack_id == slack_id)).one()
    return found


def by_login(session: Session, login: str | None, *, now: datetime) -> Person | None:
    """Who logs in by this name (`iam`), else somebody of that very name, else a new person known by it alone."""
    if not login or login == "root":
        return None
    claimed = session.exec(select(Person).where(col(Person.logins).contains([login]))).first()
    if claimed is not None:
        return claimed
    return by_name(session, login, now=now)


def by_name(session: Session, name: str, *, now: datetime) -> Person:
    """The person of this name, noted down when new."""
    named = select(Person).where(func.lower(Person.name) == name.lower())
    named = named.order_by(col(Person.slack_id).is_(None), col(Person.id))
    found = session.exec(named).first()
    if found is None:
        # Of two machines that start at once, the second waits and finds whom the first noted down.
        lock = text("SELECT pg_advisory_xact_lock(hashtext(:name))")
        session.execute(lock, {"name": f"person {name.lower()}"})
        found = session.exec(named).first()
    if found is None:
        found = Person(name=name, created_at=now)
        session.add(found)
        session.flush()
    return found


def known(session: Session, slack_id: str) -> bool:
    """Whether Slack said who this is."""
    name = session.exec(select(Person.name).where(Person.slack_id == slack_id)).first()
    return name is not None and name != slack_id


def learn(session: Session, users: list[Mapping[str, Any]], *, now: datetime, team: str | None = None) -> int:
    """Bring names, time zones and guest marks up to date from Slack's users; returns how many were told.

    People of another organisation (Slack Connect) are guests too: they see the channels they are in.
    """
    for user in users:
        profile = user.get("profile") or {}
        name = user.get("name") or profile.get("display_name") or user["id"]
        values = {
            "name": name,
            "time_zone": user.get("tz"),
            "is_bot": bool(user.get("is_bot")) or user["id"] == "USLACKBOT",
            "is_guest": any(user.get(mark) for mark in GUESTS)
            or bool(team and user.get("team_id", team) != team),
            "is_gone": bool(user.get("deleted")),
        }
        nameless = session.exec(
            select(Person).where(col(Person.slack_id).is_(None), func.lower(Person.name) == str(name).lower())
        ).first()
        known = session.exec(select(Person).where(Person.slack_id == user["id"])).first()
        if known is None and user.get("deleted"):
            continue  # gone from the workspace, and perhaps forgotten here
        if known is None and nameless is not None:
            nameless.slack_id, known = user["id"], nameless  # seen on a training machine before
        if known is None:
            session.add(Person(slack_id=user["id"], created_at=now, logins=[], **values))
        else:
            for field, value in values.items():
                setattr(known, field, value)
            if nameless is not None and nameless is not known:
                _become(session, nameless, known)
        session.flush()
    return len(users)


def put_first(person: Person, project: Project) -> bool:
    """Put a project first on somebody's Home, or back among the others; True when it is first now."""
    return _toggle(person, "first", project)


def mute(person: Person, project: Project) -> bool:
    """Nothing of a project calls somebody or comes in their digest, or again it does; True when it is muted now."""
    return _toggle(person, "muted", project)


def has_muted(person: Person | None, project_id: int | None) -> bool:
    """Whether somebody wants to hear nothing of a project."""
    return person is not None and project_id in person.settings.get("muted", ())


def _toggle(person: Person, key: str, project: Project) -> bool:
    kept = list(person.settings.get(key, ()))
    held = project.id in kept
    kept = [one for one in kept if one != project.id] if held else [*kept, project.id]
    person.settings = person.settings | {key: kept}
    return not held


def _become(session: Session, nameless: Person, known: Person) -> None:
    """Who was known from a training machine alone turns out to be somebody in Slack: runs and notes are theirs."""
    session.execute(update(Run).where(col(Run.owner_id) == nameless.id).values(owner_id=known.id))
    session.execute(update(Note).where(col(Note.author_id) == nameless.id).values(author_id=known.id))
    known.logins = [*dict.fromkeys([*known.logins, *nameless.logins])]
