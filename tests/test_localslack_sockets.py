"""Socket Mode and signed HTTP deliver as Slack does: any one connection, redelivery, disconnects, signatures."""

import contextlib
import json
from collections.abc import Callable, Iterator

import pytest
from bolt_apps import Endpoint, bolt_app, http_config
from local_workspace import ANA, RUNS, LocalWorkspace, default_config
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect


class Listener:
    """A real Socket Mode client that keeps what it gets and acknowledges what it is told to."""

    def __init__(
        self, workspace: LocalWorkspace, *, acknowledge: Callable[[SocketModeRequest], bool] = bool
    ) -> None:
        self.got: list[SocketModeRequest] = []
        self._acknowledge = acknowledge
        web = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
        self.client = SocketModeClient(app_token=workspace.app_token, web_client=web, ping_interval=1)
        self.client.socket_mode_request_listeners.append(self._hear)
        self.client.connect()

    def _hear(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        self.got.append(request)
        if self._acknowledge(request):
            client.send_socket_mode_response({"envelope_id": request.envelope_id})

    def texts(self) -> list[str]:
        return [each.payload["event"].get("text", "") for each in self.got]

    def close(self) -> None:
        self.client.close()


@pytest.fixture
def workspace() -> Iterator[LocalWorkspace]:
    with LocalWorkspace(default_config(ack_timeout=0.5)) as running:
        yield running


def test_each_event_goes_to_any_one_connection(workspace: LocalWorkspace) -> None:
    listeners = [Listener(workspace), Listener(workspace)]
    sent = [f"message {number}" for number in range(10)]
    for text in sent:
        workspace.post(ANA, RUNS, text)
    workspace.wait_for(lambda: sum(len(each.got) for each in listeners) >= 10)
    assert sorted(text for each in listeners for text in each.texts()) == sorted(sent)
    assert all(each.got for each in listeners)
    for each in listeners:
        each.close()


def test_an_unacknowledged_event_is_sent_again_with_its_attempt(workspace: LocalWorkspace) -> None:
    listener = Listener(workspace, acknowledge=lambda request: (request.retry_attempt or 0) >= 2)
    workspace.post(ANA, RUNS, "hello")
    workspace.wait_for(lambda: workspace.deliveries()[-1]["acked"])
    assert [each.retry_attempt for each in listener.got] == [0, 1, 2]
    assert [each.retry_reason for each in listener.got] == ["", "timeout", "timeout"]
    assert len({each.payload["event_id"] for each in listener.got}) == 1
    listener.close()


def test_an_event_is_given_up_after_three_retries(workspace: LocalWorkspace) -> None:
    listener = Listener(workspace, acknowledge=lambda request: False)
    workspace.post(ANA, RUNS, "hello")
    workspace.wait_for(lambda: len(workspace.deliveries()[-1]["attempts"]) == 4)
    assert workspace.deliveries()[-1]["attempts"] == ["timeout"] * 4
    assert not workspace.deliveries()[-1]["acked"]
    listener.close()


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", "abrupt"])
def test_after_a_disconnect_the_client_returns_and_nothing_is_lost(
    workspace: LocalWorkspace, reason: str
) -> None:
    listener = Listener(workspace)
    assert workspace.disconnect(reason) == 1
    workspace.post(ANA, RUNS, "after the disconnect")
    workspace.wait_for(lambda: "after the disconnect" in listener.texts())
    listener.close()


def test_an_event_whose_socket_breaks_comes_again(workspace: LocalWorkspace) -> None:
    listener = Listener(workspace, acknowledge=lambda request: bool(request.retry_attempt))
    workspace.faults({"event": "message", "kind": "disconnect_socket"})
    workspace.post(ANA, RUNS, "hello")
    workspace.wait_for(lambda: workspace.deliveries()[-1]["acked"])
    assert workspace.deliveries()[-1]["attempts"][0] == "connection_closed"
    listener.close()


def test_events_before_a_connection_wait_for_it(workspace: LocalWorkspace) -> None:
    workspace.post(ANA, RUNS, "early")
    listener = Listener(workspace)
    workspace.wait_for(lambda: listener.texts() == ["early"])
    listener.close()


def test_an_app_has_at_most_ten_connections_and_a_ticket_opens_one(workspace: LocalWorkspace) -> None:
    slack = WebClient(base_url=workspace.base_url)

    def open_one() -> tuple[ClientConnection, str]:
        url = str(slack.apps_connections_open(app_token=workspace.app_token)["url"])
        return connect(url, proxy=None), url

    with contextlib.ExitStack() as stack:
        for number in range(1, 11):
            socket, url = open_one()
            stack.enter_context(socket)
            assert json.loads(socket.recv(timeout=5))["num_connections"] == number
        eleventh, _ = open_one()
        stack.enter_context(eleventh)
        assert json.loads(eleventh.recv(timeout=5))["reason"] == "too_many_websockets"
        with pytest.raises(InvalidStatus):
            connect(url, proxy=None)


def test_a_bot_token_opens_no_socket(workspace: LocalWorkspace) -> None:
    with pytest.raises(SlackApiError) as refused:
        WebClient(base_url=workspace.base_url).apps_connections_open(app_token=workspace.bot_token)
    assert refused.value.response["error"] == "not_allowed_token_type"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    listening = Endpoint()
    yield listening
    listening.close()


def test_http_is_verified_signed_and_retried_with_slacks_headers(endpoint: Endpoint) -> None:
    with LocalWorkspace(http_config(endpoint)) as workspace:
        got: list[str] = []
        app = bolt_app(workspace)
        app.event("message")(lambda event: got.append(event["text"]))
        endpoint.app = app
        workspace.post(ANA, RUNS, "first")
        workspace.wait_for(lambda: got == ["first"])
        # The first request was Slack's url_verification, which Bolt answers by itself.
        assert len(endpoint.seen) == 2
        endpoint.answers = [500, 404]
        workspace.post(ANA, RUNS, "second")
        workspace.wait_for(lambda: got == ["first", "second"])
        assert [each.get("x-slack-retry-num") for each in endpoint.seen[2:]] == [None, "1", "2"]
        assert endpoint.seen[3]["x-slack-retry-reason"] == "http_error"
        assert workspace.deliveries()[-1]["attempts"] == ["http_error", "http_error", "ok"]


def test_a_wrong_secret_is_refused_by_bolt(endpoint: Endpoint) -> None:
    with LocalWorkspace(http_config(endpoint)) as workspace:
        app = bolt_app(workspace)
        workspace.config["apps"][0]["signing_secret"] = "another"
        endpoint.app = app
        workspace.restart()
        workspace.post(ANA, RUNS, "hello")
        workspace.wait_for(lambda: len(workspace.deliveries()[-1]["attempts"]) == 4)
        assert not workspace.deliveries()[-1]["acked"]


def test_signatures_are_those_of_slack_sdk(endpoint: Endpoint) -> None:
    with LocalWorkspace(http_config(endpoint)) as workspace:
        bodies: list[tuple[str, dict[str, str]]] = []

        def keep(body: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
            bodies.append((body, headers))
            return 200, {}, body.encode()

        endpoint.handle = keep  # type: ignore[method-assign]
        workspace.post(ANA, RUNS, "größer")
        workspace.wait_for(lambda: len(bodies) == 2)
        verifier = SignatureVerifier(workspace.signing_secret)
        assert all(verifier.is_valid_request(body, headers) for body, headers in bodies)
