"""Looks at data behind an http address: public hosts alone unless a setting allows others, redirects included."""

import hashlib
import ipaddress
import socket
import ssl
import tempfile
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from bot.data_files import BLOCK, Look, shape
from bot.errors import RunloreError

REDIRECTS = 3
TIMEOUT = 20.0
NAT64 = ipaddress.ip_network("64:ff9b::/96")
PATIENCE = 300.0  # seconds for a whole body


class NotAllowed(RunloreError):
    """An address this bot must not be sent to."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not a public host. RUNLORE_DATA_PRIVATE_HOSTS allows it.")


def look_at_address(
    address: str, *, known: str | None, most_bytes: int, private_allowed: bool
) -> Look | None:
    """What an address holds; None where it cannot be read. `known` is the mark of the last look: unread when it is the same.

    Raises NotAllowed.
    """
    try:
        answer, connection = _open(address, private_allowed=private_allowed)
    except (OSError, HTTPException, ValueError):
        return None
    try:
        mark = _mark(answer)
        length = answer.getheader("Content-Length")
        size = int(length) if length and length.isdigit() else None
        if mark and (mark == known or (size or 0) > most_bytes):
            return Look(fingerprint=f"tag:{mark}", mark=mark, size=size)
        with tempfile.TemporaryDirectory(prefix="runlore-data-") as folder:
            file = Path(folder) / "data"
            digest = _save(answer, file, most_bytes)
            if digest is None:
                return None
            rows, names = shape(file, name=urlsplit(address).path)
            size = file.stat().st_size
        fingerprint = f"tag:{mark}" if mark else f"sha256:{digest}"
        return Look(
            fingerprint=fingerprint, mark=mark, size=size, rows=rows, columns=len(names) or None, names=names
        )
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def _tagged(answer: HTTPResponse) -> bool:
    return bool(answer.getheader("ETag") or answer.getheader("Last-Modified"))


def _mark(answer: HTTPResponse) -> str:
    """Entity tag, time and length as told; nothing where only the content can tell."""
    said = "\n".join(answer.getheader(name) or "" for name in ("ETag", "Last-Modified", "Content-Length"))
    return hashlib.sha256(said.encode()).hexdigest() if _tagged(answer) else ""


def _save(answer: HTTPResponse, file: Path, most_bytes: int) -> str | None:
    """The content's hash; None where it is too large or too slow."""
    digest, size, deadline = hashlib.sha256(), 0, time.monotonic() + PATIENCE
    with file.open("wb") as out:
        while block := answer.read(BLOCK):
            size += len(block)
            if size > most_bytes or time.monotonic() > deadline:
                return None
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def _open(address: str, *, private_allowed: bool) -> tuple[HTTPResponse, HTTPConnection]:
    for _ in range(REDIRECTS + 1):
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(address)
        connection = _Pinned(
            parts.hostname, parts.port, secure=parts.scheme == "https", private=private_allowed
        )
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        try:
            connection.request(
                "GET", target, headers={"Accept-Encoding": "identity", "User-Agent": "runlore"}
            )
            answer = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        if answer.status == 200:
            return answer, connection
        connection.close()
        if answer.status not in (301, 302, 303, 307, 308):
            raise HTTPException(str(answer.status))
        address = urljoin(address, answer.getheader("Location") or "")
    raise HTTPException("too many redirects")


def is_public(place: str) -> bool:
    """Whether an address belongs to the world; those that only wrap an IPv4 address are taken for inner ones."""
    address = ipaddress.ip_address(place)
    if address.is_multicast or not address.is_global:
        return False
    wrapped = isinstance(address, ipaddress.IPv6Address) and (
        address.sixtofour or address.teredo or address.ipv4_mapped or address in NAT64
    )
    return not wrapped


class _Pinned(HTTPConnection):
    """Connects to the very address that was checked, so that a name cannot change its mind in between."""

    def __init__(self, host: str, port: int | None, *, secure: bool, private: bool) -> None:
        super().__init__(host, port or (443 if secure else 80), timeout=TIMEOUT)
        self._secure, self._private = secure, private

    def connect(self) -> None:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        places = [str(each[4][0]) for each in found]
        if not self._private and not all(map(is_public, places)):
            raise NotAllowed(self.host)
        self.sock = socket.create_connection((places[0], self.port), self.timeout)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
