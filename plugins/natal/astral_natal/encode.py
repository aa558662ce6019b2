"""A chart as plain JSON-able data and back: for `astral natal chart --json` and for storing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from astral_natal.errors import ChartFormatError
from astral_natal.model import SIGNS, Chart, sign_position

SCHEMA = 1


def encode_chart(chart: Chart) -> dict[str, Any]:
    """`chart` as dicts, tuples, numbers and strings: what any JSON encoder writes.

    Beside the fields of `Chart` each point tells `sign` (a name of `SIGNS`), `degree` and `minute` (whole, cut
    off as charts print them) and `retrograde`; `schema` is the version of this form.
    """
    data: dict[str, Any] = {"schema": SCHEMA, **msgspec.to_builtins(chart)}
    for point, encoded in zip(chart.points, data["points"], strict=True):
        sign, degree, minute = sign_position(point.longitude)
        encoded.update(sign=SIGNS[sign], degree=degree, minute=minute, retrograde=point.retrograde)
    return data


def decode_chart(data: Mapping[str, Any]) -> Chart:
    """The chart that `encode_chart` wrote; ChartFormatError if this version cannot read it."""
    if data.get("schema") != SCHEMA:
        raise ChartFormatError(
            f"natal: a stored chart has schema {data.get('schema')!r}, this version reads {SCHEMA}; "
            "compute the chart again"
        )
    try:
        return msgspec.convert(dict(data), Chart)
    except msgspec.ValidationError as error:
        raise ChartFormatError(f"natal: a stored chart is damaged ({error}); compute the chart again") from error
