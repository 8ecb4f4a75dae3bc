"""Names of policies that look ahead."""

from __future__ import annotations

import math

import pytest

from regional_dispatch.baselines import BaselineError
from regional_dispatch.baselines.lookahead.options import Options, is_lookahead, read_name


@pytest.mark.parametrize(
    ("name", "base", "options"),
    [
        ("least_cost+lookahead", "least_cost", Options()),
        ("pretrained/us8+lookahead(futures=8)", "pretrained/us8", Options(futures=8)),
        ("runs/a+time+lookahead( hours = 6.5, margin=2 )", "runs/a+time", Options(hours=6.5, margin=2.0)),
        ("least_cost+lookahead(hours=inf)", "least_cost", Options(hours=math.inf)),
    ],
)
def test_a_name_says_base_and_options(name: str, base: str, options: Options) -> None:
    assert is_lookahead(name)
    assert read_name(name) == (base, options)


@pytest.mark.parametrize("name", ["least_cost", "lookahead", "least_cost+lookaheads", "least_cost+lookahead(a)b"])
def test_other_names_are_not_its_own(name: str) -> None:
    assert not is_lookahead(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("future=8", r"no option 'future'; lookahead has futures, hours, margin"),
        ("futures=many", r"futures = 'many': must be a number"),
        ("futures=1.5", r"futures = '1.5': must be a number"),
        ("futures=1", r"futures = 1: must be 2 to"),
        ("hours=nan", r"hours = nan"),
        ("margin=-1", r"margin = -1"),
    ],
)
def test_options_that_cannot_be_are_refused(options: str, message: str) -> None:
    with pytest.raises(BaselineError, match=message):
        read_name(f"least_cost+lookahead({options})")
