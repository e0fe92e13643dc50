"""A simulated team that repeats itself, with the truth: which runs try the same idea, which are sweeps, seeds, lines of work."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session

from bot import similar
from bot.sight import operator_sight
from storage.ingest_queries import put_params
from storage.tables import CodeVersion, Person, Project, Run

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
PEOPLE = ("ana", "ben", "mei", "tom", "eva", "raj", "lea")

# Idea -> (what it sets, how people say it). Ideas of one project share params, values and words with each other.
Idea = tuple[Mapping[str, Sequence[Any]], Sequence[str]]
VISION: Mapping[str, Idea] = {
    "label smoothing": ({"label_smoothing": [0.1, 0.1, 0.05]}, ["label smoothing against overconfidence", "soften the targets", "smoothing the labels a bit"]),
    "mixup": ({"mixup_alpha": [0.2, 0.2, 0.4]}, ["mixup", "does mixing images help", "mixup with a small alpha"]),
    "cutmix": ({"cutmix_alpha": [1.0]}, ["cutmix instead of mixup", "paste patches between images"]),
    "mixup and smoothing": ({"mixup_alpha": [0.2], "label_smoothing": [0.1]}, ["mixup together with smoothing", "both regularisers at once"]),
    "ema": ({"ema_decay": [0.999, 0.9999]}, ["average the weights", "EMA of the weights for evaluation", ""]),
    "sgd": ({"optimizer": ["sgd"], "momentum": [0.9], "lr": [0.1, 0.05]}, ["back to sgd with momentum", "sgd generalises better?", "plain sgd"]),
    "lion": ({"optimizer": ["lion"], "lr": [1e-4, 3e-5]}, ["lion optimizer", "try lion, smaller lr", ""]),
    "long warmup": ({"warmup": [2000, 3000]}, ["longer warmup", "is warmup too short?", "warmup was too short, doubling"]),
    "no warmup": ({"warmup": [0]}, ["is warmup needed at all", "no warmup"]),
    "high resolution": ({"image_size": [384, 320]}, ["larger images", "resolution 384", "bigger input"]),
    "randaugment": ({"randaug_n": [2], "randaug_m": [9, 10]}, ["randaugment", "stronger augmentation", "more augmentation against overfitting"]),
    "random erasing": ({"erase_prob": [0.25]}, ["random erasing", "erase patches, stronger augmentation"]),
    "vit": ({"model": ["vit_s16"], "weight_decay": [0.05]}, ["a small vit", "vit instead of the resnet", "transformer backbone"]),
    "convnext": ({"model": ["convnext_t"]}, ["convnext", "modern convnet backbone"]),
    "stochastic depth": ({"drop_path": [0.1, 0.2]}, ["stochastic depth", "drop whole layers", ""]),
    "heavy decay": ({"weight_decay": [0.1, 0.2]}, ["more weight decay", "stronger regularisation"]),
    "freeze": ({"freeze_layers": [3, 2]}, ["freeze the early layers", "only tune the top"]),
    "fp8": ({"precision": ["fp8"]}, ["fp8 to go faster", "lower precision"]),
    "lars": ({"optimizer": ["lars"], "batch_size": [4096], "lr": [2.0]}, ["lars for huge batches", "very large batch"]),
    "focal": ({"loss": ["focal"], "focal_gamma": [2.0]}, ["focal loss for the rare classes", "rare classes are lost"]),
}  # fmt: skip
TEXT: Mapping[str, Idea] = {
    "rope base": ({"rope_theta": [500000, 1000000]}, ["larger rope base for long context", "stretch rope"]),
    "qk norm": ({"qk_norm": [True]}, ["qk norm against spikes", "normalise queries and keys", "loss spikes again"]),
    "z loss": ({"z_loss": [1e-4]}, ["z loss", "keep the logits small", "loss spikes again"]),
    "muon": ({"optimizer": ["muon"], "lr": [0.02, 0.01]}, ["muon", "muon for the matrices", ""]),
    "wsd": ({"schedule": ["wsd"], "decay_fraction": [0.2, 0.1]}, ["wsd schedule", "constant then cool down"]),
    "linear decay": ({"schedule": ["linear"]}, ["linear decay to zero", "decay to zero"]),
    "tied": ({"tie_embeddings": [True]}, ["tie the embeddings", "save params in the head"]),
    "untie and grow": ({"vocab_size": [65536, 49152]}, ["a bigger vocabulary", "larger tokenizer"]),
    "gqa": ({"kv_heads": [4, 2]}, ["fewer kv heads", "grouped query attention"]),
    "moe": ({"experts": [8, 16], "top_k": [2]}, ["mixture of experts", "sparse layers", "moe"]),
    "long context": ({"seq_len": [8192, 4096]}, ["longer context", "sequences of 8k"]),
    "dropout": ({"dropout": [0.1, 0.2]}, ["dropout for the small data", "overfitting, add dropout"]),
    "high lr": ({"lr": [3e-3, 2e-3]}, ["how high can the lr go", "bigger steps"]),
    "batch ramp": ({"batch_ramp": [True], "batch_size": [1024]}, ["ramp up the batch", "batch size warmup"]),
    "swiglu": ({"activation": ["swiglu"]}, ["swiglu", "gated mlp"]),
    "relu2": ({"activation": ["relu2"]}, ["squared relu", "cheaper activation"]),
    "curriculum": ({"curriculum": ["short_first"]}, ["short documents first", "curriculum over length"]),
    "dedup": ({"data_dedup": [True]}, ["deduplicated data", "fewer repeats in the corpus"]),
    "code mix": ({"code_share": [0.2, 0.3]}, ["more code in the mix", "does code help reasoning"]),
    "ema": ({"ema_decay": [0.999]}, ["average the weights", "ema"]),
}  # fmt: skip
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "vision": {"model": "resnet50", "optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.01, "batch_size": 256, "epochs": 90,
               "warmup": 500, "image_size": 224, "schedule": "cosine", "precision": "bf16", "loss": "ce", "label_smoothing": 0.0,
               "mixup_alpha": 0.0},
    "text": {"layers": 12, "width": 768, "optimizer": "adamw", "lr": 6e-4, "weight_decay": 0.1, "batch_size": 512, "seq_len": 2048,
             "warmup": 1000, "schedule": "cosine", "precision": "bf16", "activation": "gelu", "dropout": 0.0, "qk_norm": False},
}  # fmt: skip
IDEAS = {"vision": VISION, "text": TEXT}
FILLER = (
    "",
    "",
    "",
    "baseline",
    "sanity check",
    "rerun after the fix",
    "again, with logging",
    "same but cleaner code",
    "quick test",
)


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """A run and the truth about it."""

    number: int
    project: str
    person: str
    started: datetime
    params: Mapping[str, Any]
    intent: str
    idea: str
    line: int  # one person's work on one idea
    group: str | None
    commit: str
    state: str
    first_of_line: bool


@dataclass
class World:
    """What happened so far."""

    rng: random.Random
    runs: list[Simulated] = field(default_factory=list)
    tried: list[tuple[str, str]] = field(default_factory=list)  # project, idea
    lines: int = 0


def simulate(seed: int, *, runs: int = 600, days: int = 150) -> list[Simulated]:
    """Runs in the order they started. A third of all lines repeat, knowingly or not, what somebody tried before."""
    world = World(rng=random.Random(seed))
    rng = world.rng
    habits = {
        person: {"num_workers": rng.choice([4, 8]), "out_dir": f"/scratch/{person}"}
        | ({"batch_size": rng.choice([128, 64])} if rng.random() < 0.4 else {})
        | ({"epochs": rng.choice([30, 50])} if rng.random() < 0.3 else {})
        for person in PEOPLE
    }
    while len(world.runs) < runs:
        moment = START + timedelta(days=days) * (len(world.runs) / runs) + timedelta(hours=rng.uniform(0, 9))
        _line(world, habits, moment)
    world.runs.sort(key=lambda run: run.started)
    return world.runs


def _line(world: World, habits: Mapping[str, Mapping[str, Any]], moment: datetime) -> None:
    rng = world.rng
    project = rng.choice(["vision", "vision", "text"])
    ideas = IDEAS[project]
    known = [idea for where, idea in world.tried if where == project]
    idea = rng.choice(known) if known and rng.random() < 0.33 else rng.choice(sorted(ideas))
    if rng.random() < 0.12:
        idea = "baseline"
    if idea == "learning rate" or rng.random() < 0.12:
        idea = "learning rate"
    world.tried += [(project, idea)] if idea in ideas else []
    person = rng.choice(PEOPLE)
    sets, words = ideas.get(idea, ({}, FILLER))
    base = dict(DEFAULTS[project]) | dict(habits[person])
    if (moment - START).days > 75:  # the team's defaults move
        base |= {"warmup": 1000} if project == "vision" else {"schedule": "wsd2", "lr": 8e-4}
    base |= {name: rng.choice(values) for name, values in sets.items()}
    said = rng.choice(words) if rng.random() < 0.7 else rng.choice(FILLER)
    world.lines += 1
    line, commit = world.lines, f"{rng.getrandbits(48):012x}"
    amount = rng.choice([1, 2, 3, 4, 6])
    group = f"sweep-{line}" if rng.random() < 0.15 else None
    if group:
        amount = rng.choice([6, 9])
    for place in range(amount):
        params = dict(base)
        kind = rng.random()
        if idea == "learning rate" or (group and place) or (place and kind < 0.4):
            params["lr"] = float(f"{params['lr'] * rng.choice([0.1, 0.3, 0.5, 2, 3]):.3g}")
        elif place and kind < 0.55:
            params["weight_decay"] = float(f"{params['weight_decay'] * rng.choice([0.1, 0.5, 2]):.3g}")
        elif place and kind < 0.65:
            for name, values in sets.items():
                params[name] = rng.choice(values)
        params["seed"] = rng.choice([0, 0, 1, 2, 42]) if rng.random() < 0.5 or kind > 0.9 else 0
        if rng.random() < 0.3:
            commit = f"{rng.getrandbits(48):012x}"
        world.runs.append(
            Simulated(
                number=len(world.runs) + 1,
                project=project,
                person=person,
                started=moment + timedelta(hours=2.5 * place + rng.uniform(0, 1.5)) * (0.2 if group else 1),
                params=params,
                intent=said if not place or rng.random() < 0.3 else "",
                idea=idea,
                line=line,
                group=group,
                commit=commit,
                state=rng.choices(["finished", "failed", "killed"], [8, 1, 1])[0],
                first_of_line=not place,
            )
        )


def same_idea(one: Simulated, other: Simulated) -> bool:
    """The truth: both try one idea, or set everything alike."""
    if one.project != other.project:
        return False
    if one.idea == other.idea and one.idea not in ("baseline", "learning rate"):
        return True
    return _set(one) == _set(other)


def _set(run: Simulated) -> dict[str, Any]:
    return {
        name: value for name, value in run.params.items() if name not in ("seed", "num_workers", "out_dir")
    }


@dataclass
class Replay:
    """Starts the simulated runs one after the other in a real database and asks of each what it is like."""

    session: Session
    people: dict[str, int] = field(default_factory=dict)
    projects: dict[str, int] = field(default_factory=dict)
    told: dict[int, list[int]] = field(default_factory=dict)  # run's number -> numbers it was told of
    seconds: list[float] = field(default_factory=list)

    def play(self, runs: Sequence[Simulated]) -> None:
        """All of them."""
        for name in PEOPLE:
            self.people[name] = self._key(Person(name=name, created_at=START))
        for name in DEFAULTS:
            self.projects[name] = self._key(Project(name=name, created_at=START))
        numbers: dict[int, int] = {}
        for one in runs:
            run = self._start(one)
            numbers[run.id or 0] = one.number
            begun = time.perf_counter()
            named = similar.look(self.session, run, sight=operator_sight())
            self.seconds.append(time.perf_counter() - begun)
            run.announced = {"similar": [each.recipe.run_id for each in named]}
            self.session.flush()
            if named:
                self.told[one.number] = [numbers[each.recipe.run_id] for each in named]

    def _start(self, one: Simulated) -> Run:
        code = self._key(CodeVersion(fingerprint=f"{one.number}", commit=one.commit))
        run = Run(
            uid=f"sim-{one.number}",
            project_id=self.projects[one.project],
            number=one.number,
            name=f"run-{one.number}",
            owner_id=self.people[one.person],
            group=one.group,
            intent=one.intent or None,
            entry=f"{one.project}/train.py",
            state=one.state,
            started_at=one.started,
            ended_at=one.started + timedelta(hours=2),
            last_seen_at=one.started,
            code_id=code,
        )
        run_id = self._key(run)
        put_params(self.session, run_id, one.params)
        similar.remember(self.session, [run_id])
        return run

    def _key(self, row: Person | Project | CodeVersion | Run) -> int:
        self.session.add(row)
        self.session.flush()
        return row.id or 0


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a replay amounts to."""

    runs: int
    hints: int
    named: int
    right: int
    repeating: int  # lines of work that repeat an idea somebody else had tried
    caught: int  # of those, told of it

    @property
    def precision(self) -> float:
        """The share of the runs shown that do try the same."""
        return self.right / max(1, self.named)


def score(runs: Sequence[Simulated], told: Mapping[int, Sequence[int]]) -> Score:
    """Counted against the truth."""
    by_number = {run.number: run for run in runs}
    pairs = [(by_number[one], by_number[other]) for one, others in told.items() for other in others]
    right = [(one, other) for one, other in pairs if same_idea(one, other)]
    repeating = {
        run.line
        for place, run in enumerate(runs)
        if run.first_of_line and run.idea not in ("baseline", "learning rate")
        and any(same_idea(run, other) and other.person != run.person for other in runs[:place])
    }  # fmt: skip
    caught = {one.line for one, _ in right} & repeating
    return Score(
        runs=len(runs),
        hints=len(told),
        named=len(pairs),
        right=len(right),
        repeating=len(repeating),
        caught=len(caught),
    )
