"""The edge to Slack: slack_bolt verifies, this keeps what came and acknowledges; everything else is a job."""

import contextlib
import logging
import re
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slack_bolt import Ack, App, BoltContext, BoltRequest, BoltResponse
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from sqlalchemy.exc import SQLAlchemyError

from bot import inbox
from bot.errors import BadInput, RunloreError
from bot.forms import check_submission
from bot.logs import kind_of
from bot.wiring import Services

log = logging.getLogger(__name__)

ANYTHING = re.compile(".*")
PING_SECONDS = 2  # slack_sdk takes a socket for dead after four of them without an answer
REFUSED = ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type", "missing_scope")  # fmt: skip
LISTENERS = 32  # acknowledgements must not queue behind each other


def build_app(services: Services, *, bot_id: str) -> App:
    """The Bolt app: one global middleware for events, one listener for each kind of interaction."""
    settings = services.settings
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else None
    secret = settings.slack_signing_secret

    def authorize(**_: Any) -> AuthorizeResult:  # noqa: ANN401
        return AuthorizeResult(
            enterprise_id=None, team_id=None, bot_token=token, bot_id=bot_id, bot_user_id=services.bot_user
        )

    app = App(
        authorize=authorize,
        client=WebClient(token=token, base_url=settings.slack_base_url),
        # Bolt wants one in Socket Mode too; nobody can sign with what nobody knows.
        signing_secret=secret.get_secret_value() if secret else secrets.token_hex(32),
        listener_executor=ThreadPoolExecutor(LISTENERS, thread_name_prefix="listener"),
    )
    register(app, services)
    return app


def register(app: App, services: Services) -> None:
    """Every listener there is."""
    app.middleware(_keep_events(services))
    app.command("/runs")(_keep_command(services))
    app.action(ANYTHING)(_keep_interaction(services, "block_actions"))
    app.shortcut(ANYTHING)(_keep_interaction(services, "message_action"))
    app.view(ANYTHING)(_keep_submission(services))
    app.view_closed(ANYTHING)(_acknowledge)
    app.options(ANYTHING)(_acknowledge)
    app.error(_errors)


def socket_handler(app: App, services: Services) -> SocketModeHandler:
    """Socket Mode through slack_sdk's own client."""
    token = services.settings.slack_app_token
    handler = SocketModeHandler(app, token.get_secret_value() if token else None, ping_interval=PING_SECONDS)
    handler.client.web_client.base_url = services.settings.slack_base_url
    return handler


def open_socket(handler: SocketModeHandler, leaving: threading.Event, *, every: float = 5.0) -> None:
    """Connect; where Slack cannot be reached now it is tried again until it can, as runs report meanwhile. Raises RunloreError."""

    def opened(*, first: bool) -> bool:
        try:
            handler.connect()  # type: ignore[no-untyped-call]
        except SlackApiError as error:
            reason = str(error.response.get("error"))
            if first and reason in REFUSED:
                raise RunloreError(
                    f"Slack does not accept SLACK_APP_TOKEN ({reason}). `runlore-bot doctor --slack` tells more."
                ) from error
            log.warning("slack_socket_not_opened", extra={"reason": reason})
        except (SlackClientError, OSError) as error:
            log.warning("slack_socket_not_opened", extra={"reason": type(error).__name__})
        else:
            return True
        return False

    def try_on() -> None:
        while not leaving.wait(every) and not opened(first=False):
            pass

    if not opened(first=True):
        threading.Thread(target=try_on, name="slack-socket", daemon=True).start()


def close_socket(handler: SocketModeHandler) -> None:
    """End the connection; one that breaks at this very moment is ended too (slack_sdk stumbles over its socket)."""
    with contextlib.suppress(AttributeError):
        handler.close()  # type: ignore[no-untyped-call]


def identity(token: str, base_url: str) -> dict[str, Any]:
    """Who the bot is: `user_id`, `bot_id`, `team_id`, `team`. Raises SlackApiError or URLError."""
    answer = WebClient(token=token, base_url=base_url).auth_test()
    return dict(answer.data) if isinstance(answer.data, dict) else {}


def _keep_events(services: Services) -> Callable[..., BoltResponse]:
    def keep_events(
        req: BoltRequest,
        body: dict[str, Any],
        context: BoltContext,
        next: Callable[[], BoltResponse],
    ) -> BoltResponse:
        """Persist before Bolt acknowledges: a database that fails answers 503, and Slack delivers again."""
        del req, context
        if body.get("type") != "event_callback":
            return next()
        event = body.get("event")
        event = event if isinstance(event, dict) else {}
        if inbox.is_own(event, services.bot_user):
            return BoltResponse(status=200)
        try:
            with services.database.session() as session:
                inbox.keep(
                    session,
                    str(body.get("event_id")),
                    str(event.get("type")),
                    {"event": event},
                    now=services.now(),
                )
        except SQLAlchemyError as error:  # the pool's own timeout is no DBAPIError
            log.error("event_not_kept", extra={"reason": kind_of(error)})
            return BoltResponse(status=503)
        return BoltResponse(status=200)

    return keep_events


def _keep_command(services: Services) -> Callable[..., None]:
    def keep_command(ack: Ack, body: dict[str, Any]) -> None:
        kept = {
            name: body.get(name) for name in ("text", "user_id", "channel_id", "response_url", "trigger_id")
        }
        with services.database.session() as session:
            inbox.keep(session, f"command:{body['trigger_id']}", "command", kept, now=services.now())
        ack()

    return keep_command


def _keep_interaction(services: Services, kind: str) -> Callable[..., None]:
    def keep_interaction(ack: Ack, body: dict[str, Any]) -> None:
        with services.database.session() as session:
            inbox.keep(session, f"{kind}:{body.get('trigger_id')}", kind, body, now=services.now())
        ack()

    return keep_interaction


def _keep_submission(services: Services) -> Callable[..., None]:
    def keep_submission(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        """What is wrong with a form is said in the form, so it is checked before the acknowledgement."""
        try:
            check_submission(view)
        except BadInput as problem:
            first_input = next((b["block_id"] for b in view["blocks"] if b["type"] == "input"), "text")
            ack(response_action="errors", errors={problem.field or first_input: str(problem)})
            return
        with services.database.session() as session:
            inbox.keep(
                session, f"view:{view['id']}:{view.get('hash')}", "view_submission", body, now=services.now()
            )
        ack()

    return keep_submission


def _acknowledge(ack: Ack) -> None:
    ack()


def _errors(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """The one funnel. A status other than 200 would lose the acknowledgement in Socket Mode."""
    reason = error.response.get("error") if isinstance(error, SlackApiError) else type(error).__name__
    log.error(
        "listener_failed", extra={"kind": body.get("type") or "command", "reason": reason}, exc_info=error
    )
    if "command" in body:
        text = "I could not take that in: my database does not answer. Please try again in a minute."
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": text})
    return BoltResponse(status=200)
