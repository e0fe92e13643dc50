"""What the workspace holds: people, conversations, messages, files and views."""

import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from localslack.journal import Journal
from localslack.values import App, Config, Json, Refused, Timings


class State:
    """Everything in memory, every change written through to the journal."""

    def __init__(self, *, config: Config, data: Path, base: str) -> None:
        self.team = config.team
        self.apps: tuple[App, ...] = config.apps
        self.timings: Timings = config.timings
        self.base = base
        self.blobs = data / "files"
        self.blobs.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(data / "workspace.sqlite")
        self.users: dict[str, Json] = dict(self._journal.entries("user"))
        self.channels: dict[str, Json] = dict(self._journal.entries("channel"))
        self.files: dict[str, Json] = dict(self._journal.entries("file"))
        self.views: dict[str, Json] = dict(self._journal.entries("view"))
        self.responses: dict[str, Json] = dict(self._journal.entries("response"))
        self.revoked: dict[str, Json] = dict(self._journal.entries("revoked"))
        self.messages: dict[str, dict[str, Json]] = defaultdict(dict)
        self.replies: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._last = 0
        for key, message in self._journal.entries("message"):
            self._index(key.split(":")[0], message)
        self._seed(config)

    def _seed(self, config: Config) -> None:
        for user in config.users:
            if user["id"] not in self.users:
                self.save_user(dict(user))
        for app in config.apps:
            if app.bot_user not in self.users:
                self.save_user(
                    {
                        "id": app.bot_user,
                        "name": app.key,
                        "real_name": app.name,
                        "is_bot": True,
                        "bot_id": app.bot_id,
                        "app_id": app.id,
                    }
                )
        bots = {f"B:{app.key}": app.bot_user for app in config.apps}
        for channel in config.channels:
            if channel["id"] not in self.channels:
                members = [bots.get(each, each) for each in channel.get("members", [])]
                self.save_channel({**channel, "members": members, "created": int(time.time())})

    # --- ids and times -------------------------------------------------------------------------------

    def next_ts(self) -> str:
        """The next message timestamp: unique and rising in the whole workspace, also after a restart."""
        self._last = max(time.time_ns() // 1000, self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def new_id(self, letter: str) -> str:
        return letter + "0" + secrets.token_hex(5).upper()

    # --- writing -------------------------------------------------------------------------------------

    def save_user(self, user: Json) -> None:
        self.users[user["id"]] = user
        self._journal.put("user", user["id"], user)

    def save_channel(self, channel: Json) -> None:
        self.channels[channel["id"]] = channel
        self._journal.put("channel", channel["id"], channel)

    def save_file(self, file: Json) -> None:
        self.files[file["id"]] = file
        self._journal.put("file", file["id"], file)

    def save_view(self, view: Json) -> None:
        self.views[view["id"]] = view
        self._journal.put("view", view["id"], view)

    def remove_view(self, view_id: str) -> None:
        self.views.pop(view_id, None)
        self._journal.remove("view", view_id)

    def save_response(self, response: Json) -> None:
        self.responses[response["id"]] = response
        self._journal.put("response", response["id"], response)

    def revoke(self, app: App, *, revoked: bool) -> None:
        if revoked:
            self.revoked[app.id] = {"at": time.time()}
            self._journal.put("revoked", app.id, self.revoked[app.id])
        else:
            self.revoked.pop(app.id, None)
            self._journal.remove("revoked", app.id)

    def save_message(self, channel: str, message: Json) -> None:
        self._index(channel, message)
        self._journal.put("message", f"{channel}:{message['ts']}", message)

    def remove_message(self, channel: str, ts: str) -> None:
        message = self.messages[channel].pop(ts)
        parent = message.get("thread_ts")
        if parent and parent != ts and ts in self.replies[channel, parent]:
            self.replies[channel, parent].remove(ts)
        self._journal.remove("message", f"{channel}:{ts}")

    def _index(self, channel: str, message: Json) -> None:
        ts, parent = message["ts"], message.get("thread_ts")
        known = ts in self.messages[channel]
        self.messages[channel][ts] = message
        self._last = max(self._last, int(ts.replace(".", "")))
        if parent and parent != ts and not known and "ephemeral_to" not in message:
            self.replies[channel, parent].append(ts)

    # --- reading -------------------------------------------------------------------------------------

    def user(self, user_id: str) -> Json:
        if user_id not in self.users:
            raise Refused("user_not_found")
        return self.users[user_id]

    def channel(self, channel_id: str) -> Json:
        if channel_id not in self.channels:
            raise Refused("channel_not_found")
        return self.channels[channel_id]

    def message(self, channel_id: str, ts: str) -> Json:
        message = self.messages[channel_id].get(ts)
        if message is None:
            raise Refused("message_not_found")
        return message

    def app(self, app_id: str) -> App:
        for app in self.apps:
            if app_id in (app.id, app.key, app.bot_user, app.bot_id):
                return app
        raise Refused("app_not_found")

    def active_apps(self) -> Iterator[App]:
        return (app for app in self.apps if app.id not in self.revoked)

    def visible(self, channel: Json, user_id: str) -> bool:
        """Whether a person sees a conversation at all: members do, and everybody but guests a public one."""
        if user_id in channel.get("members", []):
            return True
        private = any(channel.get(each) for each in ("is_private", "is_im", "is_mpim"))
        user = self.users[user_id]
        return not private and not user.get("is_restricted") and not self.is_stranger(user)

    def is_stranger(self, user: Json) -> bool:
        """Whether a person belongs to another organisation (Slack Connect)."""
        return bool(user.get("team_id", self.team["id"]) != self.team["id"])

    def conversations_of(self, user_id: str) -> list[Json]:
        return [each for each in self.channels.values() if self.visible(each, user_id)]

    def direct(self, users: Iterable[str]) -> Json:
        """The direct message (two people) or group message of exactly these people, made when needed."""
        members = sorted(set(users))
        for channel in self.channels.values():
            if (channel.get("is_im") or channel.get("is_mpim")) and sorted(channel["members"]) == members:
                return channel
        channel = {"members": members, "created": int(time.time())}
        if len(members) <= 2:
            channel |= {"id": self.new_id("D"), "is_im": True}
        else:
            names = "--".join(self.users[each]["name"] for each in members)
            channel |= {
                "id": self.new_id("G"),
                "is_mpim": True,
                "is_private": True,
                "name": f"mpdm-{names}-1",
            }
        self.save_channel(channel)
        return channel

    def close(self) -> None:
        self._journal.close()
