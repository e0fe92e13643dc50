"""Speak HTTP with the server: one request, one answer, and a word on what to do about a refusal."""

import contextlib
import email.utils
import gzip
import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any, NamedTuple

from runlore.version import VERSION

TIMEOUT = 10.0
MAX_ANSWER = 4 * 1024 * 1024
GZIP_FROM = 400


class Answer(NamedTuple):
    """What came back; `status` 0 means that nothing did, and `reason` says why in words."""

    status: int
    body: dict[str, Any]
    retry_after: float | None
    reason: str

    @property
    def ok(self) -> bool:
        """Whether the server took it."""
        return self.status == 200


class Client:
    """One server and one token. Redirects are not followed: the token goes nowhere else."""

    def __init__(self, url: str, token: str | None, timeout: float = TIMEOUT) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._timeout = timeout
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
        ):
            self._opener.add_handler(handler)

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        """Send JSON, compressed when it is worth it."""
        data = json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json"}
        if len(data) >= GZIP_FROM:
            data = gzip.compress(data, 6)
            headers["Content-Encoding"] = "gzip"
        return self._send("POST", path, data, headers)

    def put(self, path: str, data: bytes) -> Answer:
        """Send a file's bytes."""
        return self._send("PUT", path, data, {"Content-Type": "application/octet-stream"})

    def get(self, path: str) -> Answer:
        """Ask for something."""
        return self._send("GET", path, None, {})

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        headers = {**headers, "User-Agent": f"runlore/{VERSION}"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if not self.url.startswith(("http://", "https://")):
            return Answer(0, {}, None, f"{self.url} is no http(s) address")
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)  # noqa: S310 - checked above
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return self._read(response.status, response)
        except urllib.error.HTTPError as error:
            with error:
                return self._read(error.code, error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            # "Connection refused", without the number that only this machine's kernel knows.
            words = getattr(reason, "strerror", None) or str(reason)
            return Answer(0, {}, None, words or type(error).__name__)

    def _read(self, status: int, response: Any) -> Answer:
        retry_after = _retry_after(response.headers.get("Retry-After"))
        try:
            content = response.read(MAX_ANSWER)
            if response.headers.get("Content-Encoding") == "gzip":
                content = gzip.decompress(content)
            body = json.loads(content or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            body = None
        if not isinstance(body, dict):
            # A proxy's page or a cut answer: whatever the status says, it is not from our server.
            return Answer(
                0 if status == 200 else status, {}, retry_after, f"answer {status} is not from Runlore"
            )
        return Answer(status, body, retry_after, str(body.get("error", "")) or f"status {status}")


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form that HTTP allows."""
    if not value:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(value))
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None
