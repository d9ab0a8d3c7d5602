"""T0: what every ledger must do when a batch is accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger_support import (
    ALL,
    FIRST,
    SECOND,
    THIRD,
    accept,
    claim,
    get,
    hold,
    learn,
    order,
    plan,
    planned,
    ref,
    row,
    sent,
)
from makers import ACCOUNT, NOW, execution_report, make_head, make_target, seconds
from paperdesk.desk.ports import Ledger, Page, Submission
from paperdesk.domain.batch import ErrorCode, Outcome, Refusal
from paperdesk.domain.order import ShownStatus
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, Symbol
from paperdesk.errors import PreviewStale

AAPL_ONLY = [Symbol("AAPL")]


async def test_an_accepted_batch_is_read_back_as_it_was_asked(ledger: Ledger) -> None:
    target = make_target(
        "BRK B", -5, limit="150.50", expected="149.00000001", tolerance="0.5", outside_rth=True
    )
    target = replace(target, requested_symbol="BRK.B")

    answered = await accept(ledger, make_target(), target)

    batch = await get(ledger)
    assert batch == answered
    assert batch.head == make_head()
    assert [found.target for found in batch.rows] == [make_target(), target]
    assert [found.status for found in batch.rows] == [ShownStatus.PENDING_SUBMIT] * 2


async def test_a_batch_that_does_not_exist_is_none(ledger: Ledger) -> None:
    assert await ledger.batch(BatchId("0" * 16)) is None


# -- keys ------------------------------------------------------------------------------------
async def test_a_key_remembers_its_batch_and_only_the_first_answer(ledger: Ledger) -> None:
    client = ClientName("client1")
    await accept(ledger, key="k1")

    before = await ledger.key_record(client, "k1")
    await ledger.remember_answer(BatchId(FIRST), b"first")
    await ledger.remember_answer(BatchId(FIRST), b"second")
    after = await ledger.key_record(client, "k1")

    assert before is not None
    assert (before.batch_id, before.fingerprint, before.answer) == (FIRST, "f" * 64, None)
    assert after is not None
    assert after.answer == b"first"


async def test_a_key_is_of_its_client_only(ledger: Ledger) -> None:
    await accept(ledger, key="k1")
    await accept(ledger, batch=SECOND, client="client2", key="k1")

    of_first = await ledger.key_record(ClientName("client1"), "k1")
    of_second = await ledger.key_record(ClientName("client2"), "k1")

    assert of_first is not None
    assert of_second is not None
    assert (of_first.batch_id, of_second.batch_id) == (FIRST, SECOND)
    assert await ledger.key_record(ClientName("client3"), "k1") is None


async def test_batches_without_a_key_are_as_many_as_were_posted(ledger: Ledger) -> None:
    await accept(ledger)
    await accept(ledger, batch=SECOND)

    assert len(await ledger.batches([ACCOUNT], None, ALL)) == 2


# -- stale and past --------------------------------------------------------------------------
async def test_a_target_as_of_an_earlier_time_than_the_clients_newest_is_stale(
    ledger: Ledger,
) -> None:
    await accept(ledger, make_target("AAPL"), make_target("MSFT"), as_of=NOW)
    await accept(
        ledger,
        make_target("AAPL"),
        make_target("SPY"),
        batch=SECOND,
        as_of=NOW - seconds(1),
    )

    stale, fresh = (await get(ledger, SECOND)).rows
    assert stale.outcome is Outcome.ERROR
    assert stale.error_code is ErrorCode.STALE_TARGET
    assert NOW.isoformat() in (stale.error or "")
    assert fresh.outcome is Outcome.PENDING


async def test_a_stale_target_takes_nobodys_place(ledger: Ledger) -> None:
    await planned(ledger)
    await accept(ledger, make_target(quantity=7), batch=SECOND, as_of=NOW - seconds(1), at=NOW)

    assert len(await claim(ledger, ref())) == 1


async def test_a_refused_target_makes_nothing_stale(ledger: Ledger) -> None:
    await accept(ledger, as_of=NOW)
    await ledger.refuse(BatchId(FIRST), {0: Refusal(ErrorCode.LIMIT, "too many")})
    batch = await accept(ledger, batch=SECOND, as_of=NOW - seconds(1))

    assert batch.rows[0].outcome is Outcome.PENDING


async def test_a_target_as_of_the_same_time_is_not_stale(ledger: Ledger) -> None:
    await accept(ledger, as_of=NOW)
    await accept(ledger, batch=SECOND, as_of=NOW)

    assert (await row(ledger, batch=SECOND)).outcome is Outcome.PENDING


async def test_anothers_newer_target_makes_nothing_stale(ledger: Ledger) -> None:
    await accept(ledger, as_of=NOW, client="client2")
    await accept(ledger, batch=SECOND, as_of=NOW - seconds(1))

    assert (await row(ledger, batch=SECOND)).outcome is Outcome.PENDING


async def test_a_target_without_as_of_counts_from_its_submission(ledger: Ledger) -> None:
    await accept(ledger, at=NOW)
    await accept(ledger, batch=SECOND, as_of=NOW - seconds(1), at=NOW + seconds(9))
    await accept(ledger, batch=THIRD, at=NOW)

    assert (await row(ledger, batch=SECOND)).error_code is ErrorCode.STALE_TARGET
    assert (await row(ledger, batch=THIRD)).outcome is Outcome.PENDING


async def test_a_batch_past_its_time_ends_as_it_is_accepted(ledger: Ledger) -> None:
    past = await accept(ledger, valid_until=NOW)
    in_time = await accept(ledger, batch=SECOND, valid_until=NOW + seconds(1))

    assert past.rows[0].error_code is ErrorCode.EXPIRED
    assert past.is_final
    assert in_time.rows[0].outcome is Outcome.PENDING
    assert await get(ledger) == past


# -- unlisted --------------------------------------------------------------------------------
async def test_what_the_clients_own_targets_hold_and_it_does_not_list_is_closed(
    ledger: Ledger,
) -> None:
    await sent(ledger, make_target("AAPL", 100))
    await learn(ledger, execution_report())

    batch = await accept(ledger, make_target("MSFT", 5), batch=SECOND, closes_unlisted=True)

    assert await get(ledger, SECOND) == batch
    listed, unlisted = batch.rows
    assert (listed.target.symbol, listed.is_unlisted) == ("MSFT", False)
    assert (unlisted.target, unlisted.is_unlisted) == (make_target("AAPL", 0), True)
    assert batch.warnings == ()


async def test_what_is_held_by_no_target_of_the_client_is_named_and_left_alone(
    ledger: Ledger,
) -> None:
    await hold(ledger, 50, "MSFT")
    await sent(ledger, make_target("AAPL", 100), client="client2")
    await learn(ledger, execution_report())
    asked = Submission(ACCOUNT, (make_target("SPY", 5),), closes_unlisted=True)

    batch = await accept(ledger, *asked.targets, batch=SECOND, closes_unlisted=True)
    foretold = await ledger.unlisted(ClientName("client1"), asked)

    assert [found.target.symbol for found in batch.rows] == ["SPY"]
    assert [warning.split(":")[0] for warning in batch.warnings] == ["AAPL", "MSFT"]
    assert "100 shares" in batch.warnings[0]
    assert foretold.warnings == batch.warnings
    assert (await get(ledger, SECOND)).warnings == batch.warnings


async def test_without_the_wish_what_is_not_listed_is_not_looked_at(ledger: Ledger) -> None:
    await sent(ledger, make_target("AAPL", 100))
    await learn(ledger, execution_report())

    batch = await accept(ledger, make_target("MSFT", 5), batch=SECOND)

    assert len(batch.rows) == 1
    assert batch.warnings == ()


async def test_a_closed_holding_is_not_closed_again(ledger: Ledger) -> None:
    await hold(ledger, 50)
    await hold(ledger, 0, before=50)

    batch = await accept(ledger, make_target("MSFT", 5), closes_unlisted=True)

    assert (len(batch.rows), batch.warnings) == (1, ())


# -- previews --------------------------------------------------------------------------------
async def test_a_preview_is_sent_while_nothing_has_changed(ledger: Ledger) -> None:
    await sent(ledger)
    seen = await ledger.stamp(ACCOUNT, AAPL_ONLY)

    await accept(ledger, make_target("MSFT"), batch=SECOND)
    await accept(ledger, make_target(quantity=7), batch=THIRD, expected=seen)

    assert [(s.symbol, s.position, s.working) for s in seen] == [("AAPL", 0, ((ref(), 100),))]


async def test_a_preview_is_stale_once_a_position_changed(ledger: Ledger) -> None:
    await sent(ledger)
    seen = await ledger.stamp(ACCOUNT, AAPL_ONLY)
    await learn(ledger, execution_report(quantity=40))

    with pytest.raises(PreviewStale):
        await accept(ledger, batch=SECOND, expected=seen)

    assert await ledger.batch(BatchId(SECOND)) is None


async def test_a_preview_is_stale_once_a_target_came(ledger: Ledger) -> None:
    seen = await ledger.stamp(ACCOUNT, AAPL_ONLY)
    await accept(ledger)
    pending = await ledger.stamp(ACCOUNT, AAPL_ONLY)
    await plan(ledger)

    for stamp in (seen, pending):
        with pytest.raises(PreviewStale):
            await accept(ledger, batch=SECOND, expected=stamp)


async def test_a_preview_is_stale_once_a_working_order_ended(ledger: Ledger) -> None:
    await planned(ledger)
    seen = await ledger.stamp(ACCOUNT, AAPL_ONLY)
    await ledger.refuse(BatchId(FIRST), {0: Refusal(ErrorCode.EXPIRED, "too late")})

    with pytest.raises(PreviewStale):
        await accept(ledger, batch=SECOND, expected=seen)

    assert (await order(ledger)).is_terminal


# -- lists -----------------------------------------------------------------------------------
async def test_batches_are_listed_newest_first_and_page_by_page(ledger: Ledger) -> None:
    for number in range(5):
        await accept(ledger, batch=f"{number:016x}")

    first = await ledger.batches([ACCOUNT], None, Page(limit=2))
    rest = await ledger.batches([ACCOUNT], ClientName("client1"), Page(9, first[-1][0]))

    assert [head.batch_id[-1] for _, head in first] == ["4", "3"]
    assert [head.batch_id[-1] for _, head in rest] == ["2", "1", "0"]
    assert await ledger.batches([ACCOUNT], ClientName("client2"), ALL) == []
    assert await ledger.batches([AccountId("DU1")], None, ALL) == []


async def test_open_batches_are_those_not_final_oldest_first(ledger: Ledger) -> None:
    until = NOW + seconds(9)
    await accept(ledger, valid_until=until, in_session=False)
    await accept(ledger, make_target("MSFT"), batch=SECOND, valid_until=NOW)
    await accept(ledger, make_target("SPY"), batch=THIRD)

    first, third = await ledger.open_batches()

    assert (first.batch, third.batch) == (await get(ledger), await get(ledger, THIRD))
    assert (first.in_session, first.valid_until) == (False, until)
    assert (third.in_session, third.valid_until) == (True, None)


async def test_a_writable_ledger_says_so(ledger: Ledger) -> None:
    await ledger.check_writable()
