"""What every ledger must say of what accounts were worth, and of a day's orders."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from ledger_support import SECOND, learn, sent
from makers import ACCOUNT, NOW, make_target, order_report, status_report
from paperdesk.desk.ports import Ledger
from paperdesk.domain.reports import Told
from paperdesk.domain.vocabulary import AccountId
from paperdesk.ledger import equity

LATER = NOW + timedelta(seconds=5)
OTHER = AccountId("DUP203550")


async def test_the_latest_of_a_minute_is_kept(ledger: Ledger) -> None:
    minute = NOW.replace(second=0, microsecond=0)
    await ledger.sample_equity({ACCOUNT: Decimal("100.10"), OTHER: Decimal(7)}, minute)
    await ledger.sample_equity({ACCOUNT: Decimal("100.20")}, minute + timedelta(seconds=59))
    await ledger.sample_equity({ACCOUNT: Decimal("99.00")}, minute + timedelta(seconds=60))

    points = await ledger.equity(ACCOUNT, minute)
    assert [point.net_liquidation for point in points] == [Decimal("100.20"), Decimal("99.00")]
    assert [point.at for point in points] == [minute, minute + timedelta(minutes=1)]
    assert len(await ledger.equity(ACCOUNT, minute + timedelta(minutes=1))) == 1
    assert await ledger.equity(ACCOUNT, minute + timedelta(minutes=2)) == []


async def test_of_a_long_time_there_are_few_points_and_the_last(ledger: Ledger) -> None:
    many = equity.POINTS_MAX * 2 + 1
    for n in range(0, many, 100):
        await ledger.sample_equity({ACCOUNT: Decimal(n)}, NOW + timedelta(minutes=n))
    await ledger.sample_equity({ACCOUNT: Decimal(many)}, NOW + timedelta(minutes=many))

    points = await ledger.equity(ACCOUNT, NOW)
    assert points[0].net_liquidation == 0
    assert points[-1].net_liquidation == many
    assert len(points) < many // 100 / 2


async def test_a_day_counts_what_was_sent_in_it_by_its_end(ledger: Ledger) -> None:
    await sent(ledger, make_target(quantity=100))
    await learn(ledger, order_report(), status_report(Told.CANCELLED))
    await sent(ledger, make_target("MSFT", quantity=10), batch=SECOND, first_id=2, at=LATER)

    day = await ledger.day(ACCOUNT, NOW)
    assert (day.open, day.cancelled, day.filled, day.rejected) == (1, 1, 0, 0)
    assert (await ledger.day(ACCOUNT, LATER)).cancelled == 0
    assert (await ledger.day(OTHER, NOW)).open == 0
