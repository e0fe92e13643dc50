"""What happens in the workspace: messages, edits, deletions and reactions, told to pages and apps."""

from collections.abc import Iterable
from typing import Any

from localslack import render
from localslack.delivery import Delivery
from localslack.state import State
from localslack.stream import Stream
from localslack.values import App, Json, Refused

_SCOPE = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
_EVENT = {
    "channel": "message.channels",
    "group": "message.groups",
    "im": "message.im",
    "mpim": "message.mpim",
}
MAX_REACTIONS = 23


class Workspace:
    """The one place where something happens: state changes, pages see it, apps are told."""

    def __init__(self, *, state: State, stream: Stream, delivery: Delivery) -> None:
        self.state = state
        self.stream = stream
        self.delivery = delivery

    # --- telling -------------------------------------------------------------------------------------

    def tell_pages(self, channel: Json, happening: Json, *, only: str | None = None) -> None:
        seers = [each for each in self.state.users if self.state.visible(channel, each)]
        self.stream.push([only] if only else seers, {"channel": channel["id"], **happening})

    def tell_apps(
        self, event: Json, *, subscription: str, channel: Json | None = None, scope: str = ""
    ) -> None:
        """Send an event to the apps that subscribe to it, hold its scope and are in the conversation."""
        for app in self.state.active_apps():
            inside = channel is None or app.bot_user in channel["members"]
            if inside and subscription in app.events and (not scope or scope in app.scopes):
                full = {**event, "event_ts": event.get("event_ts", self.state.next_ts())}
                self.delivery.event(app, full, shared=bool((channel or {}).get("is_ext_shared")))

    def tell_message(self, channel: Json, event: Json) -> None:
        kind = render.kind(channel)
        full = {"event_ts": event["ts"], "channel": channel["id"], "channel_type": kind, **event}
        self.tell_apps(full, subscription=_EVENT[kind], channel=channel, scope=f"{_SCOPE[kind]}:history")

    # --- messages ------------------------------------------------------------------------------------

    def post(self, channel: Json, content: Json) -> Json:
        """Put a message into a conversation; `content` holds what its kind of author may say."""
        state = self.state
        parent = content.get("thread_ts")
        if parent is not None:
            root = state.messages[channel["id"]].get(parent)
            if root is None or root.get("thread_ts", parent) != parent or "ephemeral_to" in root:
                raise Refused("cannot_reply_to_message")
            content = {**content, "parent_user_id": root.get("user")}
        message = {"type": "message", **content, "ts": state.next_ts(), "team": state.team["id"]}
        state.save_message(channel["id"], message)
        self._share_files(channel, message)
        shown = render.message(state, channel["id"], message)
        self.tell_pages(channel, {"type": "message", "message": self.for_page(shown)})
        if parent is not None:
            self.refresh(channel, parent)
            if "bot_id" in message:
                # An app's status in a thread goes away with its answer.
                gone = {"type": "typing_status", "thread_ts": parent, "status": "", "user": message["user"]}
                self.tell_pages(channel, gone)
        event = render.message(state, channel["id"], message, metadata=True)
        if message.get("subtype") == "thread_broadcast":
            event["root"] = render.message(
                state, channel["id"], state.message(channel["id"], message["thread_ts"])
            )
        self.tell_message(channel, event)
        self._tell_mentioned(channel, event)
        return message

    def _tell_mentioned(self, channel: Json, event: Json) -> None:
        if channel.get("is_im"):
            return
        keep = (
            "user",
            "text",
            "ts",
            "team",
            "blocks",
            "client_msg_id",
            "files",
            "thread_ts",
            "bot_id",
            "app_id",
        )
        mention = {
            name: event[name] for name in (*keep, "parent_user_id", "bot_profile", "edited") if name in event
        }
        for app in self.state.active_apps():
            inside = app.bot_user in channel["members"] and app.has_any("app_mentions:read")
            if inside and "app_mention" in app.events and f"<@{app.bot_user}>" in event.get("text", ""):
                full = {"type": "app_mention", **mention, "channel": channel["id"], "event_ts": event["ts"]}
                self.delivery.event(app, full, shared=bool(channel.get("is_ext_shared")))

    def _share_files(self, channel: Json, message: Json) -> None:
        for file_id in message.get("files", ()):
            file = dict(self.state.files[file_id])
            side = "private" if render.kind(channel) != "channel" else "public"
            share = {
                "ts": message["ts"],
                "channel_name": channel.get("name", ""),
                "team_id": self.state.team["id"],
            }
            if "thread_ts" in message:
                share["thread_ts"] = message["thread_ts"]
            shares = {name: dict(value) for name, value in file.get("shares", {}).items()}
            shares.setdefault(side, {}).setdefault(channel["id"], []).append(share)
            listed = {"public": "channels", "private": "ims" if channel.get("is_im") else "groups"}[side]
            file |= {"shares": shares, "is_public": file.get("is_public") or side == "public"}
            file[listed] = sorted({*file.get(listed, []), channel["id"]})
            self.state.save_file(file)
            shared = {"file_id": file_id, "user_id": message["user"], "file": {"id": file_id}}
            event = {"type": "file_shared", **shared, "channel_id": channel["id"]}
            self.tell_apps(event, subscription="file_shared", channel=channel, scope="files:read")

    def whisper(self, channel: Json, user: str, content: Json) -> Json:
        """An ephemeral message: one person sees it, no history and no event holds it."""
        state = self.state
        message = {
            "type": "message",
            **content,
            "ts": state.next_ts(),
            "team": state.team["id"],
            "ephemeral_to": user,
        }
        state.save_message(channel["id"], message)
        shown = self.for_page(render.message(state, channel["id"], message))
        self.tell_pages(channel, {"type": "ephemeral", "message": shown}, only=user)
        return message

    def change(self, channel: Json, ts: str, changes: Json, *, editor: str | None) -> Json:
        """Change a message; a change by `editor` is marked as edited."""
        state = self.state
        before = state.message(channel["id"], ts)
        after = {**before, **changes}
        after = {name: value for name, value in after.items() if value is not None}
        if editor is not None and "ephemeral_to" not in before:
            after["edited"] = {"user": editor, "ts": state.next_ts()}
        state.save_message(channel["id"], after)
        self.refresh(channel, ts)
        if "ephemeral_to" not in before:
            self._tell_hidden(
                channel,
                "message_changed",
                message=render.message(state, channel["id"], after, metadata=True),
                previous_message=render.message(state, channel["id"], before, metadata=True),
            )
        return after

    def delete(self, channel: Json, ts: str) -> None:
        """Delete a message; a parent with replies leaves a tombstone, as in Slack."""
        state = self.state
        message = state.message(channel["id"], ts)
        if state.replies.get((channel["id"], ts)):
            tombstone = {
                "subtype": "tombstone",
                "text": "This message was deleted.",
                "user": "USLACKBOT",
                "hidden": True,
            }
            gone: Json = {name: None for name in message if name not in ("type", "ts", "team", "thread_ts")}
            self.change(channel, ts, {**gone, **tombstone}, editor=None)
            return
        previous = render.message(state, channel["id"], message, metadata=True)
        state.remove_message(channel["id"], ts)
        deleted = {"type": "message_deleted", "ts": ts}
        parent = message.get("thread_ts")
        only = message.get("ephemeral_to")
        self.tell_pages(channel, {**deleted, "thread_ts": parent} if parent else deleted, only=only)
        if parent and parent in state.messages[channel["id"]]:
            self.refresh(channel, parent)
        if only is None:
            self._tell_hidden(channel, "message_deleted", deleted_ts=ts, previous_message=previous)

    def _tell_hidden(self, channel: Json, subtype: str, **fields: Any) -> None:  # noqa: ANN401
        event = {"type": "message", "subtype": subtype, **fields, "hidden": True, "ts": self.state.next_ts()}
        self.tell_message(channel, event)

    def refresh(self, channel: Json, ts: str) -> None:
        """Show the pages a message as it is now."""
        raw = self.state.message(channel["id"], ts)
        shown = self.for_page(render.message(self.state, channel["id"], raw))
        self.tell_pages(channel, {"type": "message_changed", "message": shown}, only=raw.get("ephemeral_to"))

    def for_page(self, shown: Json) -> Json:
        """A message with the name the page shows beside it."""
        profile = shown.get("bot_profile")
        name = (
            profile["name"] if profile else self.state.users.get(shown.get("user", ""), {}).get("real_name")
        )
        return {**shown, "username": name or "Slackbot"}

    # --- reactions -----------------------------------------------------------------------------------

    def react(self, channel: Json, ts: str, name: str, user: str) -> None:
        message = self.state.message(channel["id"], ts)
        reactions = [dict(each) for each in message.get("reactions", [])]
        mine = next((each for each in reactions if each["name"] == name), None)
        if mine is None:
            if len(reactions) >= MAX_REACTIONS:
                raise Refused("too_many_emoji")
            reactions.append({"name": name, "users": [user], "count": 1})
        elif user in mine["users"]:
            raise Refused("already_reacted")
        else:
            mine |= {"users": [*mine["users"], user], "count": mine["count"] + 1}
        self._save_reactions(channel, message, reactions, "reaction_added", name, user)

    def unreact(self, channel: Json, ts: str, name: str, user: str) -> None:
        message = self.state.message(channel["id"], ts)
        reactions = [dict(each) for each in message.get("reactions", [])]
        mine = next((each for each in reactions if each["name"] == name and user in each["users"]), None)
        if mine is None:
            raise Refused("no_reaction")
        mine |= {"users": [each for each in mine["users"] if each != user], "count": mine["count"] - 1}
        left = [each for each in reactions if each["count"]]
        self._save_reactions(channel, message, left, "reaction_removed", name, user)

    def _save_reactions(
        self, channel: Json, message: Json, reactions: list[Json], kind: str, name: str, user: str
    ) -> None:
        after = {each: value for each, value in message.items() if each != "reactions"}
        if reactions:
            after["reactions"] = reactions
        ts = message["ts"]
        self.state.save_message(channel["id"], after)
        shown = self.for_page(render.message(self.state, channel["id"], after))
        self.tell_pages(channel, {"type": kind, "ts": ts, "name": name, "user": user, "message": shown})
        event = {
            "type": kind,
            "user": user,
            "reaction": name,
            "item": {"type": "message", "channel": channel["id"], "ts": ts},
            "item_user": message.get("user"),
        }
        self.tell_apps(event, subscription=kind, channel=channel, scope="reactions:read")

    # --- who and where -------------------------------------------------------------------------------

    def bot_words(self, app: App) -> Json:
        """The author's fields of an app's message."""
        profile = render.bot_profile(self.state, app)
        return {"user": app.bot_user, "bot_id": app.bot_id, "app_id": app.id, "bot_profile": profile}

    def permalink(self, channel: str, ts: str) -> str:
        parent = self.state.message(channel, ts).get("thread_ts")
        thread = f"?thread_ts={parent}&cid={channel}" if parent and parent != ts else ""
        return f"{self.state.base}/archives/{channel}/p{ts.replace('.', '')}{thread}"

    def top_level(self, channel: str) -> Iterable[Json]:
        """The messages of a channel's main column, oldest first."""
        for message in self.state.messages[channel].values():
            parent = message.get("thread_ts")
            if not parent or parent == message["ts"] or message.get("subtype") == "thread_broadcast":
                yield message
