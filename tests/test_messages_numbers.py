"""Numbers, durations and escaping as people read them."""

from datetime import timedelta
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_runs import NOW

from bot.blocks import clip, code, code_block, escape, length, quote
from bot.numbers import ago, clock, duration, number, points, progress_bar, setting, signed, size, sparkline


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.942, "0.942"), (3e-4, "3e-4"), (12345.0, "12,345"), (1234.567, "1,234.6"), (0.123456, "0.1235"), (1e12, "1e12"), (0.0, "0"), (nan, "nan"), (-inf, "-inf"), (None, "–")],
)  # fmt: skip
def test_measured_values(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3e-4, "3e-4"), (0.1 + 0.2, "0.3"), (100000, "100000"), (True, "true"), (None, "none"), ("resnet50", "resnet50"), ([1, 2], "[1,2]"), ({"a": 1}, '{"a":1}'), (nan, "nan")],
)  # fmt: skip
def test_params_as_an_engineer_types_them(value: object, text: str) -> None:
    assert setting(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0312, "+0.031"), (-12.0, "−12"), (0.0, "±0"), (150.3, "+150"), (-4e-5, "−4e-5"), (None, "–"), (nan, "–")]
)  # fmt: skip
def test_differences_have_a_sign_and_two_digits(value: float | None, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.008, "+0.8 points"), (-0.01, "−1 point"), (0.0003, "+0.03 points"), (0.0, "±0 points")],
)
def test_shares_differ_in_points(value: float, text: str) -> None:
    assert points(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.2, "3 s"), (720.0, "12 min"), (3900.0, "1 h 5 min"), (7200.0, "2 h"), (200000.0, "2 d 7 h"), (None, "–"), (nan, "–"), (-5.0, "0 s")],
)  # fmt: skip
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_times() -> None:
    assert [clock(7), clock(751), clock(3723), clock(nan)] == ["0:07", "12:31", "1:02:03", "0:00"]
    past = [
        timedelta(seconds=5),
        timedelta(minutes=12),
        timedelta(hours=5),
        timedelta(days=3),
        timedelta(days=40),
    ]
    assert [ago(NOW - each, NOW) for each in past] == [
        "just now",
        "12 min ago",
        "5 h ago",
        "3 days ago",
        "14 Oct",
    ]


def test_sizes_bars_and_sparklines() -> None:
    assert [size(512), size(1.23e9), size(None)] == ["512 B", "1.23 GB", "–"]
    assert progress_bar(0.3) == "▰▰▰▱▱▱▱▱▱▱"
    assert sparkline([0, 1, 2, 3]) == "▁▃▆█"
    assert sparkline([1, nan, inf]) == ""
    assert sparkline([-1.7e308, 1.7e308]) == "▁█"
    assert len(sparkline(range(1000))) == 12


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("val_acc 2*3 a*b", "val_acc 2*3 a*b"),
        ("*bold* _it_ ~no~ `code`", "∗bold∗ ˍitˍ ∼no∼ ˋcodeˋ"),
        ("<!channel> & <@U0ANA|ana>", "&lt;!channel&gt; &amp; @ana"),
        ("\u202egnp.exe\x00", "gnp.exe"),
    ],
)
def test_anybodys_words_are_shown_as_words(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_code_keeps_a_name_exactly() -> None:
    assert code("__init__*") == "`__init__*`"
    assert code("a`b\nc") == "`aˋb c`"


def test_last_lines_are_kept_from_the_end() -> None:
    shown = code_block([f"line {place}" for place in range(1000)], 100)
    assert shown.endswith("line 999\n```")
    assert length(shown) < 120
    assert code_block(["", " "]) == ""


def test_a_quotation_marks_every_line() -> None:
    assert quote("one\ntwo") == "> one\n> two"


@given(text=st.text(), limit=st.integers(1, 40))
def test_a_clipped_text_is_short_and_cuts_no_entity(text: str, limit: int) -> None:
    shown = clip(escape(text), limit)
    assert length(shown) <= limit
    assert "&" not in shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
