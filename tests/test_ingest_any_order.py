"""However the same records arrive, shuffled, doubled or cut, the database ends the same."""

import json
import time
from itertools import count
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running_bot import RunningBot
from whole_run import everything, orders, spooled

from runlore import batches
from runlore.records import Record

_numbers = count(1)


def deliver(bot: RunningBot, project: str, run: str, stream: str, records: list[Record], token: str) -> int:
    body, _ = batches.batch({"project": project, "run": run}, stream, records)
    answer = bot.web.post(
        "/api/v1/ingest", content=json.dumps(body), headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code in (200, 409), answer.text
    assert answer.json().get("errors", []) == []
    return int(answer.json()["next"])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(chooser=st.randoms(use_true_random=False))
def test_shuffled_doubled_and_cut_records_end_in_the_identical_database(
    bot: RunningBot, tmp_path_factory: pytest.TempPathFactory, chooser: Random
) -> None:
    """The sender does as the sidecar does: after a refusal it goes on from the record that the server asks for."""
    token, began, ends = bot.token(), time.time() - 60, []
    for chaos in (False, True):
        number = next(_numbers)
        project, run = f"any-order-{number}", f"any-order-{number:06d}"
        stream, records = spooled(tmp_path_factory.mktemp("spool"), project, run, began)
        if chaos:
            for part in orders(chooser, records):
                deliver(bot, project, run, stream, part, token)
            while (wanted := deliver(bot, project, run, stream, records[-1:], token)) < len(records):
                length = chooser.randint(1, len(records) - wanted)
                deliver(bot, project, run, stream, records[wanted : wanted + length], token)
        else:
            assert deliver(bot, project, run, stream, records, token) == len(records)
        ends.append(everything(bot, project, run, stream))
    assert ends[1] == ends[0]
    assert (ends[0]["Run"]["state"], len(ends[0]["log"])) == ("failed", 24)
    # Of two values of one step the later one is read.
    assert ends[0]["points"]["loss"] == (list(range(12)), [0.1 * step for step in range(12)])
