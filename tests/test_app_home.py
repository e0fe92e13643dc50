"""App Home: own runs, open next steps, project cards to order, mute and archive, recent decisions; all by real clicks."""

from typing import Any

from local_workspace import ANA, BEN, CHLOE, SECRET, VISION
from running_bot import RunningBot, shown


def home(bot: RunningBot, who: str, words: str, *, without: str = "\0") -> tuple[dict[str, Any], str]:
    """Somebody's Home once it shows these words, and not those: the view and what it says."""

    def seen() -> tuple[dict[str, Any], str] | None:
        # Looking at the About tab shows what was published and asks the bot for nothing.
        view = bot.workspace.ask("home", user=who, app=bot.workspace.app["id"], tab="about")["view"]
        said = shown({"blocks": view["blocks"]}) if view else ""
        return (view, said) if view and words in said and without not in said else None

    bot.workspace.home(who)
    bot.settle()
    return bot.wait(seen, words)


def choose(bot: RunningBot, who: str, view: dict[str, Any], name: str, choice: str) -> None:
    """Choose in the menu of a project's card."""
    block = next(
        one for one in view["blocks"] if one["type"] == "section" and f"*{name}*" in one["text"]["text"]
    )
    option = next(one for one in block["accessory"]["options"] if one["text"]["text"] == choice)
    bot.workspace.do(
        "action",
        user=who,
        container={"view_id": view["id"]},
        block_id=block["block_id"],
        action_id=block["accessory"]["action_id"],
        value=option["value"],
    )


def test_home_shows_own_runs_steps_projects_and_decisions(bot: RunningBot) -> None:
    bot.own_channel("home-all", VISION)
    run = bot.start("home-all", config={"lr": 0.1})
    bot.log("home-all", run, "val_acc", 0.5, 0.91)
    bot.finish("home-all", run)
    bot.start("home-all", name="still-going")
    thread = bot.message(VISION, run)["ts"]
    bot.workspace.reply(ANA, VISION, thread, "We keep it. Next I try warmup.")
    bot.settle()
    view, said = home(bot, ANA, "We keep it.")
    assert "home-all/2 still-going" in said
    assert "Next I try warmup." in said
    assert "`val_acc` 0.91 by #1" in said
    assert "1 open next step" in said
    assert "🔵 1 running · 2 runs" in said
    done = next(one for one in view["blocks"] if "Next I try warmup." in str(one.get("text")))
    bot.workspace.do(
        "action",
        user=ANA,
        container={"view_id": view["id"]},
        block_id=done["block_id"],
        action_id="home_done",
    )
    home(bot, ANA, "home-all", without="Next I try warmup.")
    assert "Next I try warmup." not in home(bot, BEN, "home-all")[1]


def test_a_project_is_put_first_muted_and_archived(bot: RunningBot) -> None:
    for name in ("home-old", "home-new"):
        bot.own_channel(name, VISION)
        bot.start(name)
    view, said = home(bot, BEN, "home-new")
    assert said.index("home-new") < said.index("home-old")
    choose(bot, BEN, view, "home-old", "Put first")
    _, said = home(bot, BEN, "📌")
    assert said.index("home-old") < said.index("home-new")
    assert "📌" not in home(bot, ANA, "home-old")[1]
    choose(bot, BEN, home(bot, BEN, "📌")[0], "home-old", "Mute")
    view, _ = home(bot, BEN, "home-old is muted")
    bot.workspace.click_in_view(BEN, view, "Unmute")
    view, _ = home(bot, BEN, "📌 home-old")
    choose(bot, BEN, view, "home-old", "Archive")
    home(bot, BEN, "archived project", without="home-old")


def test_home_shows_only_what_its_person_may_see(bot: RunningBot) -> None:
    bot.own_channel("home-secret", SECRET)
    bot.start("home-secret")
    assert "home-secret" in home(bot, ANA, "home-secret")[1]
    assert "home-secret" not in home(bot, BEN, "Projects")[1]
    assert "home-" not in home(bot, CHLOE, "Projects")[1]


def test_help_and_problems_open_a_window_on_home(bot: RunningBot) -> None:
    view, _ = home(bot, ANA, "All commands")
    bot.workspace.click_in_view(ANA, view, "All commands")
    opened = bot.wait(lambda: bot.workspace.views(ANA), "the window")
    assert "compare 41 42" in shown({"blocks": opened[-1]["blocks"]})


def test_prioritise_and_mute_by_command(bot: RunningBot) -> None:
    bot.own_channel("home-word", VISION)
    bot.start("home-word")
    bot.workspace.command(ANA, VISION, "/runs", "prioritise home-word")
    bot.whisper(ANA, VISION, "home-word stands first on your Home")
    bot.workspace.command(ANA, VISION, "/runs", "mute home-word")
    bot.whisper(ANA, VISION, "home-word is muted")
    assert "home-word is muted" in home(bot, ANA, "home-word is muted")[1]
    run = bot.start("home-word", name="long-one")
    bot.clock.advance(minutes=30)
    bot.finish("home-word", run, "failed", exit_code=1)
    ended = bot.message(VISION, "home-word/2 failed")
    assert f"<@{ANA}>" not in str(ended)
    bot.workspace.command(ANA, VISION, "/runs", "prioritise nowhere-to-be-seen")
    bot.whisper(ANA, VISION, "no project nowhere-to-be-seen that you can see")
