"""Senders that cost little beside what they measure: one thread, sockets kept open, bodies packed once."""

import json
import selectors
import socket
import struct
import time
import zlib
from collections.abc import Iterator

AGAIN_SECONDS = 0.2  # after an answer that puts off


class Body:
    """A gzip body of which only the head changes: the series were packed once, as docs/wire.md has them."""

    def __init__(self, series: str) -> None:
        self._tail = f', "series": {series}}}'.encode()
        packer = zlib.compressobj(1, wbits=-15)
        self._packed = packer.compress(self._tail) + packer.flush()

    def packed(self, head: bytes) -> bytes:
        """The whole: the head as a stored block, then what was packed."""
        stored = struct.pack("<BHH", 0, len(head), len(head) ^ 0xFFFF) + head
        sum_ = struct.pack("<II", zlib.crc32(self._tail, zlib.crc32(head)), len(head) + len(self._tail))
        return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + stored + self._packed + sum_


def head(project: str, run: str, first: int, count: int, *, start: bool = False) -> bytes:
    """A batch as a sidecar writes it, up to its series."""
    now = time.time()
    events = [{"t": "start", "seq": first, "at": now, "name": run, "entry": "train.py"}] if start else []
    told = {"v": 1, "project": project, "run": run, "stream": f"{zlib.crc32(run.encode()):016x}"}
    told |= {"first": first, "count": count, "sent_at": now, "events": events}
    return json.dumps(told)[:-1].encode()


def columns(metrics: int, points: int, step: int) -> str:
    """Points of every metric from `step` on: steps and milliseconds as differences."""
    steps, times = [step, *[1] * (points - 1)], [int(time.time() * 1000), *[1] * (points - 1)]
    values = [1.0 / (one + 1) for one in range(step, step + points)]
    return json.dumps(
        [{"k": f"metric/{name}", "s": steps, "ms": times, "v": values} for name in range(metrics)]
    )


class Senders:
    """Connections by number, each with at most one batch under way."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket | None] = [None] * count
        self._requests = [b""] * count
        self._began = [0.0] * count
        self._answers = [b""] * count
        self._again: list[tuple[float, int]] = []
        self.put_off = 0

    def send(self, place: int, token: str, body: bytes) -> None:
        """Send a batch; `answers` tells when it was acknowledged."""
        head = (
            "POST /api/v1/ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Encoding: gzip\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._requests[place] = head.encode() + body
        self._began[place] = time.monotonic()
        self._write(place)

    def is_under_way(self, place: int) -> bool:
        """Whether its last batch was not acknowledged yet."""
        return bool(self._requests[place])

    def answers(self, seconds: float) -> Iterator[tuple[int, float]]:
        """Who was acknowledged within so many seconds, and how long after sending; ends after the first few."""
        now = time.monotonic()
        while self._again and self._again[0][0] <= now:
            self._write(self._again.pop(0)[1])
        for key, _ in self._selector.select(min(seconds, AGAIN_SECONDS)):
            place = int(key.data)
            if self._read(place):
                yield place, time.monotonic() - self._began[place]

    def _write(self, place: int) -> None:
        link = self._sockets[place]
        if link is None:
            link = self._sockets[place] = socket.create_connection(("127.0.0.1", self._port), timeout=60)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(link, selectors.EVENT_READ, place)
        self._answers[place] = b""
        try:
            link.sendall(self._requests[place])
        except OSError:  # the server closed it meanwhile
            self._close(place)
            self._write(place)

    def _close(self, place: int) -> None:
        link = self._sockets[place]
        if link is not None:
            self._selector.unregister(link)
            link.close()
        self._sockets[place] = None

    def _read(self, place: int) -> bool:
        link = self._sockets[place]
        assert link is not None
        try:
            more = link.recv(65536)
        except OSError:
            more = b""
        if not more:
            waits = not self._answers[place] and bool(self._requests[place])
            self._close(place)
            if waits:
                self._write(place)
            return False
        self._answers[place] += more
        top, _, body = self._answers[place].partition(b"\r\n\r\n")
        length = top.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not length or len(body) < int(length):
            return False
        status = top.split(b" ", 2)[1]
        if status in (b"429", b"503"):
            self.put_off += 1
            self._again.append((time.monotonic() + AGAIN_SECONDS, place))
            return False
        if status != b"200" or b'"errors":[]' not in body:
            raise SystemExit(f"A batch was answered with {status!r}: {body[:300]!r}")
        self._requests[place] = b""
        return True
