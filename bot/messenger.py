"""Slack's Web API behind a small port; the one module that knows slack_sdk's client and its failures."""

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot import figures
from bot.errors import SlackBusy, SlackDoubtful, SlackRefused

SLACK_FILE_HOSTS = (".slack.com", ".slack-edge.com", ".slack-files.com")
CHUNK = 1 << 16


class Messenger(Protocol):
    """What the bot asks of Slack. Raises SlackRefused, SlackBusy or SlackDoubtful."""

    def call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call a Web API method with its arguments."""

    def permalink(self, channel: str, ts: str) -> str | None:
        """The address of a message; None when Slack does not say (a link is a convenience, no reason to fail)."""

    def respond(self, url: str, body: Mapping[str, Any]) -> None:
        """Answer a slash command or a button by its `response_url`."""

    def download(self, url: str, target: Path, *, limit: int) -> None:
        """Fetch a file of the workspace into `target`; more than `limit` bytes is refused."""

    def upload(
        self, name: str, data: bytes, *, channel: str | None, thread_ts: str | None, comment: str | None
    ) -> dict[str, Any]:
        """Share a file in a channel or thread; with no channel it is kept for a message that shows it."""


class SlackMessenger:
    """The port over slack_sdk; it never retries by itself, because only the outbox knows what was sent."""

    def __init__(self, *, token: str, base_url: str = "https://slack.com/api/", timeout: int = 15) -> None:
        self._token = token
        self._base = base_url
        self._client = WebClient(token=token, base_url=base_url, timeout=timeout, retry_handlers=[])
        self._timeout = timeout

    def call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        with figures.slack_call(method):
            return self._call(method, body)

    def _call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        arguments = {
            name: json.dumps(value) if isinstance(value, dict | list) else value
            for name, value in body.items()
            if value is not None
        }
        try:
            answer = self._client.api_call(method, params=arguments)
        except SlackApiError as error:
            raise _translate(error) from error
        except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
            if isinstance(error, URLError) and isinstance(error.reason, ConnectionRefusedError):
                raise SlackBusy(1.0) from error  # nobody listened, so nothing was done
            raise SlackDoubtful(f"{method}: {type(error).__name__}") from error
        data = answer.data
        return dict(data) if isinstance(data, dict) else {}

    def permalink(self, channel: str, ts: str) -> str | None:
        try:
            answer = self.call("chat.getPermalink", {"channel": channel, "message_ts": ts})
        except (SlackRefused, SlackBusy, SlackDoubtful):
            return None
        return str(answer.get("permalink") or "") or None

    def respond(self, url: str, body: Mapping[str, Any]) -> None:
        self._check_host(url)
        request = Request(  # noqa: S310  the host was checked
            url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}, method="POST"
        )
        try:
            with build_opener().open(request, timeout=self._timeout):
                return
        except HTTPError as error:
            if error.code == 429:
                raise SlackBusy(float(error.headers.get("Retry-After", 1))) from error
            raise SlackRefused(f"response_url answered {error.code}") from error
        except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
            raise SlackDoubtful("response_url") from error

    def download(self, url: str, target: Path, *, limit: int) -> None:
        """The token goes to Slack's own hosts (or the configured base) only, redirects included."""
        self._check_host(url)
        opener = build_opener(_SameHosts(self._trusted))
        request = Request(url, headers={"Authorization": f"Bearer {self._token}"})  # noqa: S310  checked above
        try:
            with opener.open(request, timeout=self._timeout) as answer, target.open("wb") as file:
                size = 0
                for chunk in iter(lambda: answer.read(CHUNK), b""):
                    size += len(chunk)
                    if size > limit:
                        raise SlackRefused(f"the file is larger than {limit >> 20} MiB")
                    file.write(chunk)
        except HTTPError as error:
            if error.code == 429:
                raise SlackBusy(float(error.headers.get("Retry-After", 1))) from error
            if error.code >= 500:
                raise SlackDoubtful("download") from error
            raise SlackRefused(f"the download answered {error.code}") from error
        except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
            raise SlackDoubtful("download") from error

    def upload(
        self, name: str, data: bytes, *, channel: str | None, thread_ts: str | None, comment: str | None
    ) -> dict[str, Any]:
        place = self.call("files.getUploadURLExternal", {"filename": name, "length": len(data)})
        url = str(place["upload_url"])
        self._check_host(url)
        request = Request(url, data=data, method="POST")  # noqa: S310  the host was checked
        try:
            with build_opener().open(request, timeout=self._timeout):
                pass
        except HTTPError as error:
            raise SlackRefused(f"the upload answered {error.code}") from error
        except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
            raise SlackBusy(1.0) from error  # not shared yet, so a repeat does no harm
        body: dict[str, Any] = {"files": [{"id": place["file_id"], "title": name}], "channel_id": channel}
        body |= {"thread_ts": thread_ts, "initial_comment": comment}
        return self.call("files.completeUploadExternal", body)

    def _check_host(self, url: str) -> None:
        if not self._trusted(url):
            raise SlackRefused(f"{urlsplit(url).hostname} is not a host of this Slack workspace")

    def _trusted(self, url: str) -> bool:
        there, base = urlsplit(url), urlsplit(self._base)
        if (there.scheme, there.hostname, there.port) == (base.scheme, base.hostname, base.port):
            return True
        host = there.hostname or ""
        return there.scheme == "https" and any(host.endswith(end) for end in SLACK_FILE_HOSTS)


class _SameHosts(HTTPRedirectHandler):
    """Follows a redirect only to trusted hosts, so that the token never leaves."""

    def __init__(self, trusted: Any) -> None:  # noqa: ANN401
        self._trusted = trusted

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        if not self._trusted(newurl):
            raise SlackRefused(f"the download was redirected to {urlsplit(newurl).hostname}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _translate(error: SlackApiError) -> Exception:
    """slack_sdk's one exception into what can be done about it."""
    response = error.response
    status = getattr(response, "status_code", 200)
    data = response.data if isinstance(response.data, dict) else {}
    code = str(data.get("error", "")) or f"status {status}"
    if status == 429 or code in ("ratelimited", "rate_limited"):
        headers = {str(k).lower(): v for k, v in dict(response.headers).items()}
        return SlackBusy(float(headers.get("retry-after", 1)))
    if status >= 500 or code in ("internal_error", "fatal_error", "service_unavailable", "request_timeout"):
        return SlackDoubtful(f"{code} ({status})")
    return SlackRefused(code, list(_details(data)))


def _details(data: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(one) for one in data.get("errors", []))
    metadata = data.get("response_metadata")
    if isinstance(metadata, Mapping):
        yield from (str(one) for one in metadata.get("messages", []))
