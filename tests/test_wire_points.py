"""Points as the hook sends them and the server reads them: the same numbers, or a word on why not."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import wire
from bot.errors import BadInput
from runlore import batches
from runlore.records import POINTS, Record


@given(
    logged=st.lists(
        st.tuples(st.integers(-(2**62), 2**62), st.floats(0, 4e9), st.floats(allow_nan=True)), min_size=1
    )
)
def test_points_arrive_bit_for_bit_as_they_were_logged(logged: list[tuple[int, float, float]]) -> None:
    records = [
        Record(seq=place, kind=POINTS, end=0, value=(step, at, [("loss", value)]))
        for place, (step, at, value) in enumerate(logged)
    ]
    body, _ = batches.batch({"project": "p", "run": "r"}, "s", records)
    _, steps, times, values = wire.parse_series(json.loads(json.dumps(body["series"][0])))
    assert steps == [float(step) for step, _, _ in logged]
    assert all(abs(time - at) <= 0.0006 for time, (_, at, _) in zip(times, logged, strict=True))
    for value, (_, _, was) in zip(values, logged, strict=True):
        # -0.0 may become 0.0, and one NaN another: neither is told from the other by anybody.
        assert struct.pack("d", value) == struct.pack("d", was) or value == was or value != was != was


@pytest.mark.parametrize(
    ("series", "error"),
    [
        ({"k": "loss", "s": [0], "ms": [0], "v": "no base64!"}, "neither a list nor base64"),
        ({"k": "loss", "s": [0], "ms": [0], "v": "AAAA"}, "eight bytes each"),
        ({"k": "loss", "s": [0], "ms": [0], "v": "AAAAAAAAAAAAAAAAAAAAAA=="}, "differ in length"),
        ({"k": "loss", "s": [2**62, 2**62], "ms": [0, 0], "v": [1, 2]}, "64 bits"),
        ({"k": "loss", "s": [0], "ms": [10**30], "v": [1]}, "64 bits"),
        ({"k": "loss", "s": [0.5], "ms": [0], "v": [1]}, "s.0"),
    ],
)
def test_a_series_that_cannot_be_read_says_why(series: dict[str, Any], error: str) -> None:
    with pytest.raises(BadInput, match=error):
        wire.parse_series(series)
