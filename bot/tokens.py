"""Who may write and read over HTTP: bearer tokens of people and projects, kept as hashes only."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from bot.errors import Forbidden, NotFound
from storage.tables import ApiToken, Person, Project

PREFIX = "rl_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bearer:
    """Whose token a request carries."""

    token_id: int
    person_id: int | None
    project_id: int | None
    scopes: frozenset[str]
    is_guest: bool = False  # its person, in Slack


def create(
    session: Session,
    *,
    now: datetime,
    project: Project | None = None,
    person: Person | None = None,
    scopes: Sequence[str] = ("write", "read"),
    label: str | None = None,
    lasts: timedelta | None = None,
) -> str:
    """A new token; this is the only time it is seen."""
    token = PREFIX + secrets.token_urlsafe(32)
    session.add(
        ApiToken(
            digest=_digest(token),
            hint=token[:8],
            project_id=project.id if project else None,
            person_id=person.id if person else None,
            scopes=list(scopes),
            label=label,
            created_at=now,
            expires_at=now + lasts if lasts else None,
        )
    )
    session.flush()
    return token


def check(session: Session, header: str | None, *, scope: str, now: datetime) -> Bearer | None:
    """The bearer of an Authorization header; None when it names no valid token. Raises Forbidden outside its scopes."""
    digest = _digest_of(header)
    row = session.exec(select(ApiToken).where(ApiToken.digest == digest)).first() if digest else None
    if row is None or digest is None or not hmac.compare_digest(row.digest, digest):
        return None
    owner = session.get(Person, row.person_id) if row.person_id else None
    if not _is_valid(row, owner, now=now):
        return None
    if scope not in row.scopes:
        raise Forbidden(f"This token may not {scope}. Ask for one with the scope {scope!r}.")
    if _is_used_anew(row, now=now):
        row.last_used_at = now
    return _bearer(row, owner)


def check_together(
    session: Session, headers: Iterable[str | None], *, scope: str, now: datetime
) -> dict[str | None, Bearer]:
    """The bearers of many Authorization headers; a header that is not good for `scope` is left out."""
    digests = {header: _digest_of(header) for header in headers}
    named = (
        select(ApiToken, Person)
        .join(Person, isouter=True)
        .where(col(ApiToken.digest).in_(filter(None, digests.values())))
    )
    found = {
        row.digest: (row, owner)
        for row, owner in session.exec(named)
        if _is_valid(row, owner, now=now) and scope in row.scopes
    }
    if anew := [row.id for row, _ in found.values() if _is_used_anew(row, now=now)]:
        # A token's row that somebody holds is passed over: whoever holds it may wait for what we hold.
        free = select(ApiToken.id).where(col(ApiToken.id).in_(anew)).with_for_update(skip_locked=True)
        used = update(ApiToken).where(col(ApiToken.id).in_(free.scalar_subquery())).values(last_used_at=now)
        session.execute(used, execution_options={"synchronize_session": False})
    return {header: _bearer(*found[digest]) for header, digest in digests.items() if digest in found}


def _is_valid(row: ApiToken, owner: Person | None, *, now: datetime) -> bool:
    ended = row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now)
    return not ended and not (owner is not None and owner.is_gone)


def _is_used_anew(row: ApiToken, *, now: datetime) -> bool:
    return row.last_used_at is None or now - row.last_used_at > timedelta(minutes=1)


def _bearer(row: ApiToken, owner: Person | None) -> Bearer:
    return Bearer(
        token_id=row.id or 0,
        person_id=row.person_id,
        project_id=row.project_id,
        scopes=frozenset(row.scopes),
        is_guest=owner is not None and owner.is_guest,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A token as its owner knows it again; its characters are not kept."""

    number: int
    hint: str
    project: str | None
    person: str | None
    label: str | None
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None
    last_used: datetime | None


def listed(session: Session) -> list[Listed]:
    """Every token that was not revoked, oldest first."""
    query = (
        select(ApiToken, Project.name, Person.name)
        .join(Project, col(ApiToken.project_id) == col(Project.id), isouter=True)
        .join(Person, col(ApiToken.person_id) == col(Person.id), isouter=True)
        .where(col(ApiToken.revoked_at).is_(None))
        .order_by(col(ApiToken.id))
    )
    return [
        Listed(
            number=row.id or 0,
            hint=row.hint,
            project=project,
            person=person,
            label=row.label,
            scopes=tuple(row.scopes),
            created=row.created_at,
            expires=row.expires_at,
            last_used=row.last_used_at,
        )
        for row, project, person in session.exec(query)
    ]


def revoke(session: Session, hint: str, *, now: datetime) -> int:
    """Revoke the tokens whose first characters or number these are; raises NotFound when there are none."""
    valid = select(ApiToken).where(col(ApiToken.revoked_at).is_(None))
    rows = [row for row in session.exec(valid) if row.hint == hint or str(row.id) == hint]
    if not rows:
        raise NotFound(f"There is no token {hint}. `runlore-bot token list` shows them.")
    for row in rows:
        row.revoked_at = now
    return len(rows)


def _digest_of(header: str | None) -> str | None:
    """What is kept of the token that an Authorization header carries."""
    scheme, _, token = (header or "").partition(" ")
    return _digest(token.strip()) if scheme.lower() == "bearer" and token else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
