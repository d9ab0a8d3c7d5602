"""Every limit there is, with an order on either side of it, as `make limits` shows them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from paperdesk.domain.limits import Limits
from promises.limits import CASES, Case, judge


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case.limit))
async def test_an_order_within_a_limit_leaves_and_one_beyond_is_told_why(
    tmp_path: Path, case: Case
) -> None:
    outcome = await judge(tmp_path, case)

    assert outcome.is_right, outcome


def test_no_limit_is_left_out() -> None:
    assert {name for case in CASES for name in case.limit} == {f.name for f in fields(Limits)}
