"""The hook and its command against the bot as it is served: what a new user does on the first day."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sdk_children as children
from databases import reachable_directory
from local_workspace import ANA, RUNS
from running_bot import shown
from served_bot import ServedBot, served_bot

STUDY = """
import optuna
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from runlore.integrations.optuna import RunloreCallback
optuna.logging.set_verbosity(optuna.logging.ERROR)
x, y = load_digits(return_X_y=True)
def objective(trial):
    model = SGDClassifier(alpha=trial.suggest_float("alpha", 1e-6, 1e-1, log=True), max_iter=3, tol=None)
    return model.fit(x[:200], y[:200]).score(x[200:400], y[200:400])
study = optuna.create_study(study_name="sgd", direction="maximize")
study.optimize(objective, n_trials=200, callbacks=[RunloreCallback(metric_name="accuracy")])
print(study.best_value)
"""


@pytest.fixture(scope="module")
def served() -> Iterator[ServedBot]:
    with reachable_directory() as directory, served_bot(directory / "home") as bot:
        yield bot


def messages(served: ServedBot, words: str) -> list[tuple[str, str]]:
    """The default channel's messages and replies that show these words."""
    found = []
    for parent in served.workspace.messages(RUNS):
        for one in served.workspace.thread(RUNS, str(parent["ts"])):
            if words in shown(one):
                found.append((str(one["ts"]), shown(one)))
    return found


def log_in(served: ServedBot, env: dict[str, str]) -> str:
    """`runlore login`, confirmed by ana's button."""
    words = [*children.CLI, "login", served.url]
    child = subprocess.Popen(words, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert child.stdout is not None
    said = child.stdout.readline()
    assert "In Slack, type: /runs login " in said
    served.workspace.command(ANA, RUNS, "/runs", f"login {said.split()[-1]}")
    question = served.wait(
        lambda: next((e for e in served.workspace.ephemerals(ANA, RUNS) if "as you?" in shown(e)), None),
        "the question",
        seconds=20,
    )
    served.workspace.click(ANA, RUNS, str(question["ts"]), "login_confirm")
    rest, _ = child.communicate(timeout=30)
    assert child.returncode == 0
    return rest


def test_the_first_day_with_the_command(served: ServedBot, tmp_path: Path) -> None:
    env = children.environment(tmp_path / "spool", RUNLORE_CAPTURE="1", RUNLORE_PROJECT="firstday")
    folder = tmp_path / "firstday"
    folder.mkdir()
    (folder / "train.py").write_text(
        "import runlore\nrun = runlore.init(config={'lr': 0.1}, notes='is warmup enough?')\n"
        "for step in range(20): run.log({'loss': 1 / (step + 1)}, step=step)\n"
    )
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "Warm up"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    with (folder / "train.py").open("a") as script:
        script.write("# not committed\n")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return children.command(*words, env=env, cwd=folder)

    # Before there is a server everything is kept, and said to be.
    offline = subprocess.run(
        [sys.executable, "train.py"], env=env, cwd=folder, text=True, capture_output=True, check=True
    )
    assert "`runlore login https://your-server`, then `runlore sync` sends it" in offline.stderr
    assert "1 kept on this machine: `runlore sync` sends them" in run("status").stdout
    assert "as ana" in log_in(served, env)
    assert "sent: firstday/1 → #runs" in run("sync").stdout
    assert "kept" not in run("status").stdout
    # With one the run says where it is, and is ana's.
    online = subprocess.run(
        [sys.executable, "train.py"], env=env, cwd=folder, text=True, capture_output=True, check=True
    )
    # The link is there when the message was posted while the run lived: so short a run may end before.
    assert re.search(r"^runlore: firstday/2 → #runs( http\S+)?$", online.stderr, re.MULTILINE)
    command = run("run", "--metric", "loss=loss: ([0-9.]+)", "--", "sh", "-c", "echo loss: 0.25; exit 3")
    assert (command.returncode, command.stdout) == (3, "loss: 0.25\n")
    missing = run("run", "--", "no-such-command-here")
    assert (missing.returncode, missing.stderr) == (
        1,
        "runlore: cannot run no-such-command-here: there is no such command\n",
    )
    assert run("note", "firstday/2", "warmup", "was", "short").returncode == 0
    assert "No such run" in run("note", "firstday/99", "x").stderr
    done = json.loads(run("checkout", "firstday/2", "--json").stdout)
    assert (done["command"], done["problems"]) == ("python train.py".replace("python", sys.executable), [])
    assert "# not committed" in (Path(done["worktree"]) / "train.py").read_text()
    token = json.loads((tmp_path / "config" / "runlore" / "credentials").read_text())["servers"][served.url][
        "token"
    ]
    linked = served.wait(
        lambda: served.get("/api/v1/runs/firstday/2", token).get("permalink"), "the link", seconds=20
    )
    assert linked.startswith("http")
    third = served.wait(
        lambda: (
            served.get("/api/v1/runs/firstday/3", token).get("ending")
            and served.get("/api/v1/runs/firstday/3", token)
        ),
        "the end",
        seconds=20,
    )
    assert (third["state"], third["ending"]["exit_code"], third["owner"]) == ("failed", 3, "ana")
    assert third["metrics"]["loss"]["last"] == 0.25
    assert [note["text"] for note in served.get("/api/v1/runs/firstday/2", token)["notes"]][
        -1
    ] == "warmup was short"
    # What a table holds of the past becomes runs, told in one message.
    (folder / "old.csv").write_text("run,lr,acc,note\na,0.1,0.71,too high\nb,0.01,0.83,\nc,0.001,0.79,\n")
    assert run("import", "csv", "old.csv", "--project", "oldtimes").stdout == "3 runs taken in\n"
    assert (
        run("import", "csv", "old.csv", "--project", "oldtimes").stdout == "0 runs taken in, 3 here before\n"
    )
    first = served.get("/api/v1/runs/oldtimes/1", token)
    assert (first["params"], first["metrics"]["acc"]["last"]) == ({"lr": 0.1}, 0.71)
    served.wait(
        lambda: messages(served, "sweep imported from csv: best acc 0.83 (#2) of 3"),
        "one message",
        seconds=20,
    )
    assert not messages(served, "oldtimes/1")


def test_a_study_of_200_trials_appears_as_one_sweep(served: ServedBot, tmp_path: Path) -> None:
    token = served.token("digits")
    env = children.environment(
        tmp_path / "spool", served.url, RUNLORE_TOKEN=token, RUNLORE_PROJECT="digits", OMP_NUM_THREADS="1"
    )
    status, out, err = children.run(STUDY, env, tmp_path, 300.0)
    assert status == 0, err
    best = f"{float(out):.4g}"
    served.wait(
        lambda: served.get("/api/v1/runs/digits/200", token).get("state") == "finished",
        "200 runs",
        seconds=300,
    )
    told = served.wait(
        lambda: (
            messages(served, "digits sweep sgd: best accuracy")
            and [m for m in messages(served, "digits sweep sgd") if "of 200" in m[1]]
        ),
        "the sweep",
        seconds=60,
    )
    assert len(told) == 1
    assert best in told[0][1]
    # The board lists runs; nothing else tells of single trials.
    assert [text for _, text in messages(served, "digits/") if "📌" not in text] == []


def test_a_megabyte_of_text_and_ten_thousand_names_arrive(served: ServedBot, tmp_path: Path) -> None:
    token = served.token("large")
    env = children.environment(tmp_path / "spool", served.url, RUNLORE_TOKEN=token, RUNLORE_PROJECT="large")
    code = """
    long = "ünï🚀 " * 170_000
    run = runlore.init(config={"prompt": long}, notes=long)
    run.log({"sample": long}, step=1)
    run.log({f"layer/{n}/norm": n / 7 for n in range(10_000)}, step=2)
    for n in range(10_000): run.log({f"layer/{n}/norm": float(n)}, step=3)
    run.note(long)
    run.alert("long", long)
    print(long)
    run.finish()
    """
    status, _, err = children.run(code, env, tmp_path, 120.0)
    assert (status, "left out" in err) == (0, False), err[-2000:]
    found = served.wait(
        lambda: (run := served.get("/api/v1/runs/large/1", token)).get("state") == "finished" and run,
        "the end",
        seconds=120,
    )
    layers = {name: m for name, m in found["metrics"].items() if name.startswith("layer/")}
    assert len(layers) == 10_000
    assert all(m["count"] == 2 and m["last"] == float(name.split("/")[1]) for name, m in layers.items())


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
#define OFF (-5 * 3600)
int clock_gettime(clockid_t id, struct timespec *at) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(id, at);
    if (!answer && id == CLOCK_REALTIME) at->tv_sec += OFF;
    return answer;
}
time_t time(time_t *out) { struct timespec at; clock_gettime(CLOCK_REALTIME, &at); if (out) *out = at.tv_sec; return at.tv_sec; }
int gettimeofday(struct timeval *out, void *zone) {
    struct timespec at; clock_gettime(CLOCK_REALTIME, &at);
    out->tv_sec = at.tv_sec; out->tv_usec = at.tv_nsec / 1000; return 0;
}
"""


@pytest.mark.skipif(not shutil.which("gcc"), reason="the machine's clock is set wrong by a small C library")
def test_a_machine_whose_clock_is_hours_off_tells_the_right_times(served: ServedBot, tmp_path: Path) -> None:
    (tmp_path / "clock.c").write_text(CLOCK)
    library = tmp_path / "clock.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "clock.c", "-ldl"], check=True)
    token = served.token("clocks")
    env = children.environment(tmp_path / "spool", served.url, RUNLORE_TOKEN=token, RUNLORE_PROJECT="clocks")
    code = """
    run = runlore.init()
    for step in range(50): run.log({"loss": 1 / (step + 1)}, step=step)
    time.sleep(1)
    print(time.time())
    """
    began = time.time()
    status, out, err = children.run(code, env | {"LD_PRELOAD": str(library)}, tmp_path)
    assert status == 0, err
    assert began - 6 * 3600 < float(out) < began - 4 * 3600
    run = served.wait(
        lambda: (run := served.get("/api/v1/runs/clocks/1", token)).get("ended_at") and run,
        "the end",
        seconds=30,
    )
    assert (run["state"], run["metrics"]["loss"]["count"]) == ("finished", 50)
    started, ended = (datetime.fromisoformat(run[key]).timestamp() for key in ("started_at", "ended_at"))
    assert began - 60 < started < ended < time.time() + 60
