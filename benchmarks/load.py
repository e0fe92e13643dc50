"""How much one bot takes in over HTTP: points of a few fast senders, and a thousand live runs that each say something every second.

python -m benchmarks.load [--seconds 60] [--runs 1000] [--live-seconds 300]
"""

import argparse
import gzip
import heapq
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

from served_bot import ServedBot, served_bot

CLIENTS = 8
METRICS, POINTS = 10, 500  # of a batch of the fast senders
SENDERS = 16  # connections that carry the live runs' batches
POINTS_BUDGET, ACK_BUDGET, LATE_BUDGET = 100_000, 0.250, 2.0


class Sender:
    """One connection that is kept open, and counts how long each answer took."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Encoding": "gzip"}
        self.took: list[float] = []
        self.wrong: list[int] = []

    def send(self, body: bytes, *, token: str | None = None) -> float:
        """Send one batch, again while the server asks to; returns the seconds until it was acknowledged."""
        headers = self._headers | ({"Authorization": f"Bearer {token}"} if token else {})
        packed = gzip.compress(body, compresslevel=1)
        started = time.monotonic()
        while True:
            self._connection.request("POST", "/api/v1/ingest", packed, headers)
            answer = self._connection.getresponse()
            told = answer.read()
            if answer.status in (429, 503):
                self.wrong.append(answer.status)
                time.sleep(0.1)
                continue
            if answer.status != 200 or b'"errors":[]' not in told:
                raise SystemExit(f"A batch was answered with {answer.status}: {told[:300]!r}")
            self.took.append(time.monotonic() - started)
            return self.took[-1]


def batch(project: str, run: str, first: int, series: str, count: int, *, start: bool = False) -> bytes:
    """A batch as a sidecar writes it; `series` is JSON already, so that senders cost little."""
    now = time.time()
    events = [{"t": "start", "seq": first, "at": now, "name": run, "entry": "train.py"}] if start else []
    head = {"v": 1, "project": project, "run": run, "stream": f"{abs(hash(run)) % 2**64:016x}"}
    head |= {"first": first, "count": count + len(events), "sent_at": now, "events": events}
    return f'{json.dumps(head)[:-1]}, "series": {series}}}'.encode()


def columns(points: int, step: int) -> str:
    """Points of every metric from `step` on, as docs/wire.md has them: steps and milliseconds as differences."""
    steps, times = [step, *[1] * (points - 1)], [int(time.time() * 1000), *[1] * (points - 1)]
    values = [1.0 / (one + 1) for one in range(step, step + points)]
    return json.dumps(
        [{"k": f"metric/{name}", "s": steps, "ms": times, "v": values} for name in range(METRICS)]
    )


def memory(bot: ServedBot) -> float:
    """MB of the bot's own processes, the one with the models included."""
    total = 0
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                words = (place / "cmdline").read_bytes()
                if (
                    b"bot.cli" in words
                    and f"RUNLORE_HOME={bot.home}".encode() in (place / "environ").read_bytes()
                ):
                    status = (place / "status").read_text()
                    total += int(status.split("VmRSS:")[1].split()[0])
            except (OSError, IndexError):
                continue
    return total / 1024


def fast_senders(bot: ServedBot, seconds: float) -> dict[str, Any]:
    """Clients that send as fast as they are acknowledged."""
    token, series = bot.token("fast"), columns(POINTS, 0)
    senders = [Sender(bot.port, token) for _ in range(CLIENTS)]
    sent = [0] * CLIENTS
    begun = time.monotonic()

    def work(place: int) -> None:
        run, first = f"fast-run-{place:04d}", 0
        senders[place].send(batch("fast", run, first, "[]", 0, start=True))
        first = 1
        while time.monotonic() - begun < seconds:
            count = METRICS * POINTS
            senders[place].send(batch("fast", run, first, series, count))
            first += count
            sent[place] += count

    threads = [threading.Thread(target=work, args=(place,)) for place in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 4)
    early = memory(bot)
    for thread in threads:
        thread.join()
    took = [one for sender in senders for one in sender.took]
    return {"points": sum(sent) / seconds, "ack": quantile(took, 0.99), "median": statistics.median(took),
            "early": early, "late": memory(bot), "put_off": sum(len(one.wrong) for one in senders)}  # fmt: skip


def live_runs(bot: ServedBot, runs: int, seconds: float) -> dict[str, Any]:
    """Runs that each have a new point of every metric each second; like a sidecar, one batch of a run is under way at a time."""
    tokens = [bot.token(f"live-{number}") for number in range(8)]
    due: list[tuple[float, int]] = []
    lock, late = threading.Lock(), list[float]()
    first, step = [0] * runs, [0] * runs
    begun = time.monotonic()
    for number in range(runs):
        heapq.heappush(due, (begun + number / runs * 10, number))  # they do not start in one moment
    told_at = [0.0] * runs

    def work(sender: Sender) -> None:
        while (now := time.monotonic()) - begun < seconds:
            with lock:
                at, number = due[0]
                if at <= now:
                    heapq.heappop(due)
            if at > now:
                time.sleep(min(0.05, at - now))
                continue
            run, project = f"live-run-{number:05d}", f"live-{number % 8}"
            oldest = at if told_at[number] else now
            waiting = max(1, int(now - at) + 1)
            body = batch(
                project,
                run,
                first[number],
                columns(waiting, step[number]),
                METRICS * waiting,
                start=not step[number],
            )
            sender.send(body, token=tokens[number % 8])
            first[number] += METRICS * waiting + (not step[number])
            step[number] += waiting
            told_at[number] = time.monotonic()
            with lock:
                late.append(told_at[number] - oldest)
                heapq.heappush(due, (at + waiting, number))

    senders = [Sender(bot.port, tokens[0]) for _ in range(SENDERS)]
    threads = [threading.Thread(target=work, args=(sender,)) for sender in senders]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 4)
    early = memory(bot)
    half = len(late)
    ages: list[float] = []
    while any(thread.is_alive() for thread in threads):
        time.sleep(5)
        ages.append(edit_age(bot))
    took = [one for sender in senders for one in sender.took]
    settled = late[half:]
    return {"batches": len(took) / seconds, "ack": quantile(took, 0.99), "late": quantile(settled, 0.99),
            "latest": max(settled), "points": sum(step) * METRICS / seconds, "early": early, "end": memory(bot),
            "edits": max(ages, default=0.0), "put_off": sum(len(one.wrong) for one in senders)}  # fmt: skip


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
        print(f"{CLIENTS} clients for {options.seconds:g} s, batches of {METRICS} × {POINTS} points")
        print(f"  points/s       {told['points']:>10,.0f}   {kept(told['points'] >= POINTS_BUDGET)}")
        print(
            f"  ack p50, p99   {told['median'] * 1000:>6.0f} ms, {told['ack'] * 1000:.0f} ms   {kept(told['ack'] <= ACK_BUDGET)}"
        )
        print(
            f"  memory         {told['early']:.0f} MB after a quarter, {told['late']:.0f} MB at the end; put off {told['put_off']}"
        )
    if options.live_seconds:
        with fresh_bot() as bot:
            told = live_runs(bot, options.runs, options.live_seconds)
        print(f"{options.runs} live runs for {options.live_seconds:g} s, {METRICS} metrics a second each")
        print(
            f"  batches/s      {told['batches']:>8,.0f}, points/s {told['points']:,.0f}; ack p99 {told['ack'] * 1000:.0f} ms"
        )
        print(
            f"  late p99, most {told['late']:>6.2f} s, {told['latest']:.2f} s   {kept(told['late'] <= LATE_BUDGET)}"
        )
        print(
            f"  memory         {told['early']:.0f} MB after a quarter, {told['end']:.0f} MB at the end; put off {told['put_off']}"
        )
        print(f"  oldest edit    {told['edits']:.0f} s, inside Slack's 45 edits a minute")


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        raise SystemExit(f"The bot could not be run: {error}") from error
