"""Why an account is not connected: every way a gateway can fail has its own words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from broker_support import FIRST, QUICK, Listener, eventually, running, say_error
from paperdesk.broker.session import IbSession
from twsim import Gateway

Running = tuple[IbSession, Listener]


def inject(fault: str, **words: object) -> Callable[[Gateway], object]:
    return lambda gateway: gateway.inject(fault, **words)


@pytest.mark.parametrize(
    ("strike", "words"),
    [
        (inject("A01", delay=60), "client id 17 is in use"),
        (inject("A04", rounds=100), "another session took its place"),
        (inject("A05"), "no answer from"),
        (inject("A07", mode="live"), "no paper account"),
        (inject("A08", version=179, times=0), "a newer protocol than the 178"),
        (inject("A08", version=10**20, times=0), "a newer protocol than the 178"),
        (inject("L02"), "no answer from"),
        (lambda gateway: gateway.silence(), "no answer from"),
    ],
    ids=[
        "id in use",
        "competing",
        "no first id",
        "live account",
        "newer",
        "absurd",
        "mute",
        "frozen",
    ],
)
async def test_a_session_that_does_not_come_up_says_why(
    gateway: Gateway, strike: Callable[[Gateway], object], words: str
) -> None:
    strike(gateway)
    async with running(gateway.port, timing=replace(QUICK, connect=0.2)) as (broker, _):
        await eventually(lambda: words in (broker.reason(FIRST) or ""))

        assert broker.line is None


async def test_a_session_that_another_one_replaces_says_so(
    session: Running, gateway: Gateway
) -> None:
    broker, _ = session
    gateway.inject("A04", on="now", rounds=100)

    await eventually(lambda: "another session took its place" in (broker.reason(FIRST) or ""))


async def test_a_nightly_restart_is_called_one(session: Running, gateway: Gateway) -> None:
    broker, _ = session
    reasons = set[str]()
    gateway.inject("A02", on="now", delay=60)

    def is_refused() -> bool:
        reasons.add(broker.reason(FIRST) or "")
        return any(reason.startswith("connection refused") for reason in reasons)

    await eventually(is_refused)

    assert f"{broker.name} closed the connection" in "; ".join(reasons)
    told = [reason for reason in reasons if reason]
    assert all("it restarts, as it does every night" in reason for reason in told)


async def test_a_competing_session_that_takes_only_prices_ends_nothing(
    session: Running,
) -> None:
    broker, _ = session
    say_error(broker, 10197, "No market data during competing live session")

    assert broker.line is not None


async def test_a_pace_that_is_too_fast_is_told_once_for_each_complaint(
    session: Running,
) -> None:
    broker, heard = session
    say_error(broker, 100, "Max rate of messages per second has been exceeded")

    assert heard.too_fast_told == 1
    assert broker.line is not None
