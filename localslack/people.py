"""auth.*, users.*, bots.*, team.* and emoji.*: who is who."""

from localslack import render
from localslack.calls import Call, page
from localslack.values import Json, Refused


def auth_test(call: Call) -> Json:
    team = call.ws.state.team
    return {
        "url": f"{call.ws.state.base}/",
        "team": team["name"],
        "user": call.app.key,
        "team_id": team["id"],
        "user_id": call.app.bot_user,
        "bot_id": call.app.bot_id,
        "is_enterprise_install": False,
    }


def _user(call: Call, raw: Json) -> Json:
    shown = render.user(call.ws.state, raw)
    return shown | {"locale": raw.get("locale", "en-US")} if call.args.get("include_locale") else shown


def info(call: Call) -> Json:
    return {"user": _user(call, call.ws.state.user(call.text("user")))}


def list_all(call: Call) -> Json:
    shown, cursor = page(list(call.ws.state.users.values()), call.args)
    return {
        "members": [_user(call, each) for each in shown],
        "cache_ts": int(float(call.ws.state.next_ts())),
        "response_metadata": {"next_cursor": cursor},
    }


def lookup_by_email(call: Call) -> Json:
    for user in call.ws.state.users.values():
        if user.get("email") == call.text("email"):
            return {"user": _user(call, user)}
    raise Refused("users_not_found")


def bot_info(call: Call) -> Json:
    for app in call.ws.state.apps:
        if app.bot_id == (call.text("bot") or call.app.bot_id):
            return {"bot": {**render.bot_profile(call.ws.state, app), "user_id": app.bot_user}}
    raise Refused("bot_not_found")


def team_info(call: Call) -> Json:
    team = call.ws.state.team
    return {"team": {"id": team["id"], "name": team["name"], "domain": team["domain"], "email_domain": ""}}


def emoji_list(call: Call) -> Json:
    return {"emoji": call.ws.state.team.get("emoji", {}), "cache_ts": call.ws.state.next_ts()}
