"""Another user of this machine, as root can be: runs a function, or Python code, with that user's rights."""

import os
import pwd
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.embedded import EmbeddedPostgres

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user of the machine")


def ids_of(name: str) -> tuple[int, int]:
    """A user's id and main group."""
    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid


def as_user(uid: int, gid: int, act: Callable[[], str]) -> str:
    """What `act` answers when that user does it; a refusal by the system is answered by its name."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        try:
            answer = act()
        except OSError as error:
            answer = type(error).__name__
        os.write(write, answer.encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        return pipe.read()


def knock(sockets: Path) -> str:
    """Ask a server for its database as its superuser, by hand; return its refusal, or "welcome"."""
    said = b"user\0runlore\0database\0runlore\0\0"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(sockets / ".s.PGSQL.5432"))
        connection.sendall(struct.pack("!ii", len(said) + 8, 196608) + said)
        answer = connection.recv(4096)
    return answer.decode(errors="replace") if answer.startswith(b"E") else "welcome"


@contextmanager
def user_of_home(uid: int, gid: int, home: Path) -> Iterator[int]:
    """Another user's bot on a home: the process id of the server it uses, until it is told to leave."""
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(done[1])
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        with EmbeddedPostgres(home, settings={"fsync": "off"}) as server:
            os.write(ready[1], str(server.pid).encode())
            os.read(done[0], 1)
        os._exit(0)
    os.close(ready[1])
    try:
        yield int(os.read(ready[0], 100))
    finally:
        os.close(done[1])
        os.waitpid(child, 0)
        os.close(ready[0])
        os.close(done[0])
