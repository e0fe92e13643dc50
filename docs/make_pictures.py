"""Makes the pictures of docs/pictures: a team's day in the local workspace, photographed by a headless Chromium.

`python docs/make_pictures.py [FOLDER]`, from the project's root, with the development tools installed and Chromium on
the PATH. Everything is the real product; only the clock is moved by hand, so that hours of training take seconds.
"""

import math
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import PHONE, WAIT_MS, Window, chromium, window  # noqa: E402
from local_workspace import ANA, BEN, VISION, LocalWorkspace, default_config  # noqa: E402
from playwright.sync_api import Browser, ViewportSize  # noqa: E402
from running_bot import RunningBot, running_bot  # noqa: E402

from bot import limits  # noqa: E402
from nlp import loader  # noqa: E402
from storage.database import Database, migrate  # noqa: E402
from storage.embedded import EmbeddedPostgres  # noqa: E402

DESK: ViewportSize = {"width": 1280, "height": 900}
UNHURRIED = limits.Rate(name="unhurried", per_second=1e6, burst=1e6)
PLAIN = {"optimizer": "adamw", "batch_size": 128, "epochs": 30, "seed": 1}


class Team:
    """The vision team at work."""

    def __init__(self, bot: RunningBot) -> None:
        self.bot = bot
        self.chance = random.Random(7)

    def train(self, name: str, best: float, *, who: str = ANA, hours: float = 0.8, **start: object) -> str:
        """A run from its start to its end."""
        run = self.begin(name, best, who=who, hours=hours, **start)
        self.bot.finish("vision", run, who=who)
        self.bot.settle(seconds=120)
        return run

    def begin(self, name: str, best: float, *, who: str = ANA, hours: float = 0.8, share: float = 1.0, **start: object) -> str:  # fmt: skip
        """A run that trains for some hours, and is at `share` of its way then."""
        run = self.bot.start("vision", who=who, name=name, **start)
        steps = int(60 * share)
        curve = [best * (1 - 0.62 * math.exp(-step / 11)) + self.chance.gauss(0, 0.003) for step in range(steps)]  # fmt: skip
        curve[-1] = best if share == 1.0 else curve[-1]
        loss = [2.2 * math.exp(-step / 14) + 0.21 + self.chance.gauss(0, 0.01) for step in range(steps)]
        for place in range(0, steps, 20):
            self.bot.clock.advance(hours=hours / 3)
            at = round(self.bot.clock().timestamp() * 1000)
            columns = [
                {
                    "k": metric,
                    "s": [place * 100] + [100] * (len(values[place : place + 20]) - 1),
                    "ms": [at] + [0] * (len(values[place : place + 20]) - 1),
                    "v": values[place : place + 20],
                }
                for metric, values in (("val_acc", curve), ("train/loss", loss))
            ]
            done = {"t": "progress", "done": min(place + 20, steps) * 100, "total": 6000}
            self.bot.report("vision", run, done, series=columns, who=who)
        return run


def play(bot: RunningBot) -> dict[str, str]:
    """The day; returns the threads of what is photographed."""
    team, space = Team(bot), bot.workspace
    threads: dict[str, str] = {}
    bot.clock.ahead = timedelta(hours=-8.7)
    bot.own_channel("vision", VISION)
    space.command(ANA, VISION, "/runs", "connect vision")
    bot.settle(seconds=120)
    team.train("calm-lynx", 0.921, config={"lr": 3e-4, "warmup": 0, **PLAIN}, tags=["baseline"])
    first = str(bot.message(VISION, "calm-lynx", user=ANA)["ts"])
    space.reply(
        ANA, VISION, first, "I think the learning rate is too high at the start. Next we try a warmup."
    )
    space.command(ANA, VISION, "/runs", "baseline 1")
    team.train(
        "brave-otter",
        0.942,
        hours=2.4,
        config={"lr": 1e-4, "warmup": 500, **PLAIN},
        notes="is the warmup enough to train at this depth?",
    )
    threads["otter"] = str(bot.message(VISION, "brave-otter")["ts"])
    memo = ROOT / "examples" / "memo.m4a"
    space.upload_memo(ANA, VISION, memo, thread_ts=threads["otter"])
    bot.reply(VISION, threads["otter"], "🎙")
    space.reply(
        BEN,
        VISION,
        threads["otter"],
        "Val acc went up to 0.942, so we keep it. See the attached confusion matrix.",
    )
    team.train("shy-heron", 0.931, who=BEN, config={"lr": 1e-4, "warmup": 500, **PLAIN, "dropout": 0.3}, fork_of="vision/2")  # fmt: skip
    for place, (lr, smoothing) in enumerate(
        ((1e-4, 0.0), (1e-4, 0.1), (5e-5, 0.0), (5e-5, 0.1), (2e-5, 0.1))
    ):
        best = 0.938 + 0.012 * (smoothing > 0) + 0.004 * (lr == 5e-5) - 0.02 * (lr == 2e-5)
        team.train(
            f"sweep-{place + 1}",
            best,
            who=BEN,
            hours=0.4,
            group="lr × smoothing",
            config={"lr": lr, "label_smoothing": smoothing, "warmup": 500, **PLAIN},
        )
    failed = team.begin("bold-ibex", 0.9, who=BEN, hours=2.1, share=0.7, config={"lr": 1e-4, "warmup": 500, **PLAIN, "batch_size": 512})  # fmt: skip
    bot.finish(
        "vision",
        failed,
        "killed",
        who=BEN,
        cause="out of memory",
        signal="SIGKILL",
        last_lines=["epoch 21 step 4100 loss 0.284", "epoch 21 step 4200 loss 0.281", "Killed"],
        checkpoint={"path": "checkpoints/step-4000.pt", "step": 4000},
        resume="python train.py --resume checkpoints/step-4000.pt",
    )
    bot.settle(seconds=120)
    threads["ibex"] = str(bot.message(VISION, "bold-ibex")["ts"])
    team.begin("swift-wren", 0.957, hours=0.5, share=0.67, config={"lr": 5e-5, "warmup": 500, **PLAIN, "label_smoothing": 0.1}, notes="does smoothing hold over 30 epochs?", fork_of="vision/7", tags=["smoothing"])  # fmt: skip
    bot.clock.ahead = timedelta()
    bot.settle(seconds=120)
    threads["wren"] = str(bot.message(VISION, "swift-wren")["ts"])
    space.reply(ANA, VISION, threads["wren"], "Next we try label smoothing on the larger model.")
    bot.settle(seconds=120)
    return threads


class Photographer:
    """One window and where its pictures go."""

    def __init__(self, seen: Window, folder: Path, mark: str, size: ViewportSize) -> None:
        self.seen, self.folder, self.mark, self.size = seen, folder, mark, size

    def shoot(self, name: str, selector: str | None = None, *, has: str | None = None) -> None:
        """A part of the page, or all of it."""
        page = self.seen.page
        page.wait_for_timeout(400)
        path = self.folder / f"{name}{self.mark}.png"
        if selector is None:
            page.screenshot(path=path)
            return
        found = page.locator(selector, has_text=has).last if has else page.locator(selector).last
        found.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        found.screenshot(path=path)

    def high(self, *, high: bool) -> None:
        """A window high enough for the longest message, or one as people have it."""
        width = self.size["width"]
        self.seen.page.set_viewport_size({"width": width, "height": 2400 if high else self.size["height"]})

    def thread(self, name: str, ts: str) -> None:
        self.seen.go(f"/archives/{VISION}/p{ts.replace('.', '')}", user=ANA, thread_ts=ts, cid=VISION)
        self.shoot(name, ".thread-pane")

    def message(self, name: str, words: str) -> None:
        self.seen.go(f"/archives/{VISION}", user=ANA)
        self.seen.page.locator(".message", has_text=words).last.wait_for(timeout=3 * WAIT_MS)
        self.shoot(name, ".message", has=words)

    def asked(self, name: str, command: str, words: str) -> None:
        """What a command answers."""
        self.seen.go(f"/archives/{VISION}", user=ANA)
        self.seen.say(f"/runs {command}")
        self.seen.page.locator(".message.ephemeral", has_text=words).last.wait_for(timeout=6 * WAIT_MS)
        self.seen.page.wait_for_timeout(1500)
        self.shoot(name, ".message.ephemeral", has=words)


def photograph(bot: RunningBot, threads: dict[str, str], browser: Browser, viewport: ViewportSize, folder: Path, mark: str) -> None:  # fmt: skip
    """Every surface, at one size."""
    with window(browser, bot.workspace.url, viewport) as seen:
        seen.page.set_default_timeout(4 * WAIT_MS)
        camera = Photographer(seen, folder, mark, viewport)
        camera.thread("run-thread", threads["wren"])
        camera.thread("failed-run", threads["ibex"])
        camera.high(high=True)
        camera.thread("whole-thread", threads["otter"])
        seen.go(f"/archives/{VISION}/p{threads['otter'].replace('.', '')}", user=ANA, thread_ts=threads["otter"], cid=VISION)  # fmt: skip
        camera.shoot("memo-card", ".thread-pane .message", has="🎙")
        camera.shoot("end-question", ".thread-pane .message", has="why?")
        camera.message("sweep", "sweep lr × smoothing")
        camera.asked("compare-two", "compare 1 2", "beats")
        camera.asked("compare-five", "compare 1 2 3 5 7", "best of")
        seen.page.locator(".message.ephemeral", has_text="best of").last.get_by_role(
            "button", name="More"
        ).click()
        seen.page.locator(".message.ephemeral img[alt*='over steps']").last.wait_for()
        camera.shoot("compare-more", ".message.ephemeral", has="val_acc over steps")
        camera.asked("list", "list since:4w", "vision: runs")
        camera.asked("tree", "tree", "which came from which")
        camera.asked("report", "report", "Report on vision")
        camera.asked("digest", "digest since:2d", "vision")
        seen.say("/runs settings")
        seen.page.locator(".message.ephemeral", has_text="Settings of vision").last.wait_for()
        camera.high(high=False)
        seen.page.locator(".message.ephemeral", has_text="Settings of vision").last.get_by_role("button", name="Change…").click()  # fmt: skip
        seen.page.locator(".modal").wait_for()
        camera.shoot("settings", ".modal")
        seen.page.keyboard.press("Escape")
        seen.go("/", user=ANA, app=bot.workspace.app["id"], tab="home")
        seen.page.get_by_text("Recent decisions").wait_for()
        camera.shoot("home")


@contextmanager
def stage() -> Iterator[RunningBot]:
    """The bot with the real models, over a workspace and a database of its own."""
    limits.buckets_of = lambda method, channel: (UNHURRIED,)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        with EmbeddedPostgres(home / "home") as postgres, LocalWorkspace(default_config()) as workspace:
            migrate(postgres.url())
            database = Database(postgres.url())
            with running_bot(database, workspace, home / "bot") as bot:
                bot.models.extractor = loader.load_extractor()
                bot.models.embedder = loader.load_embedder()
                bot.models.transcriber = loader.load_transcriber(model="tiny.en")
                yield bot
            database.close()


def main() -> None:
    """Play the day and photograph it, on a desk and on a phone."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with stage() as bot, chromium() as browser:
        threads = play(bot)
        photograph(bot, threads, browser, DESK, folder, "")
        photograph(bot, threads, browser, PHONE, folder, "-phone")


if __name__ == "__main__":
    main()
