"""An S3-compatible store on this machine: objects under keys, and whoever asks must have signed with the right secret."""

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

KEY, SECRET = "AKTEST", "a secret of tests"


@dataclass
class Objects:
    """What the buckets hold, and where they are asked for."""

    held: dict[str, bytes] = field(default_factory=dict)  # "bucket/key" -> content
    endpoint: str = ""
    page: int = 1000
    refused: int = 0

    def environment(self, *, secret: str = SECRET) -> dict[str, str]:
        """As an operator would set it."""
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": secret, "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_REGION": "eu-test-1"}  # fmt: skip


def tag(content: bytes) -> str:
    """As stores make them."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@contextmanager
def s3_store() -> Iterator[Objects]:
    """The store, running."""
    objects = Objects()

    class Handler(BaseHTTPRequestHandler):
        def _signed(self) -> bool:
            told = dict(
                part.strip().split("=", 1)
                for part in self.headers["Authorization"].split(" ", 1)[1].split(",")
            )
            path, _, query = self.path.partition("?")
            names = told["SignedHeaders"].split(";")
            canonical = "\n".join([
                self.command, path, "&".join(sorted(query.split("&"))), *(f"{name}:{self.headers[name].strip()}" for name in names), "",
                told["SignedHeaders"], self.headers["x-amz-content-sha256"],
            ])  # fmt: skip
            key, day, region, service, end = told["Credential"].split("/")
            text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], f"{day}/{region}/{service}/{end}",
                              hashlib.sha256(canonical.encode()).hexdigest()])  # fmt: skip
            secret = ("AWS4" + SECRET).encode()
            for part in (day, region, service, end):
                secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
            own = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
            return key == KEY and hmac.compare_digest(own, told["Signature"])

        def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            if "Content_Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            if not self._signed():
                objects.refused += 1
                return self._answer(403)
            content = objects.held.get(unquote(urlsplit(self.path).path).lstrip("/"))
            if content is None:
                return self._answer(404)
            return self._answer(200, ETag=f'"{tag(content)}"', Content_Length=str(len(content)))

        def do_GET(self) -> None:
            if not self._signed():
                objects.refused += 1
                return self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
            parts = urlsplit(self.path)
            asked = {
                name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()
            }
            bucket = parts.path.strip("/")
            keys = sorted(
                name.partition("/")[2] for name in objects.held
                if name.startswith(f"{bucket}/{asked.get('prefix', '')}")
            )  # fmt: skip
            begin, size = (
                int(asked.get("continuation-token", "0")),
                min(objects.page, int(asked.get("max-keys", objects.page))),
            )
            shown, more = keys[begin : begin + size], begin + size < len(keys)
            rows = "".join(
                f"<Contents><Key>{escape(quote(key))}</Key><ETag>&quot;{tag(objects.held[f'{bucket}/{key}'])}&quot;</ETag>"
                f"<Size>{len(objects.held[f'{bucket}/{key}'])}</Size></Contents>"
                for key in shown
            )
            token = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
            token += f"<NextContinuationToken>{begin + size}</NextContinuationToken>" if more else ""
            return self._answer(
                200,
                f"<ListBucketResult><EncodingType>url</EncodingType>{rows}{token}</ListBucketResult>".encode(),
            )

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    objects.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield objects
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
