"""The processes of an embedded PostgreSQL: create its data directory, start it, find it, end it."""

import hashlib
import json
import logging
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.embedded_place import FIRST_PRIVATE_ID, MAJOR, PORT, EmbeddedPostgresError, Place

SUPERUSER = "runlore"
PATIENCE = 60.0  # seconds for a clean stop before an immediate one; both keep all that was committed
LOG_SIZE = 10_000_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Postmaster:
    """What `postmaster.pid` says."""

    pid: int
    status: str  # "starting" | "ready" | "stopping" | "standby"


def initialise(place: Place, *, sync: bool) -> None:
    """Create the data directory; interrupted half way, the next call begins anew."""
    version = place.data / "PG_VERSION"
    if version.exists():
        if (found := version.read_text().strip()) != MAJOR:
            raise EmbeddedPostgresError(
                f"{place.data} was written by PostgreSQL {found}, this is {MAJOR}: export with the release "
                "that wrote it and import into a new home."
            )
        return
    fresh = place.base / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    # initdb looks its user up by name, which a private id has none of. So it runs as an ordinary unprivileged
    # user but in the home's private group, and only that group can enter the directory around it.
    author = _unprivileged_uid() if place.dropped else place.uid
    os.chown(fresh, author, place.gid)
    command: list[str | Path] = [
        place.binaries / "initdb",
        "-D",
        fresh,
        "-U",
        SUPERUSER,
        "-A",
        "peer",
        "-E",
        "UTF8",
    ]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]
    result = subprocess.run(  # noqa: S603
        [*command, *([] if sync else ["--no-sync"])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **_as_user(place, uid=author),
    )
    if result.returncode:
        raise EmbeddedPostgresError(
            f"PostgreSQL could not be set up in {place.base}: {result.stderr.strip()}"
        )
    if place.dropped:
        for directory, _, files in os.walk(fresh):
            for path in (directory, *(os.path.join(directory, name) for name in files)):  # noqa: PTH118
                os.chown(path, place.uid, place.gid, follow_symlinks=False)
    fresh.rename(place.data)


def copy_running(place: Place, conninfo: str, target: Path) -> None:
    """A base backup: the data directory and the log that makes it whole, with a manifest of checksums."""
    command: list[str | Path] = [
        place.binaries / "pg_basebackup",
        "-d",
        conninfo,
        "-D",
        target,
        "-X",
        "stream",
    ]
    command += ["--checkpoint=fast", "--manifest-checksums=SHA256"]
    run_program(command)


def install(place: Place, copy: Path) -> None:
    """Put a base backup where the data lies, as the server's user; interrupted half way, the next call begins anew."""
    if place.data.exists():
        raise EmbeddedPostgresError(
            f"{place.data} exists already: a copy is only put into a home without a database."
        )
    if (found := (copy / "PG_VERSION").read_text().strip()) != MAJOR:
        raise EmbeddedPostgresError(f"{copy} was written by PostgreSQL {found}, this is {MAJOR}.")
    check_copy(copy)
    fresh = place.base / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(copy, fresh, symlinks=True)
    for directory, _, files in os.walk(fresh):
        Path(directory).chmod(0o700)
        for path in (directory, *(os.path.join(directory, name) for name in files)):  # noqa: PTH118
            os.chown(path, place.uid, place.gid, follow_symlinks=False)
    fresh.rename(place.data)


def check_copy(copy: Path) -> None:
    """Every file of a base backup against the checksum of its manifest (the packaged pg_verifybackup crashes)."""
    manifest = json.loads((copy / "backup_manifest").read_text())
    for told in manifest["Files"]:
        file = copy / (told.get("Path") or bytes.fromhex(told["Encoded-Path"]).decode())
        try:
            with file.open("rb") as content:
                same = hashlib.file_digest(content, "sha256").hexdigest() == told["Checksum"]
        except OSError:
            same = False
        if not same:
            raise EmbeddedPostgresError(f"The copy is damaged: {file} is not what was copied.")


def run_program(command: list[str | Path], *, password: str | None = None) -> str:
    """One of PostgreSQL's own programs; what it says is returned, a failure raised in its words."""
    environment = {"PATH": os.defpath, "LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})
    done = subprocess.run(  # noqa: S603
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        name = Path(command[0]).name
        raise EmbeddedPostgresError(f"{name} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def launch(place: Place, *, log: Path, settings: Mapping[str, str]) -> int:
    """Start the server as a daemon of its own session and return its process id."""
    if not place.data.exists():
        raise EmbeddedPostgresError(f"The data of the database is gone: put {place.data} back.")
    _write_access_rules(place)
    _turn_over(log)
    options = [f"{name}={value}" for name, value in (_settings(place) | dict(settings)).items()]
    command: list[str | Path] = [
        place.binaries / "postgres",
        "-D",
        place.data,
        *(part for o in options for part in ("-c", o)),
    ]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as target:
        # By way of a shell, so that no process of ours is its parent: whoever started it may leave.
        shell = subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=target,
            text=True,
            check=True,
            start_new_session=True,
            **_as_user(place, uid=place.uid),
        )
    return int(shell.stdout)


def running(place: Place) -> Postmaster | None:
    """The live server of this place, if `postmaster.pid` names one."""
    try:
        lines = (place.data / "postmaster.pid").read_text(errors="replace").splitlines()
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return None
    if not is_alive(pid) or not _is_ours(place, pid):
        return None
    return Postmaster(pid=pid, status=lines[7].strip() if len(lines) > 7 else "starting")


def is_alive(pid: int) -> bool:
    """Whether the process exists and is more than a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    state = _stat(pid)
    return state is None or state[1] not in "ZX"


def clear_away(place: Place) -> None:
    """End what a killed server left: orphaned backends, and lock files naming processes that are gone."""
    orphans = [pid for pid in _all_processes() if _is_ours(place, pid)]
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for pid in orphans:
            send(pid, number)
        if wait_for(lambda: not any(map(is_alive, orphans)), seconds=3.0):
            break
    for left in (place.data / "postmaster.pid", *place.sockets.glob(f".s.PGSQL.{PORT}*")):
        left.unlink(missing_ok=True)


def shut_down(place: Place) -> None:
    """Stop the server cleanly, disconnecting whoever is still connected."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        if not (postmaster := running(place)):
            return
        send(postmaster.pid, number)
        if wait_for(lambda: not is_alive(postmaster.pid), seconds=PATIENCE):
            return
    clear_away(place)


def wait_for(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Look every 10 ms until the condition holds; False when it did not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        logger.debug("process_gone", extra={"pid": pid})


def _settings(place: Place) -> dict[str, str]:
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{place.sockets}"',
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "maintenance_work_mem": "128MB",
        "work_mem": "16MB",
        # Containers give /dev/shm 64 MB, which one parallel index build exceeds.
        "dynamic_shared_memory_type": "posix" if _shared_memory() >= 2**30 else "mmap",
        "max_wal_size": "2GB",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # People's words must not reach the log: neither statements nor the values an error quotes.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
    }


def _shared_memory() -> int:
    directory = Path("/dev/shm")  # noqa: S108  only measured
    return shutil.disk_usage(directory).total if directory.exists() else 0


def _write_access_rules(place: Place) -> None:
    """Only the server's owner (and root, who could anyway) gets in, known by the kernel: no password exists."""
    names = {"root", _name(os.geteuid()), _name(place.uid)} - {None}
    (place.data / "pg_hba.conf").write_text(
        f"local all {SUPERUSER} peer map=home\nlocal replication {SUPERUSER} peer map=home\n"
    )
    (place.data / "pg_ident.conf").write_text(
        "".join(f'home "{name}" {SUPERUSER}\n' for name in sorted(filter(None, names)))
    )


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _unprivileged_uid() -> int:
    entries = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0}
    if not entries:
        raise EmbeddedPostgresError(
            "PostgreSQL does not run as root and this machine has no other user: add one (nobody will do)."
        )
    return entries.get("nobody", next(iter(entries.values())))


def _as_user(place: Place, *, uid: int) -> dict[str, Any]:
    """What to start a process with, so that it is the server's user and inherits nothing of ours."""
    common: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}, "umask": 0o077}
    return common | ({"user": uid, "group": place.gid, "extra_groups": []} if place.dropped else {})


def _turn_over(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_SIZE:
        log.replace(log.with_suffix(".log.1"))


def _stat(pid: int) -> tuple[str, str] | None:
    """The process's command name and state, where the system has /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name, rest.split()[0]


def _all_processes() -> list[int]:
    proc = Path("/proc")
    return [int(each.name) for each in proc.iterdir() if each.name.isdigit()] if proc.exists() else []


def _is_ours(place: Place, pid: int) -> bool:
    """Whether this is a PostgreSQL process of this place: they all work in its data directory."""
    process = Path(f"/proc/{pid}")
    if not process.exists():
        return not Path("/proc").exists()  # without /proc the pid file has to be believed
    try:
        status = _stat(pid)
        if status is None or status[0] != "postgres":
            return False
        return process.joinpath("cwd").readlink() == place.data
    except PermissionError:  # root without CAP_SYS_PTRACE, in a container: the private user is proof enough
        return place.uid >= FIRST_PRIVATE_ID and process.stat().st_uid == place.uid
    except OSError:
        return False
