"""How much one bot takes in over HTTP: points of a few fast senders, and a thousand live runs that each say something every second.

python -m benchmarks.load [--seconds 60] [--runs 1000] [--live-seconds 300]
"""

import argparse
import heapq
import http.client
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

sys.path += [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

import psycopg
from served_bot import ServedBot, served_bot

from benchmarks.load_senders import Body, Senders, columns, head
from bot.limits import PER_MINUTE
from storage.database import conninfo
from storage.embedded import EmbeddedPostgres

CLIENTS = 8
METRICS, POINTS = 10, 500  # of a batch of the fast senders
PROJECTS = 8  # that the live runs belong to, each with a token
STARTING = 8  # runs that start at a time
CALM_SECONDS = 10.0  # after the last start, before measuring
EDITS_A_MINUTE = PER_MINUTE["chat.update"]
STORED: LiteralString = "SELECT sum(count) FROM metric_summary WHERE name LIKE 'metric/%'"
# Seconds since the run that was heard of last longest ago was heard of; one of them its sender waits.
SILENT: LiteralString = (
    "SELECT extract(epoch FROM now() - min(last_seen_at)) FROM run WHERE state = 'running'"
)
POINTS_BUDGET, ACK_BUDGET, LATE_BUDGET = 100_000, 0.250, 2.0


class Watch:
    """Looks at the bot every few seconds from a thread: memory, CPU time, how old the oldest edit is."""

    def __init__(self, bot: ServedBot) -> None:
        self._bot = bot
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.memory: list[float] = []
        self.edit_ages: list[float] = []
        self.state_ages: list[float] = []
        self._database = address(bot)
        self._before, self._edits = cpu(bot), len(bot.workspace.calls("chat.update"))
        self._begun = time.monotonic()
        self._thread.start()

    def _run(self) -> None:
        while not self._leaving.wait(5):
            self.memory.append(memory(self._bot))
            self.edit_ages.append(edit_age(self._bot))
            self.state_ages.append(one_number(self._database, SILENT))

    def stop(self) -> dict[str, Any]:
        """What was seen: MB at the start, a quarter and the end; cores by part of the machine's."""
        self._leaving.set()
        self._thread.join()
        took = time.monotonic() - self._begun
        cores = {name: (used - self._before[name]) / took for name, used in cpu(self._bot).items()}
        seen = self.memory or [memory(self._bot)]
        return {
            "memory": (seen[0], seen[len(seen) // 4], seen[-1]),
            "cores": cores,
            "oldest_edit": max(self.edit_ages, default=0.0),
            "edits": (len(self._bot.workspace.calls("chat.update")) - self._edits) * 60 / took,
            "state": max(self.state_ages, default=0.0),
        }


def processes(bot: ServedBot) -> Iterator[tuple[str, Path]]:
    """The processes of this home, by what they are: web, models, PostgreSQL, workspace; and this one."""
    data = bot.database_pid()
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            words = (place / "cmdline").read_bytes()
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if int(place.name) == data or parent == data:
                yield "PostgreSQL", place
            elif f"RUNLORE_HOME={bot.home}".encode() in (place / "environ").read_bytes():
                if b"localslack" in words:
                    yield "workspace", place
                elif b"bot.cli" in words:
                    yield ("models" if b"--follow-parent" in words else "web"), place
        except (OSError, IndexError):
            continue
    yield "senders", Path("/proc/self")


def cpu(bot: ServedBot) -> dict[str, float]:
    """Seconds of CPU that each part has used."""
    used = dict.fromkeys(("web", "models", "PostgreSQL", "workspace", "senders"), 0.0)
    for name, place in processes(bot):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # A backend that ended is counted by its postmaster.
        used[name] += sum(map(int, fields[11:15] if name == "PostgreSQL" else fields[11:13])) / 100
    return used


def memory(bot: ServedBot) -> float:
    """MB of the process that serves."""
    for name, place in processes(bot):
        if name == "web":
            return int((place / "status").read_text().split("VmRSS:")[1].split()[0]) / 1024
    return 0.0


def edit_age(bot: ServedBot) -> float:
    """Seconds that the oldest edit waits for its turn, by the bot's own figures."""
    connection = http.client.HTTPConnection("127.0.0.1", bot.port, timeout=60)
    connection.request("GET", "/metrics")
    shown = connection.getresponse().read().decode()
    connection.close()
    found = [
        line for line in shown.splitlines() if line.startswith('runlore_outbox_oldest_seconds{name="edits"')
    ]
    return float(found[0].split()[-1]) if found else 0.0


def address(bot: ServedBot) -> str:
    """Where its database is."""
    with EmbeddedPostgres(bot.home) as server:  # the bot's, which goes on
        return conninfo(server.url())


def one_number(database: str, query: LiteralString) -> float:
    """One number of the bot's database."""
    with psycopg.connect(database) as connection:
        row = connection.execute(query).fetchone()
    return float(row[0] or 0) if row else 0.0


def fast_senders(bot: ServedBot, seconds: float) -> dict[str, Any]:
    """Clients that send as fast as they are acknowledged."""
    token, full = bot.token("fast"), Body(columns(METRICS, POINTS, 0))
    senders = Senders(bot.port, CLIENTS)
    first = [0] * CLIENTS
    took: list[float] = []

    def send(place: int) -> None:
        start, count = not first[place], METRICS * POINTS if first[place] else 0
        body = full if count else Body("[]")
        said = head("fast", f"fast-run-{place:04d}", first[place], count + start, start=start)
        senders.send(place, token, body.packed(said))
        first[place] += count + start

    for place in range(CLIENTS):
        send(place)
    announced: set[int] = set()
    while len(announced) < CLIENTS:
        announced |= {place for place, _ in senders.answers(1)}
    watch, begun, sent = Watch(bot), time.monotonic(), 0
    for place in range(CLIENTS):
        send(place)
    while (now := time.monotonic()) - begun < seconds:
        for place, waited in senders.answers(begun + seconds - now):
            took.append(waited)
            sent += METRICS * POINTS
            send(place)
    return watch.stop() | {"points": sent / seconds, "took": took, "put_off": senders.put_off}


def live_runs(bot: ServedBot, runs: int, seconds: float) -> dict[str, Any]:
    """Runs that each have a new point of every metric each second; like a sidecar's, one batch of a run is under way at a time."""
    tokens = [bot.token(f"live-{number}") for number in range(PROJECTS)]
    senders = Senders(bot.port, runs)
    first, step = [0] * runs, [0] * runs
    bodies: dict[tuple[int, int], Body] = {}
    due: list[tuple[float, int]] = []
    sent = 0
    oldest = [0.0] * runs  # when the oldest point of the batch under way was logged
    late: list[float] = []
    took: list[float] = []

    def send(number: int, at: float, now: float) -> None:
        nonlocal sent
        sent += 1
        waiting, start = int(now - at) + 1, not step[number]
        key = waiting, step[number]
        body = bodies.get(key)
        if body is None:
            body = bodies[key] = Body(columns(METRICS, waiting, step[number]))
        said = head(
            f"live-{number % PROJECTS}",
            f"live-run-{number:05d}",
            first[number],
            METRICS * waiting + start,
            start=start,
        )
        senders.send(number, tokens[number % PROJECTS], body.packed(said))
        oldest[number] = at
        first[number] += METRICS * waiting + start
        step[number] += waiting

    def step_on(end: float, settle: Callable[[float], None]) -> list[int]:
        """Send what is due and take what is answered; a run is due again a second after the last point it brought."""
        now = time.monotonic()
        while due and due[0][0] <= now:
            at, number = heapq.heappop(due)
            send(number, at, now)
            now = time.monotonic()
        answered = []
        for number, waited in senders.answers(max(0.0, min(due[0][0] if due else end, end) - now)):
            took.append(waited)
            settle(time.monotonic() - oldest[number])
            heapq.heappush(due, (oldest[number] + int(now - oldest[number]) + 1, number))
            answered.append(number)
        if len(bodies) > 1000:
            bodies.clear()
        return answered

    begun, announced = time.monotonic(), set[int]()
    for number in range(min(runs, STARTING)):
        heapq.heappush(due, (begun, number))
    asked = len(due)
    while len(announced) < runs:
        for number in set(step_on(time.monotonic() + 1, lambda _: None)) - announced:
            announced.add(number)
            if asked < runs:
                heapq.heappush(due, (time.monotonic(), asked))
                asked += 1
    starts = time.monotonic() - begun
    calm = time.monotonic() + CALM_SECONDS
    while time.monotonic() < calm:
        step_on(calm, lambda _: None)
    watch, points, batches, sent = Watch(bot), sum(step), len(took), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        step_on(end, late.append)
    told = watch.stop() | {
        "starts": starts, "sent": sent / seconds, "batches": (len(took) - batches) / seconds, "late": late,
        "took": took[batches:], "points": (sum(step) - points) * METRICS / seconds, "put_off": senders.put_off,
    }  # fmt: skip
    last = time.monotonic() + 60
    due.clear()
    under_way = {number for number in range(runs) if senders.is_under_way(number)}
    while under_way and time.monotonic() < last:
        under_way -= {number for number, _ in senders.answers(1)}
    stored = one_number(address(bot), STORED)
    return told | {"whole": not under_way and stored == sum(step) * METRICS}


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of them do not exceed."""
    return sorted(values)[int(share * (len(values) - 1))]


def kept(well: bool) -> str:
    """Whether a budget was kept, in a word."""
    return "kept" if well else "MISSED"


@contextmanager
def fresh_bot() -> Iterator[ServedBot]:
    """A bot in a home of its own that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="runlore-load-") as folder:
        Path(folder).chmod(0o711)  # root's database runs as another user
        with served_bot(Path(folder) / "home") as bot:
            yield bot


def resources(told: dict[str, Any]) -> None:
    """Where the machine's two cores went, and whether memory grew."""
    start, quarter, end = told["memory"]
    print(
        f"  web's memory   {start:.0f} MB at the start, {quarter:.0f} MB after a quarter, {end:.0f} MB at the end"
    )
    print("  cores          " + ", ".join(f"{name} {used:.2f}" for name, used in told["cores"].items()))
    print(f"  put off        {told['put_off']}; load of the machine {Path('/proc/loadavg').read_text()[:14]}")


def main() -> None:
    """Both loads, one after the other, each on a bot of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--live-seconds", type=float, default=300)
    options = parser.parse_args()
    if options.seconds:
        with fresh_bot() as bot:
            told = fast_senders(bot, options.seconds)
        p50, p99 = statistics.median(told["took"]), quantile(told["took"], 0.99)
        print(f"{CLIENTS} clients for {options.seconds:g} s, batches of {METRICS} × {POINTS} points")
        print(f"  points/s       {told['points']:>10,.0f}   {kept(told['points'] >= POINTS_BUDGET)}")
        print(f"  ack p50, p99   {p50 * 1000:>6.0f} ms, {p99 * 1000:.0f} ms   {kept(p99 <= ACK_BUDGET)}")
        resources(told)
    if options.live_seconds:
        with fresh_bot() as bot:
            told = live_runs(bot, options.runs, options.live_seconds)
        print(f"{options.runs} live runs for {options.live_seconds:g} s, {METRICS} metrics a second each")
        print(f"  started in     {told['starts']:>6.0f} s")
        print(
            f"  batches/s      {told['sent']:>6,.0f} sent, {told['batches']:,.0f} acknowledged, points/s {told['points']:,.0f};"
            f" all of them stored once: {'yes' if told['whole'] else 'NO'}"
        )
        print(
            f"  ack p50, p99   {statistics.median(told['took']) * 1000:>6.0f} ms, {quantile(told['took'], 0.99) * 1000:.0f} ms"
        )
        latest = max(told["late"])
        print(
            f"  late p99, most {quantile(told['late'], 0.99):>6.2f} s, {latest:.2f} s   {kept(latest <= LATE_BUDGET)}"
        )
        state = max(0.0, told["state"] - 1)
        print(f"  state late     {state:>6.2f} s at most   {kept(state <= LATE_BUDGET)}")
        print(
            f"  edits          {told['edits']:>6.1f} a minute of Slack's {EDITS_A_MINUTE:.0f}   {kept(told['edits'] <= EDITS_A_MINUTE)}; the oldest waits {told['oldest_edit']:.0f} s"
        )
        resources(told)


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        raise SystemExit(f"The bot could not be run: {error}") from error
