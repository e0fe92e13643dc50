"""What a digest says: the headline first in twelve lines, causes and open steps in its thread, names only where they belong."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from memory_of_a_team import NOW, Team
from sqlmodel import Session, col, select

from bot import digests
from bot.digest_facts import ProjectDigest, collect
from bot.digest_messages import course_chart, details, digest_message, phone_lines
from bot.digest_report import report
from bot.digest_status import add_status, close_step, read_status, status_form
from bot.errors import NotFound
from bot.plain_text import plain_text
from bot.sight import NOTHING, project_sight
from storage.memory import Note, Outbox, RationaleItem, Subscription
from storage.tables import Environment, Person, Run, Verdict

DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")


class Story:
    """A project in a channel, ana and ben, and what they did yesterday."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.team = Team(session)
        self.ana, self.ben = self.team.person("ana"), self.team.person("ben")
        self.channel = self.team.channel("vision", self.ana, self.ben)
        self.project = self.team.project("vision", self.channel)

    def ended(self, *, ago: timedelta = DAY / 2, owner: Person | None = None, **values: Any) -> Run:  # noqa: ANN401  any column
        run = self.team.run(
            self.project, owner or self.ana, started_at=NOW - ago - timedelta(hours=2), **values
        )
        run.ended_at = NOW - ago
        self.session.flush()
        return run

    def said(
        self, role: str, text: str, *runs: Run, by: Person | None = None, ago: timedelta = DAY / 2
    ) -> RationaleItem:
        note = self.team.note(self.project, by or self.ana, text, *runs, said_at=NOW - ago)
        item = RationaleItem(
            note_id=note.id or 0, role=role, text=text, start=0, end=len(text), confidence=0.9
        )
        self.session.add(item)
        self.session.flush()
        return item

    def digest(self, *, until: datetime = NOW, days: int = 1) -> ProjectDigest:
        return collect(self.session, self.project, since=until - days * DAY, until=until)

    def text(self, *, whole: bool = False) -> str:
        message = digest_message([self.digest()], since=NOW - DAY, until=NOW, zone=UTC_ZONE, whole=whole)
        return plain_text(message.text, message.blocks)


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session)


def test_the_headline_tells_the_new_best_first_and_what_moved_it(story: Story) -> None:
    before = story.ended(ago=3 * DAY, metrics={"val_acc": 0.90}, params={"lr": 3e-4})
    story.ended(metrics={"val_acc": 0.93}, params={"lr": 1e-4}, parent_id=before.id, parent_source="fork_of")
    message = digest_message([story.digest()], since=NOW - DAY, until=NOW, zone=UTC_ZONE)
    assert message.text == "vision: new best val_acc 0.93 (#2), 1 run"
    assert "+3 points on the best before: lr 3e-4 → 1e-4" in story.text()


def test_runs_that_failed_are_told_by_cause_and_never_by_person(story: Story) -> None:
    for _ in range(3):
        story.ended(state="killed", ending={"cause": "out of memory", "signal": "SIGKILL"}, owner=story.ben)
    story.ended(state="failed", ending={"error": {"type": "KeyError", "message": "'lr'"}})
    story.ended()
    text = story.text(whole=True)
    assert "1 of 5 runs finished (20 %)" in text
    assert "3 out of memory (SIGKILL), 1 KeyError" in text
    assert "ben" not in text
    assert "ana" not in text


def test_a_digest_told_as_one_message_says_nothing_twice(story: Story) -> None:
    before = story.ended(ago=3 * DAY, metrics={"val_acc": 0.90}, params={"lr": 3e-4})
    best = story.ended(
        metrics={"val_acc": 0.93}, params={"lr": 1e-4}, parent_id=before.id, parent_source="fork_of"
    )
    failed = story.ended(state="failed", ending={"cause": "out of memory"})
    story.session.add(
        Verdict(run_id=best.id or 0, person_id=story.ana.id or 0, choice="keep", at=NOW - DAY / 3)
    )
    story.said("decision", "We keep the low rate.", best)
    story.said("problem", "It ran out of memory at batch 64.", failed)
    story.said("next_step", "Next we try warmup.", best)
    message = digest_message([story.digest()], since=NOW - DAY, until=NOW, zone=UTC_ZONE, whole=True)
    text = plain_text("", message.blocks)
    for once in (
        "of 2 runs finished",
        "ana kept",
        "We keep the low rate.",
        "It ran out of memory",
        "Next we try warmup.",
        "0.93",
    ):
        assert text.count(once) == (2 if once == "0.93" else 1), (
            once,
            text,
        )  # the headline's and the best's own line


def test_however_much_happened_the_first_message_has_twelve_lines(story: Story) -> None:
    run = story.ended(metrics={"val_acc": 0.9})
    story.ended(state="failed", ending={"cause": "out of memory"})
    for number in range(30):
        for role in ("decision", "problem", "next_step"):
            story.said(role, f"{role} number {number}: " + "many words " * 20, run)
    add_status(story.session, story.project.id or 0, "We ship on Friday.", story.ana, now=NOW - DAY / 4)
    message = digest_message([story.digest()] * 4, since=NOW - DAY, until=NOW, zone=UTC_ZONE)
    texts = [block["text"]["text"] for block in message.blocks if block["type"] == "section"]
    texts += [
        each["text"] for block in message.blocks if block["type"] == "context" for each in block["elements"]
    ]
    assert sum(text.count("\n") + 1 for text in texts) <= 12
    assert len(details(story.digest()).blocks) > 8


def test_a_persons_status_leads(story: Story) -> None:
    story.ended()
    view = status_form(story.session, str(story.project.id), project_sight(story.project.id or 0))
    filled = view | {"state": {"values": {"text": {"text": {"value": " We ship on Friday. "}}}}}
    add_status(story.session, *read_status(filled), story.ana, now=NOW - DAY / 4)
    [first, *_] = digest_message([story.digest()], since=NOW - DAY, until=NOW, zone=UTC_ZONE).blocks
    assert first["text"]["text"].splitlines() == ["💬 We ship on Friday. (ana)", "*vision: 1 run*"]
    assert story.session.exec(select(Note.kind).where(col(Note.text).startswith("We ship"))).one() == "status"


def test_a_status_can_only_be_added_where_one_can_see(story: Story) -> None:
    with pytest.raises(NotFound):
        status_form(story.session, str(story.project.id), NOTHING)


def test_open_next_steps_stand_in_the_thread_until_done_or_three_weeks_old(story: Story) -> None:
    story.ended()
    step = story.said("next_step", "Try a longer warmup.", ago=20 * DAY)
    story.said("next_step", "Ask for more GPUs.", ago=22 * DAY)
    rest = details(story.digest())
    assert "ana: “Try a longer warmup.”" in str(rest.blocks)
    assert "Ask for more GPUs" not in str(rest.blocks)
    with pytest.raises(NotFound):
        close_step(story.session, step.id or 0, NOTHING, now=NOW)
    close_step(story.session, step.id or 0, project_sight(story.project.id or 0), now=NOW)
    story.session.flush()
    assert "Try a longer warmup" not in str(details(story.digest()).blocks)


def test_private_runs_and_what_was_said_about_them_stay_out(story: Story) -> None:
    mine = story.ended(visibility="me", metrics={"val_acc": 0.99})
    story.said("decision", "We keep the secret one.", mine)
    assert story.digest().is_quiet


def test_gpu_hours_are_those_of_the_runs_that_ended(story: Story) -> None:
    machine = Environment(fingerprint="f", hardware={"gpus": ["H200", "H200"]})
    story.session.add(machine)
    story.session.flush()
    story.ended(environment_id=machine.id)
    story.ended(environment_id=machine.id, ago=2 * DAY)
    assert story.digest().gpu_hours == pytest.approx(4.0)


def test_the_course_is_a_line_of_at_most_twenty_days() -> None:
    days = [(date(2026, 10, 1) + place * DAY, 0.5 + place / 100) for place in range(40)]
    chart = course_chart(ProjectDigest(project="vision", project_id=1, metric="val_acc", course=days))
    assert chart is not None
    labels = chart["chart"]["axis_config"]["categories"]
    assert [point["label"] for point in chart["chart"]["series"][0]["data"]] == labels
    assert len(labels) == len(set(labels)) == 20
    assert (labels[0], labels[-1]) == ("1 Oct", "9 Nov")


@pytest.mark.parametrize("days", [2, 9])
def test_a_metric_that_never_moved_is_no_picture(days: int) -> None:
    course = [(date(2026, 10, 1) + place * DAY, 0.5) for place in range(days)]
    told = ProjectDigest(
        project="vision", project_id=1, metric="val_acc", course=course, by_run=[(1, 0.5), (2, 0.4)]
    )
    assert course_chart(told) is None


def test_the_managers_report_names_people_only_beside_decisions_and_results(story: Story) -> None:
    run = story.ended(metrics={"val_acc": 0.9}, owner=story.ben)
    story.said("hypothesis", "Warmup is too short.", run)
    story.said("change", "Doubled the warmup.", run)
    story.said("decision", "Keep the long warmup.", run, by=story.ben)
    story.said("next_step", "Sweep the peak.", run)
    story.session.add(
        Verdict(run_id=run.id or 0, person_id=story.ben.id or 0, choice="keep", at=NOW - DAY / 3)
    )
    text = report([story.digest()], since=NOW - DAY, until=NOW)
    headings = [line for line in text.splitlines() if line.startswith("**")]
    assert headings == ["**Question**", "**Tried**", "**Result**", "**Decision**", "**Next**", "**Cost**"]
    assert "- ben: Keep the long warmup." in text
    assert "- ben kept vision/1" in text
    assert "ana" not in text


def test_a_person_gets_a_digest_of_what_they_took_part_in_and_may_see(story: Story) -> None:
    story.ended(owner=story.ben)
    secret = story.team.project("secret", story.team.channel("secret", story.ana, private=True))
    hidden = story.team.run(secret, story.ben)
    hidden.ended_at = NOW - DAY / 2
    digests.subscribe(story.session, "D0BEN", person=story.ben, now=NOW - DAY)
    subscription = story.session.exec(select(Subscription)).one()
    subscription.next_due_at, subscription.local_time = NOW, NOW.time()
    assert digests.claim_due(story.session, now=NOW) == 1
    posted = story.session.exec(select(Outbox).where(col(Outbox.parent_key).is_(None))).one()
    assert posted.body["text"] == "vision: 1 run"
    assert "secret" not in str(posted.body)


def test_data_that_changed_is_a_line_a_dataset() -> None:
    one = ProjectDigest(project="vision", project_id=1, changed_data=["data imagenet changed: +20 rows"])
    assert not one.is_quiet
    text = plain_text("", digest_message([one], since=NOW - DAY, until=NOW, zone=UTC_ZONE).blocks)
    assert "data imagenet changed: +20 rows" in text
    assert text.startswith("vision: data changed")


def test_problems_are_told_by_cause_the_most_frequent_first(story: Story) -> None:
    run = story.ended()
    story.said("problem", "The labels of class 7 are wrong labels.", run, ago=DAY / 3)
    for place, text in enumerate(
        ("It went out of memory at batch 512.", "OOM again on the small card.", "Odd.")
    ):
        story.said("problem", text, run, by=story.ben, ago=DAY / (2 + place))
    rows = plain_text("", details(story.digest()).blocks).splitlines()
    problems = [row for row in rows if row.startswith("🧱")]
    assert problems == [
        "🧱 out of memory, 2 times: ben: “OOM again on the small card.”",
        "🧱 data: ana: “The labels of class 7 are wrong labels.”",
        "🧱 ben: “Odd.”",
    ]


@pytest.mark.parametrize("depth", ["brief", "full", "manager"])
def test_at_any_depth_the_channel_reads_twelve_lines_on_a_phone(story: Story, depth: str) -> None:
    run = story.ended(metrics={"val_acc": 0.9})
    story.ended(state="failed", ending={"cause": "out of memory"})
    for number in range(12):
        for role in ("decision", "problem", "next_step", "outcome", "hypothesis", "change"):
            story.said(role, f"{role} number {number}: " + "many words " * 20, run)
    for _ in range(4):
        add_status(story.session, story.project.id or 0, "We ship. " * 40, story.ana, now=NOW - DAY / 4)
    for projects in (1, 2, 5):
        head, *rest = digests.written_as(
            [story.digest()] * projects, depth, since=NOW - DAY, until=NOW, zone=UTC_ZONE
        )
        shown = plain_text("", [block for block in head.blocks if block["type"] != "actions"])
        assert sum(map(phone_lines, shown.splitlines())) <= 12
        assert len(rest) == projects


def test_costs_are_told_where_the_project_has_a_price(story: Story) -> None:
    machine = Environment(fingerprint="f", hardware={"gpus": ["H200", "H200"]})
    story.session.add(machine)
    story.session.flush()
    run = story.ended(environment_id=machine.id)
    assert "⏱️ 4 GPU-h\n" in story.text()
    story.project.settings = {"gpu_price": "2,50 €"}
    run.summary = {"value": "30 k€ a year"}
    story.session.flush()
    text = story.text()
    assert "⏱️ 4 GPU-h, 10 €" in text
    assert f"💶 vision/{run.number} is worth 30 k€ a year" in text
    assert "- 4 GPU-h, 10 €\n- vision/1 is worth 30 k€ a year" in report(
        [story.digest()], since=NOW - DAY, until=NOW
    )


def test_libraries_that_differ_between_the_best_and_what_it_is_measured_against_are_told(
    story: Story,
) -> None:
    old = Environment(fingerprint="old", libraries={"zlib-x": "1", "torch": "2.9.0", "numpy": "2.4.6"})
    new = Environment(fingerprint="new", libraries={"zlib-x": "2", "torch": "2.13.0", "numpy": "2.4.6"})
    story.session.add_all([old, new])
    story.session.flush()
    story.ended(ago=3 * DAY, metrics={"val_acc": 0.90}, environment_id=old.id)
    story.ended(metrics={"val_acc": 0.93}, environment_id=new.id)
    text = story.text(whole=True)
    assert "📦 #2 against #1: torch 2.9.0 → 2.13.0, zlib-x 1 → 2" in text
    assert "numpy" not in text


def test_in_the_first_days_the_course_goes_from_run_to_run(story: Story) -> None:
    for place, value in enumerate((0.8, 0.7, 0.9)):
        story.ended(ago=DAY / 2 - timedelta(minutes=place), metrics={"val_acc": value})
    chart = course_chart(story.digest())
    assert chart is not None
    points = [(each["label"], each["value"]) for each in chart["chart"]["series"][0]["data"]]
    assert points == [("#1", 0.8), ("#2", 0.8), ("#3", 0.9)]


def test_the_managers_message_names_nobody_beside_problems_and_plans(story: Story) -> None:
    run = story.ended(metrics={"val_acc": 0.9}, owner=story.ben)
    for role in ("hypothesis", "change", "problem", "next_step"):
        story.said(role, f"A {role} of somebody.", run)
    head, *rest = digests.written_as([story.digest()], "manager", since=NOW - DAY, until=NOW, zone=UTC_ZONE)
    assert "Result: vision/1 (ben): val_acc 0.9" in plain_text("", head.blocks)
    assert "ana" not in str([head, *rest])


def test_a_metric_under_another_name_counts_as_the_one_it_means(story: Story) -> None:
    story.project.settings = {"aliases": {"valid/acc": "val_acc"}}
    story.ended(ago=3 * DAY, metrics={"valid/acc": 0.90})
    story.ended(metrics={"val_acc": 0.93, "valid/acc": 0.92})
    message = digest_message([story.digest()], since=NOW - DAY, until=NOW, zone=UTC_ZONE)
    assert message.text == "vision: new best val_acc 0.93 (#2), 1 run"
    assert story.digest().by_run == [(1, 0.9), (2, 0.93)]
