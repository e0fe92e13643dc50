"""Next steps found in notes: a list with owners, until somebody taps done or three weeks have passed."""

from datetime import timedelta

import pytest
from memory_of_a_team import NOW, Team
from sqlmodel import Session

from bot.digest_status import close_step
from bot.sight import project_sight
from storage.memory import RationaleItem
from storage.next_steps import NextStep, open_next_steps
from storage.tables import Person, Project, Run

DAY = timedelta(days=1)


class Plans:
    """A project, two people, and what they mean to do."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.team = Team(session)
        self.ana, self.ben = self.team.person("ana"), self.team.person("ben")
        self.vision = self.team.project("vision", self.team.channel("vision", self.ana, self.ben))

    def says(
        self,
        text: str,
        *runs: Run,
        by: Person | None = None,
        ago: timedelta = DAY,
        project: Project | None = None,
        confidence: float = 0.9,
    ) -> int:
        note = self.team.note(project or self.vision, by or self.ana, text, *runs, said_at=NOW - ago)
        item = RationaleItem(
            note_id=note.id or 0,
            role="next_step",
            text=text,
            start=0,
            end=len(text),
            confidence=confidence,
        )
        self.session.add(item)
        self.session.flush()
        return item.id or 0

    def open(self, **which: int) -> list[NextStep]:
        return open_next_steps(self.session, now=NOW, project_ids=[self.vision.id or 0], **which)


@pytest.fixture
def plans(session: Session) -> Plans:
    return Plans(session)


def test_a_step_has_its_owner_and_its_run_the_newest_first(plans: Plans) -> None:
    run = plans.team.run(plans.vision, plans.ana)
    plans.says("Sweep the peak.", ago=3 * DAY, by=plans.ben)
    plans.says("Try a longer warmup.", run)
    found = plans.open()
    assert [(one.owner, one.text, one.run_number) for one in found] == [
        ("ana", "Try a longer warmup.", run.number),
        ("ben", "Sweep the peak.", None),
    ]


def test_a_step_is_open_until_somebody_taps_done(plans: Plans) -> None:
    step = plans.says("Try a longer warmup.")
    close_step(plans.session, step, project_sight(plans.vision.id or 0), now=NOW)
    plans.session.flush()
    assert plans.open() == []


def test_a_step_fades_after_three_weeks(plans: Plans) -> None:
    plans.says("Ask for more GPUs.", ago=21 * DAY)
    plans.says("Try a longer warmup.", ago=21 * DAY - timedelta(minutes=1))
    assert [one.text for one in plans.open()] == ["Try a longer warmup."]


def test_other_projects_doubtful_readings_and_private_runs_stay_out(plans: Plans) -> None:
    secret = plans.team.run(plans.vision, plans.ana, visibility="me")
    plans.says("Tell nobody yet.", secret)
    plans.says("Perhaps a cat.", confidence=0.3)
    plans.says("Label more data.", project=plans.team.project("speech"))
    assert plans.open() == []
    assert [one.text for one in plans.open(owner_id=plans.ana.id or 0)] == ["Tell nobody yet."]


def test_one_persons_steps_can_be_asked_for(plans: Plans) -> None:
    plans.says("Sweep the peak.", by=plans.ben)
    plans.says("Try a longer warmup.")
    assert [one.text for one in plans.open(owner_id=plans.ben.id or 0)] == ["Sweep the peak."]
