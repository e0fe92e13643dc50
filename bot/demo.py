"""The demo: a real story with real training, played by two people through the whole product."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from bot import demo_bot, tokens
from bot.demo_people import Keyboard, shown
from bot.errors import RunloreError
from bot.home import open_database
from bot.people import by_slack_id
from bot.settings import Settings
from bot.wiring import utc_now
from storage.embedded_place import create_home, empty_home

EXAMPLES = Path(__file__).parents[1] / "examples"
ANA, BEN = "U0ANA", "U0BEN"
RUNS, DIGITS = "C0RUNS", "C0DIGITS"
MEMO_SECONDS = 60.0
KILLED_SECONDS = 5.0  # from the SIGKILL to its announcement

console = Console(highlight=False)


@dataclass
class Story:
    """The stage and what was expected of it so far."""

    settings: Settings
    keyboard: Keyboard
    tokens: Mapping[str, str]
    missing: list[str] = field(default_factory=list)
    trainings: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def expect(self, what: str, found: object) -> None:
        """Note whether an expected message came."""
        console.print(f"  {'[green]✓[/]' if found else '[red]✗[/]'} {what}")
        if not found:
            self.missing.append(what)

    def train(self, who: str, *options: str) -> "subprocess.Popen[bytes]":
        """Start a training script as somebody."""
        name = {ANA: "ana", BEN: "ben"}[who]
        environment = os.environ | {
            "RUNLORE_URL": self.settings.url,
            "RUNLORE_TOKEN": self.tokens[who],
            "RUNLORE_DIR": str(self.settings.home / "spool" / name),
        }
        command = [sys.executable, str(EXAMPLES / "train_digits.py"), *options]
        console.print(f"[dim]{name}$ python examples/train_digits.py {' '.join(options)}[/]")
        quiet = subprocess.DEVNULL
        training = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)  # noqa: S603
        self.trainings.append(training)
        return training


def play(settings: Settings, *, once: bool) -> int:
    """Play the story in a fresh home; the number of the process's exit. Without `once` it stays up to be tried."""
    home = Path(tempfile.mkdtemp(prefix="runlore-demo-")) if once else Path.cwd() / ".demo"
    with _alone(home):
        for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal ends it like Ctrl-C
            signal.signal(number, signal.default_int_handler)
        settings = settings.model_copy(
            update={
                "home": home,
                "database_url": None,
                "slack_bot_token": None,
                "port": demo_bot.free_port(settings.port),
                "workspace_port": demo_bot.free_port(settings.workspace_port),
                "public_url": None,
            }
        )
        try:
            return _perform(settings, once=once)
        except KeyboardInterrupt:
            console.print("Goodbye.")
            return 130 if once else 0
        finally:
            if once:
                empty_home(home)
                home.rmdir()


def _perform(settings: Settings, *, once: bool) -> int:
    """Start the bot, play the acts, and stay until Ctrl-C or judge what came; the bot ends with it."""
    bot = demo_bot.start_bot(settings)
    trainings: list[subprocess.Popen[bytes]] = []
    try:
        story = _set_stage(settings, bot)
        trainings = story.trainings
        started = time.monotonic()
        for act in (_baseline, _lower_rate, _trouble, _questions):
            act(story)
        console.print(f"The story took {time.monotonic() - started:.0f} s.")
        if once:
            return _close(story)
        _invite(story)
        raise RunloreError(f"The bot ended ({bot.wait()}); see {settings.home / 'bot.log'}")
    finally:
        for training in trainings:
            training.terminate()
        demo_bot.stop(bot)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """The demo's own directory, empty: a second demo in it would take the database from under the first."""
    home.mkdir(mode=0o700, exist_ok=True)
    held = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        empty_home(home)
        create_home(home)
        yield
    except BlockingIOError:
        raise RunloreError(f"A demo already runs in {home}: use that one, or end it with Ctrl-C.") from None
    finally:
        os.close(held)


def _set_stage(settings: Settings, bot: "subprocess.Popen[bytes]") -> Story:
    """Database, workspace and bot are up; two people have logged in and connected a channel."""
    started = time.monotonic()
    with console.status("Starting database, workspace and bot …"):
        demo_bot.wait_ready(settings, bot)
    console.print(f"Ready in {time.monotonic() - started:.1f} s.")
    keyboard = Keyboard(f"http://127.0.0.1:{settings.workspace_port}")
    with open_database(settings) as database, database.session() as session:
        people = {slack_id: by_slack_id(session, slack_id, now=utc_now()) for slack_id in (ANA, BEN)}
        given = {
            slack_id: tokens.create(session, now=utc_now(), person=who) for slack_id, who in people.items()
        }
    story = Story(settings=settings, keyboard=keyboard, tokens=given)
    keyboard.command(ANA, DIGITS, "connect digits")
    connected = keyboard.find(ANA, DIGITS, lambda text: "is connected to #digits-runs" in text, seconds=15)
    story.expect("the channel is connected to its project", connected)
    return story


def _baseline(story: Story) -> None:
    """A first run in the project's own channel: one thread."""
    training = story.train(
        ANA, "--lr", "3e-3", "--tag", "baseline", "--notes", "a small network should do for digits"
    )
    training.wait(60)
    done = _run_message(story, DIGITS, 1, "finished")
    story.expect(
        "run 1 is told in a thread of its own and finishes with its accuracy",
        done and "val_acc" in shown(done),
    )


def _lower_rate(story: Story) -> None:
    """A better run, and a voice memo about it."""
    story.train(ANA, "--lr", "1e-3", "--notes", "a smaller learning rate should stop the bouncing").wait(60)
    done = _run_message(story, DIGITS, 2, "finished")
    story.expect("run 2 finishes, compared with run 1 it came from", done and "#1" in shown(done))
    if done is None:
        return
    story.keyboard.drop_memo(ANA, DIGITS, EXAMPLES / "memo.m4a", thread_ts=str(done["ts"]))
    console.print("[dim]ana drops a voice memo into the thread of run 2[/]")


def _trouble(story: Story) -> None:
    """One run diverges, one is killed; a person answers in a thread."""
    story.train(BEN, "--lr", "30", "--optimizer", "sgd", "--notes", "can we just go much faster?").wait(60)
    failed = _run_message(story, DIGITS, 3, "failed")
    story.expect(
        "run 3 diverges and is told as failed with its error",
        failed and "diverged" in shown(failed),
    )
    if failed is not None:
        text = "Raised lr from 1e-3 to 30 with plain sgd and the loss exploded at once. We drop this, not worth more time."
        story.keyboard.post(BEN, DIGITS, text, thread_ts=str(failed["ts"]))
    again = story.train(BEN, "--lr", "1e-3", "--notes", "does a smaller learning rate help?")
    training = story.train(BEN, "--project", "digits-wide", "--hidden", "256", "--epochs", "400")
    half_way = story.keyboard.find(BEN, RUNS, lambda text: "digits-wide" in text, seconds=30)
    board = str(half_way["ts"]) if half_way else ""
    story.expect("a run without a channel of its own is told in its project's thread in #runs", half_way)
    _reply(story, RUNS, half_way, r"step ([2-9]|\d\d)", seconds=20)
    _told_of_the_same(story)
    training.send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    killed = half_way and story.keyboard.find_reply(
        BEN, RUNS, board, lambda text: "killed" in text and "SIGKILL" in text, seconds=KILLED_SECONDS
    )
    took = time.monotonic() - killed_at
    story.expect(
        f"the run killed half way is told as killed by SIGKILL within 5 s (took {took:.1f} s)", killed
    )
    again.wait(60)
    if failed is not None:
        noted = _until(
            lambda: any(
                "Raised lr" in shown(m) and ":memo:" in shown(m)
                for m in story.keyboard.thread(BEN, DIGITS, str(failed["ts"]))
            ),
            30,
        )
        story.expect("ben's typed reply is kept as a note (📝)", noted)


def _told_of_the_same(story: Story) -> None:
    """ben starts what ana ran before, not knowing it."""
    repeat = story.keyboard.find(BEN, DIGITS, lambda text: "digits/4 " in text, seconds=15)
    seen = time.monotonic()  # the message itself may be that of ben's quick failure before
    hint = repeat and _reply(story, DIGITS, repeat, "ana ran exactly this", seconds=15)
    took = time.monotonic() - seen
    told = shown(hint) if hint else ""
    story.expect(
        f"run 4 is told within seconds that ana ran the same before, and how that ended ({took:.0f} s after it was seen)",
        "digits/2 finished" in told and "val_acc" in told,
    )


def _questions(story: Story) -> None:
    """The memo's card, compare in the channel and in a thread, who has tried, and a digest."""
    second = _run_message(story, DIGITS, 2, "finished")
    card = second and _reply(story, DIGITS, second, "🎙", seconds=MEMO_SECONDS)
    told = shown(card) if card else ""
    story.expect(
        "the memo is answered with its transcript, numbers as digits",
        all(n in told for n in ("3e-3", "1e-3", "97.2%", "0.1")),
    )
    parts = ("🔧 Change", "3e-3 → 1e-3", "📊 Outcome", "✅ Decision", "➡️ Next step")
    story.expect(
        "its card has change, outcome, decision and next step, each with its quote",
        all(p in told for p in parts),
    )
    keyboard = story.keyboard
    keyboard.command(BEN, DIGITS, "compare 1 2")
    compared = keyboard.find(BEN, DIGITS, lambda text: "beats" in text and "÷ 3" in text, seconds=10)
    story.expect("/runs compare 1 2 answers in the channel", compared)
    if second is not None:
        ts = str(second["ts"])
        keyboard.post(BEN, DIGITS, "@runlore compare with #1", thread_ts=ts)
        answer = _until(
            lambda: any(
                m.get("bot_id") and "digits/1" in shown(m) and "lr" in shown(m)
                for m in _after(keyboard.thread(BEN, DIGITS, ts), "compare with #1")
            ),
            10,
        )
        story.expect("@Runlore compare with #1 answers in the thread, its run understood", answer)
    asked = keyboard.post(BEN, RUNS, "@runlore who has tried label smoothing?")
    who = keyboard.find_reply(
        BEN,
        RUNS,
        asked,
        lambda text: "ana" in text.lower() and "label smoothing of 0.1" in text,
        seconds=30,
    )
    story.expect("“who has tried label smoothing?” is answered with ana's words out of the memo", who)
    keyboard.command(BEN, DIGITS, "digest")
    digest = keyboard.find(BEN, DIGITS, lambda text: "Add status" in text and "val_acc" in text, seconds=10)
    chart = digest and "(chart: digits: val_acc" in shown(digest)
    story.expect("a digest tells what moved, with val_acc as a chart", chart)


def _close(story: Story) -> int:
    """Print the channels; the exit status says whether all was there."""
    names = {"U0ANA": "ana", "U0BEN": "ben", "U0MEI": "mei", "U0RUNLORE": "Runlore"}
    for channel in story.keyboard.channels(BEN):
        if channel["id"] in (DIGITS, RUNS):
            console.print(story.keyboard.as_text(BEN, channel, names), markup=False, soft_wrap=True)
    if story.missing:
        console.print(f"[red]Missing:[/] {'; '.join(story.missing)}")
        return 1
    console.print("[green]Everything that was expected is there.[/]")
    return 0


def _invite(story: Story) -> None:
    """What to try."""
    page = f"http://127.0.0.1:{story.settings.workspace_port}/"
    console.print(f"\nOpen [bold]{page}[/] and try:")
    for line in (
        "the threads in #digits-runs, the memo's card and its Edit button",
        "/runs list   /runs compare 1 2   /runs who tried sgd?   /runs digest",
        "a reply or a voice memo (microphone) in a run's thread",
        "@Runlore show   in a thread",
    ):
        console.print(f"  · {line}")
    settings = story.settings
    command = f"RUNLORE_URL={settings.url} RUNLORE_TOKEN={story.tokens[ANA]} {sys.executable} examples/train_digits.py"
    console.print(f"Train something yourself:\n{command} --lr 2e-3\nCtrl-C ends it.", soft_wrap=True)


def _run_message(story: Story, channel: str, number: int, state: str) -> dict[str, Any] | None:
    """The message of a run's thread, once it shows the state."""
    title = re.compile(rf"digits/{number} .*{state}", re.DOTALL)
    return story.keyboard.find(BEN, channel, lambda text: bool(title.search(text)), seconds=30)


def _reply(
    story: Story, channel: str, parent: Mapping[str, Any] | None, words: str, *, seconds: float = 15
) -> Any:  # noqa: ANN401
    if parent is None:
        return None
    pattern = re.compile(words)
    return story.keyboard.find_reply(
        BEN, channel, str(parent["ts"]), lambda text: bool(pattern.search(text)), seconds=seconds
    )


def _after(messages: list[dict[str, Any]], words: str) -> list[dict[str, Any]]:
    place = next(
        (i for i, message in enumerate(messages) if words in str(message.get("text"))), len(messages)
    )
    return messages[place + 1 :]


def _until(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
