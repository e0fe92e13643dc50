"""Signed HTTP to an app's request URL: events, commands and interactions."""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

from localslack.sockets import NotAcknowledged
from localslack.values import App, Json


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """What an app's endpoint answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class SignedHttp:
    """Posts to request URLs from a pool of threads, so that a slow app never stalls the workspace."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="signed-http")
        self._verified: set[str] = set()

    async def event(self, app: App, payload: Json, *, timeout: float, headers: dict[str, str]) -> HttpAnswer:
        await self._verify(app, timeout)
        return await self._post(app, json.dumps(payload).encode(), "application/json", timeout, headers)

    async def interaction(self, app: App, kind: str, payload: Json, *, timeout: float) -> Json | None:
        form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
        kind_of_body = "application/x-www-form-urlencoded"
        answer = await self._post(app, urlencode(form).encode(), kind_of_body, timeout, {})
        if answer.status != 200:
            raise NotAcknowledged("http_error")
        if not answer.body:
            return None
        if answer.headers.get("content-type", "").startswith("application/json"):
            parsed: Json = json.loads(answer.body)
            return parsed
        return {"text": answer.body.decode()}

    async def _verify(self, app: App, timeout: float) -> None:
        """Slack's check of a new request URL: it must echo a challenge before anything else is sent."""
        if app.id in self._verified:
            return
        challenge = secrets.token_urlsafe(20)
        payload = {"token": app.verification_token, "challenge": challenge, "type": "url_verification"}
        answer = await self._post(app, json.dumps(payload).encode(), "application/json", timeout, {})
        if answer.status != 200 or challenge not in answer.body.decode(errors="replace"):
            raise NotAcknowledged("http_error")
        self._verified.add(app.id)

    async def _post(
        self, app: App, body: bytes, content_type: str, timeout: float, headers: dict[str, str]
    ) -> HttpAnswer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _post, app, body, content_type, timeout, headers)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def signature(secret: str, stamp: str, body: bytes) -> str:
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
    return "v0=" + digest.hexdigest()


def _post(app: App, body: bytes, content_type: str, timeout: float, headers: dict[str, str]) -> HttpAnswer:
    stamp = str(int(time.time()))
    request = urllib.request.Request(  # noqa: S310 - the URL is the operator's own setting
        app.request_url or "",
        data=body,
        method="POST",
        headers={
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature(app.signing_secret, stamp, body),
            **headers,
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            return HttpAnswer(
                status=answer.status,
                headers={name.lower(): value for name, value in answer.headers.items()},
                body=answer.read(),
            )
    except urllib.error.HTTPError as refused:
        with refused:
            return HttpAnswer(
                status=refused.code,
                headers={name.lower(): value for name, value in refused.headers.items()},
                body=refused.read(),
            )
    except TimeoutError:
        raise NotAcknowledged("http_timeout") from None
    except OSError as error:
        timed_out = isinstance(getattr(error, "reason", None), TimeoutError)
        raise NotAcknowledged("http_timeout" if timed_out else "connection_failed") from None
