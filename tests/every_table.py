"""A small installation in which every table holds something, with values that are easily lost on the way: NaN, signs, spans."""

import math
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from sqlmodel import Session

from storage.database import ensure_partitions
from storage.ingest_queries import put_params, put_tags, take_project, take_run
from storage.logs import append_log
from storage.memory import (
    AnswerRating,
    Bucket,
    Channel,
    Correction,
    Digest,
    Fact,
    Membership,
    Note,
    NoteRun,
    Outbox,
    RationaleItem,
    SlackEvent,
    Subscription,
    Thread,
)
from storage.search import index_note
from storage.series import append_metrics
from storage.tables import (
    ApiToken,
    Artifact,
    CodeVersion,
    DatasetVersion,
    DeletedRun,
    Environment,
    JobCrash,
    Like,
    Link,
    LoginRequest,
    Person,
    RunDataset,
    RunEvent,
    Stream,
    Verdict,
)

NOW = datetime(2026, 11, 20, 9, 30, 15, 123456, tzinfo=UTC)
SAID = "We lowered the learning rate because the zebra loss diverged. Next we try warmup."


def fill(session: Session) -> None:
    """Ana's and Ben's runs, what they said, what Slack was told."""
    ana = Person(slack_id="U0ANA", name="ana", time_zone="Europe/Lisbon", logins=["asilva"], created_at=NOW)
    ben = Person(slack_id="U0BEN", name="ben", created_at=NOW)
    session.add_all([ana, ben])
    session.flush()
    ensure_partitions(session, (NOW - timedelta(days=90)).date())
    project, _ = take_project(session, "vision", now=NOW)
    project.goals, project.channel_id = {"val/acc": "max"}, "C0VISION"
    code = CodeVersion(
        fingerprint="c1", commit="3f2a91c0", remote="git@forge:asilva/vision", diff="--- a\n+++ b\n+lr = '1e-4'\n",
        command="python /home/asilva/vision/train.py", entry="train.py",
    )  # fmt: skip
    environment = Environment(fingerprint="e1", python="3.11.9", libraries={"torch": "2.9.0"}, host="gpu-7")
    data = DatasetVersion(
        project_id=project.id or 0, name="digits", fingerprint="d1", rows=1797, column_types={"a": "int64"},
        first_seen_at=NOW,
    )  # fmt: skip
    session.add_all([code, environment, data])
    session.flush()
    child, _ = take_run(session, project, "run-child", name="calm-heron", now=NOW)
    parent, _ = take_run(session, project, "run-parent", name="brave-otter", now=NOW)
    child.parent_id = parent.id  # a younger number than its own: order alone does not bring it back
    for run, owner in ((parent, ana), (child, ben)):
        run.owner_id, run.login = owner.id, owner.name
        run.code_id, run.environment_id = code.id, environment.id
    parent.intent = "Is the zebra warmup long enough at all?"
    parent.vector, parent.recipe = [0.25] * 384, ["lr", "a “b”"]
    parent.told_in = f"run:{parent.id}:parent"
    for run, at in ((parent, NOW - timedelta(days=90)), (child, NOW)):
        put_params(session, run.id or 0, {"opt.lr": 3e-4, "model": "resnet “50”", "none": None})
        put_tags(session, run.id or 0, add=["baseline"])
        points = ([0.0, 1.0, 2.0], [at.timestamp()] * 3, [1.5, math.nan, math.inf])
        append_metrics(session, run.id or 0, {"train/loss": points}, at=at)
        append_log(session, run.id or 0, source="stdout", first_line=0, lines=["begin", "", "ü 🎉"], at=at)
        session.add(Stream(id=f"{run.id:032x}", run_id=run.id or 0, next_seq=7, clock_offset=-0.25))
        session.add(RunDataset(run_id=run.id or 0, dataset_id=data.id or 0))
        session.add(RunEvent(run_id=run.id or 0, kind="text", at=at, data={"value": "by @ana"}))
        session.add(Link(run_id=run.id or 0, url="https://example.org/x", at=at))
        session.add(Artifact(run_id=run.id or 0, name="model.pt", location="home:ab", size=3, at=at))
    _say(session, project.id or 0, ana, ben, parent.id or 0)
    _tell(session, project.id or 0, parent.id or 0, ana, ben)
    session.flush()


def _say(session: Session, project: int, ana: Person, ben: Person, run: int) -> None:
    spoken = Note(
        project_id=project, author_id=ana.id, kind="memo", text=SAID, heard="we lowered the learning rate zebra",
        memo={"file": "F1", "words": [["we", 0.0, 0.2, 0.99]]}, channel_id="C0VISION", ts="1763630000.000100",
        permalink="https://acme.example/p1", said_at=NOW, read_at=NOW,
    )  # fmt: skip
    typed = Note(
        project_id=project, author_id=ben.id, text="Agreed with <@U0ANA>, keep it.", said_at=NOW,
        channel_id="C0VISION", ts="1763630001.000100", edited_by_id=ana.id,
    )  # fmt: skip
    session.add_all([spoken, typed])
    session.flush()
    for note in (spoken, typed):
        session.add(NoteRun(note_id=note.id or 0, run_id=run))
    index_note(session, spoken.id or 0, ["lower", "zebra", "warmup"], np.full(384, 0.5, dtype=np.float32))
    index_note(session, typed.id or 0, ["agree", "keep"])
    item = RationaleItem(
        note_id=spoken.id or 0, role="change", text=SAID.split(". ")[0], start=0, end=60, start_time=0.0,
        confidence=0.9, edited_by_id=ana.id, vector=[0.1] * 384,
    )  # fmt: skip
    session.add(item)
    session.flush()
    session.add(Fact(note_id=spoken.id or 0, item_id=item.id, kind="param", name="opt.lr", to_value="1e-4"))
    session.add(
        Correction(
            note_id=typed.id or 0, person_id=ana.id, sentence="keep it", now={"role": "decision"}, at=NOW
        )
    )
    session.add(AnswerRating(person_id=ana.id or 0, question="who tried zebra?", good=True, at=NOW))
    session.add(Like(person_id=ana.id or 0, run_id=run, kind="run", at=NOW))
    session.add(Verdict(run_id=run, person_id=ana.id or 0, choice="keep", at=NOW))


def _tell(session: Session, project: int, run: int, ana: Person, ben: Person) -> None:
    quoting = {"channel": "C0VISION", "text": f"Heard: {SAID}", "blocks": [{"text": "said by ana"}]}
    card = Outbox(key="note:1:card", lane="C0VISION", method="chat.postMessage", body=quoting, state="sent",
                  result={"channel": "C0VISION", "ts": "1763630002.1"}, created_at=NOW, sent_at=NOW)  # fmt: skip
    parent = Outbox(key=f"run:{run}:parent", lane="C0VISION", method="chat.postMessage", state="sent",
                    body={"text": "<@U0ANA> started a run"}, result={"channel": "C0VISION", "ts": "1763629999.1"},
                    created_at=NOW, sent_at=NOW)  # fmt: skip
    session.add_all(
        [card, parent, Outbox(key="home:U0ANA", lane="U0ANA", method="views.publish", created_at=NOW)]
    )
    session.add(
        Thread(
            project_id=project,
            run_id=run,
            channel_id="C0VISION",
            outbox_key=parent.key,
            ts="1763629999.1",
            opened_at=NOW,
        )
    )
    mine = Subscription(
        channel_id="C0VISION", project_ids=[project], local_time=time(9, 5), weekdays=["mon"], next_due_at=NOW
    )
    session.add_all([mine, Subscription(channel_id="D0ANA", person_id=ana.id)])
    session.flush()
    session.add(
        Digest(subscription_id=mine.id or 0, local_date=date(2026, 11, 20), since=NOW, until=NOW, made_at=NOW)
    )
    session.add(Channel(id="C0VISION", name="vision-runs", is_member=True, synced_at=NOW))
    session.add_all([Membership(channel_id="C0VISION", slack_id=one) for one in ("U0ANA", "U0BEN")])
    session.add(
        SlackEvent(event_id="Ev1", kind="message", body={"event": {"user": "U0ANA", "text": SAID}},
                   received_at=NOW, handled_at=NOW)
    )  # fmt: skip
    session.add_all(
        [
            ApiToken(digest="d" * 64, hint="rl_abcde", person_id=ana.id, scopes=["read"], created_at=NOW),
            ApiToken(digest="e" * 64, hint="rl_bcdef", person_id=ben.id, scopes=["read"], created_at=NOW),
            LoginRequest(device="a" * 64, code="ABCD", login="asilva", created_at=NOW, expires_at=NOW, person_id=ana.id),
            Bucket(name="post:C0VISION", tokens=1.0, filled_at=NOW),
            JobCrash(job_id=1),
            DeletedRun(digest="f" * 64, at=NOW),
        ]
    )  # fmt: skip
