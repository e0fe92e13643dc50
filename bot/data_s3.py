"""Looks at objects of S3 and of what speaks its protocol: signed with the keys of the environment, at the endpoint named there alone."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

TIMEOUT = 20.0
MOST_PAGES = 200  # of a thousand objects each, under one prefix
MOST_LISTED = 4 << 20  # bytes of a page
EMPTY = hashlib.sha256(b"").hexdigest()
_OBJECT = re.compile(r"<Contents>(.*?)</Contents>", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """Where the objects are, and who asks."""

    endpoint: str
    region: str
    key: str
    secret: str
    token: str | None = None


def store_of(environment: Mapping[str, str]) -> Store | None:
    """The store that AWS's variables name; None where they hold no keys."""
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return None
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    named = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    return Store(
        endpoint=named or f"https://s3.{region}.amazonaws.com",
        region=region,
        key=key,
        secret=secret,
        token=environment.get("AWS_SESSION_TOKEN"),
    )


def object_state(address: str, store: Store, *, now: datetime) -> dict[str, Any] | None:
    """Entity tag and size of an object, or of all under a prefix together; None where these keys reach none."""
    parts = urlsplit(address)
    bucket, name = parts.netloc, parts.path.lstrip("/")
    try:
        if name and not name.endswith("/"):
            answer, _ = _ask(store, "HEAD", f"/{bucket}/{name}", {}, now=now)
            if answer.status == 200:
                return {
                    "tag": answer.getheader("ETag") or "",
                    "size": int(answer.getheader("Content-Length") or 0),
                }
            if answer.status != 404:
                return None
        prefix = f"{name.rstrip('/')}/" if name else ""
        inside = sorted(_listed(store, bucket, prefix, now=now))
    except (OSError, HTTPException, ValueError):
        return None
    told = "\n".join(f"{key}:{tag}:{size}" for key, tag, size in inside)
    size = sum(size for _, _, size in inside)
    return {"tag": hashlib.sha256(told.encode()).hexdigest(), "size": size} if inside else None


def _listed(store: Store, bucket: str, prefix: str, *, now: datetime) -> Iterator[tuple[str, str, int]]:
    """(key, tag, size) of all objects under a prefix. Raises HTTPException when refused."""
    more: str | None = ""
    for _ in range(MOST_PAGES):
        query = {"list-type": "2", "prefix": prefix} | ({"continuation-token": more} if more else {})
        answer, body = _ask(store, "GET", f"/{bucket}", query, now=now)
        if answer.status != 200:
            raise HTTPException(str(answer.status))
        for found in _OBJECT.findall(body):
            yield _of(found, "Key"), _of(found, "ETag"), int(_of(found, "Size") or 0)
        more = _of(body, "NextContinuationToken")
        if not more:
            return


def _of(text: str, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return unescape(found[1]) if found else ""


def _ask(
    store: Store, method: str, path: str, query: Mapping[str, str], *, now: datetime
) -> tuple[HTTPResponse, str]:
    """One signed request; redirects are not followed, as the signature is for this host."""
    parts = urlsplit(store.endpoint)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=TIMEOUT)
    path, told = quote(path, safe="/-_.~"), urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
    headers = {
        "host": parts.netloc,
        "x-amz-content-sha256": EMPTY,
        "x-amz-date": f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}",
    }
    if store.token:
        headers["x-amz-security-token"] = store.token
    headers["Authorization"] = authorization(store, method, path, told, headers)
    try:
        connection.request(method, f"{path}?{told}" if told else path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read(MOST_LISTED).decode("utf-8", "replace")
    finally:
        connection.close()


def authorization(store: Store, method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """AWS's signature, version 4, over these headers; path and query as they are sent."""
    names = ";".join(sorted(headers))
    told = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join([method, path, query, told, names, headers["x-amz-content-sha256"]])
    moment = headers["x-amz-date"]
    scope = f"{moment[:8]}/{store.region}/s3/aws4_request"
    signed = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{store.secret}".encode()
    for part in (*scope.split("/"), signed):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"AWS4-HMAC-SHA256 Credential={store.key}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
