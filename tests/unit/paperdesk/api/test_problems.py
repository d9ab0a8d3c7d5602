from __future__ import annotations

import pytest

from paperdesk.api.problems import problem_answer
from paperdesk.errors import (
    BadRequest,
    BrokerUnavailable,
    Halted,
    IdempotencyInProgress,
    LedgerUnavailable,
    OutcomeUnknown,
    PaperdeskError,
    PreviewStale,
    TooManyRequests,
    Unauthorized,
)


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (IdempotencyInProgress("busy"), 409, "5"),
        (TooManyRequests("full", retry_after_seconds=17), 429, "17"),
        (BrokerUnavailable("down"), 500, "5"),
        (LedgerUnavailable("full"), 503, "5"),
        (OutcomeUnknown("?", retry_after_seconds=0), 503, "0"),
    ],
)
def test_what_may_be_sent_again_says_when(
    error: PaperdeskError, status: int, retry_after: str
) -> None:
    answer = problem_answer(error)

    assert answer.status == status
    assert dict(answer.headers)["Retry-After"] == retry_after


@pytest.mark.parametrize(
    "error", [BadRequest("no"), Unauthorized("no"), Halted("no"), PreviewStale("no")]
)
def test_what_would_end_the_same_way_does_not_say_when(error: PaperdeskError) -> None:
    assert "Retry-After" not in dict(problem_answer(error).headers)
