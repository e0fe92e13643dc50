"""The Web API's methods: their arguments, scopes and rate-limit tiers, as Slack documents them."""

from dataclasses import dataclass

# Calls a minute that Slack grants to one app in one workspace; t5 is "special" and told per method.
TIERS = {"t1": 1, "t2": 20, "t3": 50, "t4": 100, "t5": 600}

FLAGS = frozenset(
    [
        "as_user",
        "link_names",
        "mrkdwn",
        "reply_broadcast",
        "unfurl_links",
        "unfurl_media",
        "include_all_metadata",
        "inclusive",
        "include_locale",
        "include_num_members",
        "exclude_archived",
        "exclude_muted",
        "return_im",
        "prevent_creation",
        "include_categories",
        "full",
        "show_files_hidden_by_limit",
        "user_auth_required",
    ]
)
NUMBERS = frozenset(["limit", "length", "count", "page"])
STRUCTURES = frozenset(
    [
        "blocks",
        "attachments",
        "metadata",
        "view",
        "files",
        "prompts",
        "chunks",
        "unfurls",
        "loading_messages",
        "document_content",
        "user_auth_blocks",
        "unfurled_attachments",
        "file_ids",
        "channel_ids",
        "user_ids",
        "message",
        "error",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method: any one of `scopes` suffices; `json` tells whether it takes a JSON body."""

    tier: str
    scopes: tuple[str, ...]
    required: frozenset[str]
    optional: frozenset[str]
    json: bool
    get: bool


def _method(
    tier: str, scopes: str, required: str, optional: str, *, json: bool = True, get: bool = False
) -> Method:
    return Method(
        tier=tier,
        scopes=tuple(scopes.split()),
        required=frozenset(required.split()),
        optional=frozenset(optional.split()),
        json=json,
        get=get,
    )


_READ = "channels:read groups:read im:read mpim:read"
_HISTORY = "channels:history groups:history im:history mpim:history"
_AUTHOR = "icon_emoji icon_url username"
_WRITE = "as_user attachments blocks link_names markdown_text metadata parse text"
_SPAN = "cursor include_all_metadata inclusive latest limit oldest"
_SESSION = "thread_ts title initiator_user_id " + _AUTHOR
_PAGE_OF_CHANNELS = "cursor exclude_archived limit team_id types"

METHODS: dict[str, Method] = {
    "agents.sessions.setStatus": _method("t3", "chat:write", "channel_id status", _SESSION),
    "apps.connections.open": _method("t3", "", "", ""),
    "assistant.threads.setStatus": _method(
        "t5", "chat:write", "channel_id thread_ts status", "loading_messages " + _AUTHOR
    ),
    "assistant.threads.setSuggestedPrompts": _method(
        "t4", "assistant:write", "channel_id prompts", "thread_ts title"
    ),
    "assistant.threads.setTitle": _method("t4", "assistant:write", "channel_id thread_ts title", ""),
    "auth.test": _method("t5", "", "", ""),
    "blocks.validate": _method("t4", "", "", "blocks message view"),
    "bookmarks.add": _method(
        "t2", "bookmarks:write", "title type", "channel_id link emoji entity_id access_level parent_id"
    ),
    "bots.info": _method("t3", "users:read", "", "bot team_id", json=False, get=True),
    "canvases.access.set": _method("t3", "canvases:write", "access_level canvas_id", "channel_ids user_ids"),
    "canvases.create": _method("t2", "canvases:write", "", "title document_content channel_id"),
    "chat.appendStream": _method("t4", "chat:write", "channel ts markdown_text", "chunks"),
    "chat.delete": _method("t3", "chat:write", "ts channel", "as_user"),
    "chat.getPermalink": _method("t5", "", "channel message_ts", "", json=False, get=True),
    "chat.postEphemeral": _method("t4", "chat:write", "user channel", f"{_WRITE} {_AUTHOR} thread_ts"),
    "chat.postMessage": _method(
        "t5",
        "chat:write",
        "channel",
        f"{_WRITE} {_AUTHOR} current_draft_last_updated_ts mrkdwn reply_broadcast thread_ts unfurl_links unfurl_media",
    ),
    "chat.startStream": _method(
        "t2",
        "chat:write",
        "channel",
        f"chunks markdown_text thread_ts recipient_user_id recipient_team_id task_display_mode {_AUTHOR}",
    ),
    "chat.stopStream": _method("t2", "chat:write", "channel ts", "chunks markdown_text blocks metadata"),
    "chat.unfurl": _method(
        "t3",
        "links:write",
        "",
        "channel ts unfurls user_auth_message user_auth_required user_auth_url user_auth_blocks unfurl_id source",
    ),
    "chat.update": _method(
        "t3", "chat:write", "ts channel", f"{_WRITE} unfurled_attachments reply_broadcast file_ids"
    ),
    "conversations.history": _method("t3", _HISTORY, "channel", _SPAN, get=True),
    "conversations.info": _method(
        "t3", _READ, "channel", "include_locale include_num_members", json=False, get=True
    ),
    "conversations.join": _method("t3", "channels:join", "channel", ""),
    "conversations.list": _method("t2", _READ, "", _PAGE_OF_CHANNELS, json=False, get=True),
    "conversations.members": _method("t4", _READ, "channel", "cursor limit", json=False, get=True),
    "conversations.open": _method(
        "t3",
        "channels:manage groups:write im:write mpim:write",
        "",
        "channel return_im users prevent_creation",
    ),
    "conversations.replies": _method("t3", _HISTORY, "channel ts", _SPAN, json=False, get=True),
    "emoji.list": _method("t2", "emoji:read", "", "include_categories", json=False, get=True),
    "files.completeUploadExternal": _method(
        "t4", "files:write", "files", f"channel_id thread_ts channels initial_comment blocks {_AUTHOR}"
    ),
    "files.getUploadURLExternal": _method(
        "t4", "files:write", "length filename", "snippet_type alt_txt", json=False
    ),
    "files.info": _method("t4", "files:read", "file", "count cursor limit page", json=False, get=True),
    "files.list": _method(
        "t3",
        "files:read",
        "",
        "channel count page show_files_hidden_by_limit team_id ts_from ts_to types user",
        json=False,
        get=True,
    ),
    "pins.add": _method("t2", "pins:write", "channel", "timestamp"),
    "reactions.add": _method("t3", "reactions:write", "name timestamp channel", ""),
    "reactions.get": _method(
        "t3", "reactions:read", "", "channel file file_comment full timestamp", json=False, get=True
    ),
    "reactions.remove": _method("t2", "reactions:write", "name", "file file_comment channel timestamp"),
    "team.info": _method("t3", "team:read", "", "domain team", get=True),
    "users.conversations": _method(
        "t3", _READ, "", f"{_PAGE_OF_CHANNELS} exclude_muted user", json=False, get=True
    ),
    "users.info": _method("t4", "users:read", "user", "include_locale", json=False, get=True),
    "users.list": _method(
        "t2", "users:read", "", "cursor include_locale limit team_id", json=False, get=True
    ),
    "users.lookupByEmail": _method("t3", "users:read.email", "email", "", json=False, get=True),
    "views.open": _method("t4", "", "view", "trigger_id interactivity_pointer"),
    "views.publish": _method("t4", "", "user_id view", "hash interactivity_pointer"),
    "views.push": _method("t4", "", "view", "trigger_id interactivity_pointer"),
    "views.update": _method("t4", "", "view", "view_id external_id hash"),
}
