"""A run's output is kept line by line and read from any line, from the end, or by a word."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from storage.logs import append_log, count_lines, grep_log, read_log, tail_log

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
def log(session: Session) -> Session:
    """Ten batches of ten lines of standard output, and two lines of errors in the middle."""
    for batch in range(10):
        lines = [f"step {10 * batch + place}" for place in range(10)]
        at = NOW + timedelta(seconds=batch)
        append_log(session, 1, source="stdout", first_line=10 * batch, lines=lines, at=at)
        if batch == 5:
            append_log(session, 1, source="stderr", first_line=0, lines=["Traceback", "KeyError: 'x'"], at=at)
    append_log(session, 2, source="stdout", first_line=0, lines=["another run"], at=NOW)
    session.flush()
    return session


def test_lines_are_read_from_any_number(log: Session) -> None:
    lines = read_log(log, 1, source="stdout", start=18, limit=4)
    assert [(line.number, line.text) for line in lines] == [(n, f"step {n}") for n in (18, 19, 20, 21)]
    assert [line.text for line in read_log(log, 1, source="stderr")] == ["Traceback", "KeyError: 'x'"]
    assert read_log(log, 1, source="stdout", start=100) == []


def test_the_tail_comes_in_the_order_of_arrival(log: Session) -> None:
    assert [line.text for line in tail_log(log, 1, 12)] == [f"step {n}" for n in range(88, 100)]
    assert [line.source for line in tail_log(log, 1, 42)].index("stderr") == 0
    assert [line.text for line in tail_log(log, 1, 1, source="stderr")] == ["KeyError: 'x'"]
    assert tail_log(log, 1, 0) == []
    assert len(tail_log(log, 1, 1000)) == 102


def test_words_are_found_whatever_their_case(log: Session) -> None:
    assert [(line.source, line.number) for line in grep_log(log, 1, "keyerror")] == [("stderr", 1)]
    assert [line.number for line in grep_log(log, 1, "STEP 7", limit=3)] == [7, 70, 71]
    assert grep_log(log, 1, "another") == []


def test_lines_are_counted(log: Session) -> None:
    assert (count_lines(log, 1), count_lines(log, 1, source="stderr"), count_lines(log, 3)) == (102, 2, 0)


def test_any_text_survives_and_stays_one_line(session: Session) -> None:
    lines = ["", "ünï \U0001f642 \x00 \udc80", "two\nlines", "progress 1%\rprogress 2%"]
    append_log(session, 1, source="stdout", first_line=0, lines=lines, at=NOW)
    append_log(session, 1, source="stdout", first_line=4, lines=[], at=NOW)
    session.flush()
    found = [line.text for line in read_log(session, 1, source="stdout")]
    assert found == ["", "ünï \U0001f642 \x00 \udc80", "two lines", "progress 1%\rprogress 2%"]
