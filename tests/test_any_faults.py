"""Whatever runs, people, Slack and the network do in any order: each run has one message, each word is said once and in order."""

from collections import Counter
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from local_workspace import ANA, BEN, RUNS, VISION, SlackSaid
from running_bot import Json, RunningBot, shown
from sqlmodel import col, select

from bot import dispatcher, outbox, runs, together
from bot.values import Message
from storage.memory import Note, Outbox
from storage.tables import Project, Run

CALLS = st.sampled_from(
    [
        {"kind": "429", "retry_after": 1},
        {"kind": "500"},
        {"kind": "503"},
        {"kind": "drop_connection"},
        {"kind": "timeout_after_accept", "seconds": 0.2},
        {"kind": "latency", "seconds": 0.2},
        {"kind": "refuse", "error": "missing_scope"},
    ]
)
REFUSED = {"expired_trigger_id": "press it once more", "missing_scope": "a permission is missing"}
METHODS = st.sampled_from(
    ["chat.postMessage", "chat.update", "chat.delete", "reactions.add", "conversations.*", "*"]
)
EVENTS = st.sampled_from(["duplicate_event", "drop_ack", "reorder_events"])
_named = iter(range(10_000))


class WholeBot(RuleBasedStateMachine):
    """One project in its own channel and one in the shared, two people, and everything that can go wrong."""

    bot: RunningBot
    alive = Bundle("alive")

    @initialize(skips=st.lists(st.integers(0, 6), min_size=2, max_size=3))
    def begin(self, skips: list[int]) -> None:
        self.bot.clock.ahead *= 0
        self.bot.workspace.faults()
        # Some answers are always lost: what was posted then must not be posted again.
        lost = {"method": "chat.postMessage", "kind": "timeout_after_accept", "seconds": 0.2}
        self.broken: list[Json] = [lost | {"skip": skip} for skip in skips]
        self.bot.workspace.faults(*self.broken)
        number = next(_named)
        self.projects = (f"any-own-{number}", f"any-shared-{number}")
        self.bot.own_channel(self.projects[0], VISION)
        self.replies: list[str] = []
        self.said: list[tuple[str, str]] = []

    # --- what runs do --------------------------------------------------------------------------------

    @rule(target=alive, own=st.booleans(), who=st.sampled_from([ANA, BEN]), group=st.sampled_from([None, None, "grid"]),
          entry=st.sampled_from(["a.py", "b.py"]), lr=st.integers(1, 9))  # fmt: skip
    def start(self, *, own: bool, who: str, group: str | None, entry: str, lr: int) -> tuple[str, str, str]:
        project = self.projects[not own]
        more: dict[str, Any] = {"group": group} if group else {}
        return project, self.bot.start(project, who=who, entry=entry, config={"lr": lr}, **more), who

    @rule(run=alive, value=st.floats(0, 1))
    def log(self, run: tuple[str, str, str], value: float) -> None:
        self.bot.log(run[0], run[1], "val_acc", value, who=run[2])

    @rule(run=alive, state=st.sampled_from(["finished", "failed", "killed", "preempted"]))
    def end(self, run: tuple[str, str, str], state: str) -> None:
        self.bot.finish(run[0], run[1], state, who=run[2], exit_code=1)

    @rule(run=alive)
    def resume(self, run: tuple[str, str, str]) -> None:
        self.bot.report(run[0], run[1], {"t": "start", "name": run[1], "resumed": True}, who=run[2])

    @rule(run=alive, level=st.sampled_from(["INFO", "ERROR"]))
    def alert(self, run: tuple[str, str, str], level: str) -> None:
        self.bot.report(
            run[0], run[1], {"t": "alert", "title": "look", "text": "here", "level": level}, who=run[2]
        )

    @rule(minutes=st.sampled_from([1, 3, 12]))
    def wait(self, minutes: int) -> None:
        self.bot.clock.advance(minutes=minutes)
        for late in (runs.sweep_lost, runs.tell_lost, together.tell_ended_sweeps, runs.tell_best):
            with self.bot.services.database.session() as session:
                late(session, now=self.bot.clock())

    # --- what people do ------------------------------------------------------------------------------

    @rule(who=st.sampled_from([ANA, BEN]), edit=st.booleans())
    def reply(self, *, who: str, edit: bool) -> None:
        parents = [
            one for one in self.bot.workspace.messages(VISION) if f"{self.projects[0]}/" in str(one["text"])
        ]
        if parents:
            ts = self.bot.workspace.reply(who, VISION, parents[-1]["ts"], "I lowered lr, we keep it.")
            self.replies.append(ts)
            if edit:
                self.bot.workspace.edit(who, VISION, ts, "I lowered lr twice, we keep it.")

    @rule(who=st.sampled_from([ANA, BEN]), refused=st.sampled_from([None, *REFUSED]))
    def press(self, *, who: str, refused: str | None) -> None:
        """A button that opens a form: the form opens, or its presser is told why not and what to do."""
        workspace = self.bot.workspace
        pressable = [
            one
            for one in workspace.messages(VISION)
            if f"{self.projects[0]}/" in str(one["text"]) and "Add note" in str(one.get("blocks"))
        ]
        if not pressable:
            return
        if refused:
            fault = {"method": "views.open", "kind": "refuse", "error": refused}
            workspace.faults(fault, *self.broken)
        pressed = pressable[-1]
        thread = pressed.get("thread_ts")  # of a reply that is shown in the channel too
        open_before, told_before = {one["id"] for one in workspace.views(who)}, self.told(who, thread)
        try:
            workspace.click(who, VISION, pressed["ts"], "Add note")
        except SlackSaid as failure:  # the socket is just gone: Slack itself says so beside the button
            if failure.answer["error"] not in ("dispatch_failed", "operation_timeout"):
                raise
            return
        self.bot.wait(
            lambda: (
                {one["id"] for one in workspace.views(who)} - open_before
                or self.told(who, thread) - told_before
            ),
            "a form or a word about it",
            seconds=90,
        )
        for one in workspace.views(who):
            workspace.close_view(who, one["id"])
        workspace.faults(*self.broken)

    def told(self, who: str, thread: str | None) -> Counter[str]:
        """What a person was told of forms that did not open."""
        words = [shown(one) for one in self.bot.workspace.ephemerals(who, VISION, thread)]
        return Counter(one for one in words if any(known in one for known in REFUSED.values()))

    @rule(channel=st.sampled_from([RUNS, VISION]))
    def say(self, channel: str) -> None:
        words = f"said {len(self.said)} of {self.projects[0]}"
        with self.bot.services.database.session() as session:
            outbox.post(session, words, channel, Message(text=words), now=self.bot.clock())
        self.said.append((channel, words))

    # --- what goes wrong -----------------------------------------------------------------------------

    @rule(method=METHODS, fault=CALLS, count=st.integers(1, 3), skip=st.integers(0, 2))
    def break_calls(self, method: str, fault: Json, count: int, skip: int) -> None:
        self.broken.append({"method": method, "count": count, "skip": skip, **fault})
        self.bot.workspace.faults(*self.broken)

    @rule(fault=EVENTS, count=st.integers(1, 2))
    def break_events(self, fault: str, count: int) -> None:
        more = {"seconds": 0.3} if fault == "reorder_events" else {}
        self.broken.append({"event": "message", "kind": fault, "count": count, **more})
        self.bot.workspace.faults(*self.broken)

    @rule(reason=st.sampled_from(["abrupt", "refresh_requested"]))
    def cut_the_socket(self, reason: str) -> None:
        self.bot.workspace.disconnect(reason)

    # --- what must hold ------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "projects"):
            return
        self.bot.workspace.faults()
        self.bot.settle(seconds=240)
        for ts in self.replies:  # an event may come late
            self.bot.wait(lambda ts=ts: self.notes_at(ts), f"the note of {ts}", seconds=90)  # type: ignore[misc]
        self.bot.settle(seconds=240)
        seen = self.shown()
        keys = Counter(str(one["metadata"]["event_payload"]["key"]) for one in seen)
        assert {key: times for key, times in keys.items() if times > 1} == {}
        with self.bot.services.database.session() as session:
            mine = select(Project.id).where(col(Project.name).in_(self.projects))
            for run in session.exec(select(Run).where(col(Run.project_id).in_(mine))):
                assert keys[str(run.told_in)] == 1, (run.number, run.told_in)
            posts = session.exec(
                select(Outbox).where(Outbox.method == "chat.postMessage").order_by(col(Outbox.id))
            ).all()
            removed = set(session.exec(select(Outbox.target_key).where(Outbox.method == "chat.delete")).all())
        assert [self.notes_at(ts) for ts in self.replies] == [1] * len(self.replies)
        sent = [post for post in posts if post.state == "sent" and post.key not in removed]
        assert {post.key for post in posts if post.state not in ("sent", "dropped")} == set()
        assert {post.key for post in sent} <= set(keys)
        for channel in (RUNS, VISION):
            written = [post.key for post in sent if (post.result or {}).get("channel") == channel]
            order = {str(one["metadata"]["event_payload"]["key"]): str(one["ts"]) for one in seen}
            assert written == sorted(written, key=lambda key: order[key])

    def notes_at(self, ts: str) -> int:
        with self.bot.services.database.session() as session:
            return len(session.exec(select(Note).where(Note.ts == ts)).all())

    def shown(self) -> list[Json]:
        """Every message of the bot there is, in threads too."""
        found: dict[tuple[str, str], Json] = {}
        for channel in (RUNS, VISION):
            for message in self.bot.workspace.messages(channel):
                told = (
                    self.bot.workspace.thread(channel, message["ts"])
                    if message.get("reply_count")
                    else [message]
                )
                found |= {(channel, one["ts"]): one for one in [message, *told] if one.get("metadata")}
        return list(found.values())


def test_after_any_mix_of_faults_all_is_told_once_and_in_order(
    bot: RunningBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "LOCKED_OUT_SECONDS", 1.0)  # a missing permission is back soon

    class Machine(WholeBot):
        pass

    Machine.bot = bot
    run_state_machine_as_test(
        Machine,
        settings=hypothesis.settings(
            max_examples=8,
            stateful_step_count=16,
            phases=(hypothesis.Phase.reuse, hypothesis.Phase.generate),  # making it smaller takes minutes
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
