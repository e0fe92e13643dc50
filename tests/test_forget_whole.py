"""Whoever is forgotten after a day's work leaves nothing: a dump of the whole database and every file of the home are searched."""

import re
from collections.abc import Iterator
from pathlib import Path

from local_workspace import ANA, BEN, RUNS, VISION
from running_bot import RunningBot, shown
from sqlmodel import select

from bot import forget
from storage.embedded_place import programs
from storage.embedded_process import run_program
from storage.tables import Project

SPOKEN = b"We freeze the porcupine layers because the quagga loss explodes."
VOICE = b"porcupine"  # in the fakes' workspace the sound is its words
# Her id, names, login, what she typed, said and asked, and her conversation with the bot.
HER = r"U0ANA|\bana\b|ana silva|asilva|ocelot|porcupine|quagga|axolotl|pangolin|wombat"


def dump(bot: RunningBot) -> list[str]:
    """The whole database as statements: every table, also those of the job queue."""
    url = bot.services.database.dsn
    command: list[str | Path] = [programs() / "pg_dump", "-d", url, "--inserts", "--column-inserts"]
    return run_program(command).split("\n")


def files(bot: RunningBot) -> Iterator[tuple[str, str]]:
    home = bot.services.settings.home
    for file in home.rglob("*"):
        if file.is_file():
            yield str(file.relative_to(home)), file.read_bytes().decode("utf-8", "replace")


def traces(bot: RunningBot) -> list[str]:
    """Lines of the dump and names of files that tell of her, with what is found there."""
    pattern = re.compile(HER, re.IGNORECASE)
    found = [
        f"{line[:60]}: {sorted(set(pattern.findall(line)))}" for line in dump(bot) if pattern.search(line)
    ]
    return found + [name for name, held in files(bot) if pattern.search(name) or pattern.search(held)]


def a_day_of(bot: RunningBot) -> None:
    """Ana runs, writes, speaks, taps, asks, corrects, stars and subscribes; Ben answers her by name."""
    workspace = bot.workspace
    workspace.command(ANA, VISION, "/runs", "iam asilva")
    uid = bot.start("zoo", notes="Is the ocelot warmup long enough?", login="asilva", params={"lr": 0.1})
    code = {
        "branch": "asilva/longer",
        "command": "python /home/asilva/zoo/train.py",
        "remote": "git@forge:asilva/zoo",
    }
    bot.report("zoo", uid, {"t": "code", **code}, {"t": "text", "name": "sample", "value": "made by @ana"})
    bot.own_channel("zoo", VISION)
    with bot.services.database.session() as session:
        session.exec(select(Project).where(Project.name == "zoo")).one().settings = {"keep_audio": True}
    second = bot.start("zoo", login="asilva")
    bot.log("zoo", second, "loss", 1.0, 0.5)
    bot.finish("zoo", uid)
    thread = str(bot.message(VISION, second)["ts"])
    workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=SPOKEN, thread_ts=thread)
    bot.reply(VISION, thread, "🎙")
    typed = workspace.reply(ANA, VISION, thread, "I lowered lr for the axolotl set.")
    bot.settle()
    workspace.edit(ANA, VISION, typed, "I lowered lr for the axolotl and the pangolin set.")
    workspace.reply(BEN, VISION, thread, f"<@{ANA}> is right, we go on.")
    workspace.react(ANA, VISION, thread, "star")
    workspace.reply(ANA, VISION, thread, "<@U0RUNLORE> who tried wombat crops?")
    direct = workspace.open_dm(ANA)
    workspace.post(ANA, direct, "list by:me")
    workspace.command(ANA, VISION, "/runs", f"note {second} one more pangolin")
    workspace.command(ANA, RUNS, "/runs", "digest now")
    bot.token(ANA)
    bot.settle()


def test_nothing_in_the_database_or_the_home_tells_of_who_was_forgotten(bot: RunningBot) -> None:
    a_day_of(bot)
    before = traces(bot)
    held_in = {line.split()[2] for line in before if line.startswith("INSERT INTO")}
    # The test can fail: she is all over the place.
    assert {f"public.{name}" for name in ("person", "note", "run", "outbox", "slack_event", "rationale_item", "code_version", "term_count")} <= held_in  # fmt: skip
    assert any(VOICE.decode() in held for name, held in files(bot) if name.startswith("audio/"))
    with bot.services.database.session() as session:
        person = forget.find(session, "@ana")
        gone = forget.forget(session, person, home=bot.services.settings.home, now=bot.clock())
    assert gone.notes >= 3
    assert traces(bot) == []
    bot.settle()  # what follows, the cards' deletion and the runs' messages, brings nothing back
    assert traces(bot) == []
    assert "we go on" in "".join(dump(bot))  # Ben's words stay
    assert shown(bot.message(VISION, "zoo/", user=BEN))
