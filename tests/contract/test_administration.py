"""Keys, limits and the audit trail, on every database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from ledger_support import (
    FIRST,
    accept,
    claim,
    decide_by,
    learn,
    make_halt,
    planned,
    ref,
    row,
    sent,
)
from makers import ACCOUNT, NOW, OPS, completed_report, make_goal, seconds
from paperdesk.desk.ports import AuditFilter, Page
from paperdesk.domain.audit import Action, AuditEntry
from paperdesk.domain.batch import ErrorCode, Resolution
from paperdesk.domain.client import SERVICE
from paperdesk.domain.keys import ApiKey, KeyGrant, KeyStatus
from paperdesk.domain.limits import UNLIMITED, Limits
from paperdesk.domain.planning import Rules
from paperdesk.domain.position import Adjustment
from paperdesk.domain.reports import Told
from paperdesk.domain.views import Lock
from paperdesk.domain.vocabulary import (
    AccountId,
    BatchId,
    ClientName,
    ConId,
    KeyId,
    Scope,
    Symbol,
)
from paperdesk.errors import BadRequest
from paperdesk.ledger.store import SqlLedger

OTHER = AccountId("DUP203550")
EVERY = Limits(
    max_order_quantity=100,
    max_order_notional=Decimal("250000.50"),
    max_position_notional=Decimal(500_000),
    max_gross_notional=Decimal("2E+6"),
    max_orders_per_minute=30,
    max_orders_per_day=300,
    max_attempts_per_target=3,
    price_collar_pct=Decimal("0.1"),
    allow_short=False,
    symbols=frozenset({Symbol("AAPL"), Symbol("MSFT")}),
    restricted_symbols=frozenset({Symbol("TSLA")}),
)


def make_key(key_id: str = "00000001", client: str = "bot", **grant: object) -> ApiKey:
    scopes = frozenset({Scope.TRADE})
    given = KeyGrant(ClientName(client), scopes, **grant)  # type: ignore[arg-type]
    return ApiKey(KeyId(key_id), key_id * 8, given, NOW, "ops")


async def trail(ledger: SqlLedger, **which: object) -> list[AuditEntry]:
    """Return the trail, oldest first."""
    asked = AuditFilter(**{"accounts": [ACCOUNT, OTHER], "of_all": True} | which)  # type: ignore[arg-type]
    return (await ledger.administration.audit(asked, Page(100)))[::-1]


# -- keys ------------------------------------------------------------------------------------
async def test_a_key_is_kept_as_it_was_made(ledger: SqlLedger) -> None:
    bare = make_key()
    bound = make_key(
        "00000002",
        "other",
        accounts=frozenset({ACCOUNT}),
        symbols=frozenset({Symbol("AAPL")}),
        expires_at=NOW + seconds(60),
    )
    for key in (bare, bound):
        await ledger.administration.create_key(key, OPS)

    assert await ledger.administration.keys() == (bare, bound)
    assert await ledger.check_history(lambda *_: None) == ()


async def test_a_client_has_one_key_until_it_is_rotated(ledger: SqlLedger) -> None:
    keys = ledger.administration
    await keys.create_key(make_key(), OPS)
    with pytest.raises(BadRequest, match="bot has a key already: rotate that one"):
        await keys.create_key(make_key("00000002"), OPS)

    await keys.rotate_key(make_key("00000002"), KeyId("00000001"), NOW + seconds(60), OPS)

    old, new = await keys.keys()
    assert (old.grant.expires_at, new.grant.expires_at) == (NOW + seconds(60), None)
    assert {old.status(NOW), new.status(NOW)} == {KeyStatus.ACTIVE}


async def test_a_name_is_free_again_once_no_key_of_it_opens(ledger: SqlLedger) -> None:
    keys = ledger.administration
    await keys.create_key(make_key(), OPS)
    await keys.revoke_key(KeyId("00000001"), OPS, NOW)

    await keys.create_key(make_key("00000002"), OPS)

    assert [key.status(NOW) for key in await keys.keys()] == [
        KeyStatus.REVOKED,
        KeyStatus.ACTIVE,
    ]


async def test_a_key_is_revoked_once(ledger: SqlLedger) -> None:
    keys = ledger.administration
    await keys.create_key(make_key(), OPS)
    await keys.revoke_key(KeyId("00000001"), OPS, NOW + seconds(1))
    await keys.revoke_key(KeyId("00000001"), SERVICE, NOW + seconds(2))

    (revoked,) = await keys.keys()
    assert (revoked.revoked_at, revoked.revoked_by) == (NOW + seconds(1), "ops")
    assert [entry.action for entry in await trail(ledger)] == [
        Action.CREATE_KEY,
        Action.REVOKE_KEY,
    ]


async def test_when_a_key_was_used_is_no_part_of_the_history(ledger: SqlLedger) -> None:
    keys = ledger.administration
    await keys.create_key(make_key(), OPS)
    await keys.note_uses({KeyId("00000001"): NOW + seconds(1)})
    await keys.note_uses({KeyId("00000001"): NOW + seconds(9)})

    assert [key.last_used_at for key in await keys.keys()] == [NOW + seconds(9)]
    assert await ledger.check_history(lambda *_: None) == ()


async def test_the_trail_of_keys_holds_nothing_that_opens(ledger: SqlLedger) -> None:
    keys = ledger.administration
    key = make_key(expires_at=NOW + seconds(60))
    await keys.create_key(key, OPS)
    await keys.rotate_key(make_key("00000002"), key.key_id, None, OPS)
    await keys.revoke_key(key.key_id, OPS, NOW)

    entries = await trail(ledger)
    assert [entry.action for entry in entries] == [
        Action.CREATE_KEY,
        Action.ROTATE_KEY,
        Action.REVOKE_KEY,
    ]
    assert entries[0].before is None
    assert entries[1].after is not None
    assert entries[1].after["new"]["key_id"] == "00000002"
    assert entries[2].before is not None
    assert (entries[2].before["revoked_at"], entries[2].before["client"]) == (None, "bot")
    assert not any(key.sha256 in str(entry) for entry in entries)


# -- limits ----------------------------------------------------------------------------------
async def set_limits(ledger: SqlLedger, limits: Limits | None, by: str = "") -> None:
    actor = replace(OPS, name=ClientName(by)) if by else OPS
    await ledger.administration.set_limits(ACCOUNT, limits, actor, NOW, configured=UNLIMITED)


async def test_limits_are_kept_exactly_and_can_be_given_up(ledger: SqlLedger) -> None:
    await set_limits(ledger, EVERY)
    assert await ledger.administration.limits() == {ACCOUNT: EVERY}

    await set_limits(ledger, None)

    assert await ledger.administration.limits() == {}
    assert await ledger.check_history(lambda *_: None) == ()


async def test_a_change_of_limits_is_in_the_trail_with_what_held_before(
    ledger: SqlLedger,
) -> None:
    await set_limits(ledger, EVERY)
    await set_limits(ledger, replace(EVERY, max_order_quantity=50), by="boss")
    await set_limits(ledger, None)

    entries = await trail(ledger, action=Action.SET_LIMITS)
    quantities = [
        ((e.before or {})["max_order_quantity"], (e.after or {})["max_order_quantity"])
        for e in entries
    ]
    assert quantities == [(None, 100), (100, 50), (50, None)]
    assert [entry.by.name for entry in entries] == ["ops", "boss", "ops"]
    assert (entries[0].after or {})["max_order_notional"] == "250000.50"


async def test_limits_set_by_hand_are_what_a_plan_is_decided_by(ledger: SqlLedger) -> None:
    await set_limits(ledger, Limits(max_order_quantity=99))
    await planned(ledger)

    assert (await row(ledger)).error_code is ErrorCode.LIMIT


async def test_limits_set_by_hand_stand_in_the_place_of_the_configurations(
    ledger: SqlLedger,
) -> None:
    await set_limits(ledger, UNLIMITED)
    tight = decide_by(Rules(limits=Limits(max_order_quantity=1)))
    await accept(ledger)

    decided = await ledger.preview(ACCOUNT, [make_goal()], tight, NOW)

    assert decided.decisions[0].refusal is None


async def test_limits_set_between_planning_and_claiming_are_held_to(
    ledger: SqlLedger,
) -> None:
    await planned(ledger)
    await set_limits(ledger, Limits(max_order_quantity=99))

    assert await claim(ledger, ref()) == []
    assert (await row(ledger)).error_code is ErrorCode.LIMIT


async def is_barred(ledger: SqlLedger, at: datetime, quantity: int = 100) -> bool:
    goal = make_goal(quantity)
    plan = await ledger.preview(ACCOUNT, [goal], decide_by(), at)
    refusal = plan.decisions[0].refusal
    return refusal is not None and refusal.code is ErrorCode.LIMIT


async def test_orders_are_counted_from_midnight_in_new_york(ledger: SqlLedger) -> None:
    await sent(ledger)  # at 10:30 of the 9th, in New York
    await learn(ledger, completed_report())
    await set_limits(ledger, Limits(max_orders_per_day=1))
    before_midnight = NOW.replace(day=10, hour=3, minute=59)

    assert await is_barred(ledger, before_midnight)
    assert not await is_barred(ledger, before_midnight + seconds(61))


async def attempt(ledger: SqlLedger, number: int, told: Told, *, withdrawn: bool) -> None:
    """Send an order for the target 100, and let it end."""
    batch = f"{number:016x}"
    await sent(ledger, batch=batch, first_id=number, at=NOW + seconds(9 * number))
    if withdrawn:
        await ledger.ask_cancel(BatchId(batch), NOW, OPS)
    report = completed_report(told, of=str(ref(batch=batch)), perm_id=number)
    await learn(ledger, report, at=NOW + seconds(9 * number))


async def test_attempts_count_what_the_broker_ended_and_nothing_else(
    ledger: SqlLedger,
) -> None:
    soon = NOW + seconds(60)
    await set_limits(ledger, Limits(max_attempts_per_target=2))
    await attempt(ledger, 1, Told.INACTIVE, withdrawn=False)
    await attempt(ledger, 2, Told.CANCELLED, withdrawn=True)
    assert not await is_barred(ledger, soon)

    await attempt(ledger, 3, Told.CANCELLED, withdrawn=False)

    assert await is_barred(ledger, soon)
    assert not await is_barred(ledger, soon, quantity=101)
    assert not await is_barred(ledger, NOW + seconds(630))


# -- the trail ---------------------------------------------------------------------------------
async def withdraw(ledger: SqlLedger) -> None:
    await ledger.ask_cancel(BatchId(FIRST), NOW, OPS)


async def stop(ledger: SqlLedger) -> None:
    await ledger.halt(make_halt(), cancel_working=True, by=OPS)


async def go_on(ledger: SqlLedger) -> None:
    await ledger.halt(make_halt(), cancel_working=False)
    await ledger.resume(ACCOUNT, OPS, "drill over", NOW)


async def say(ledger: SqlLedger) -> None:
    await ledger.lost([ACCOUNT], NOW, NOW)
    await ledger.resolve(BatchId(FIRST), Resolution(Symbol("AAPL")), OPS, NOW)


async def take_over(ledger: SqlLedger) -> None:
    change = Adjustment(ConId(265598), Symbol("AAPL"), 0, 7, "said so", NOW)
    await ledger.adopt(ACCOUNT, [change], NOW, OPS)


async def unlock(ledger: SqlLedger) -> None:
    await ledger.lock(ACCOUNT, None, Lock(Symbol("*"), "a doubt", NOW))
    await ledger.unlock(ACCOUNT, [None], NOW, breaks_only=False, by=OPS)


@pytest.mark.parametrize(
    ("change", "action", "before", "after"),
    [
        (withdraw, Action.CANCEL, {"AAPL": "PendingSubmit"}, {"cancel_asked": ["AAPL"]}),
        (stop, Action.HALT, {"halts": []}, {"mode": "all", "working": 1}),
        (go_on, Action.RESUME, {}, {"halts": [], "reason": "drill over"}),
        (say, Action.RESOLVE, {"status": "Unknown"}, {"as": "not_placed", "symbol": "AAPL"}),
        (
            take_over, Action.ADOPT_POSITION,
            {"positions": {"AAPL": 0}}, {"positions": {"AAPL": 7}, "why": ["said so"]},
        ),
        (unlock, Action.UNLOCK, {"locks": {"*": "a doubt"}}, {"locks": {}}),
    ],
)  # fmt: skip
async def test_every_change_of_a_person_is_in_the_trail(
    ledger: SqlLedger,
    change: Callable[[SqlLedger], Awaitable[None]],
    action: Action,
    before: dict[str, object],
    after: dict[str, object],
) -> None:
    await sent(ledger)
    await change(ledger)

    (entry,) = await trail(ledger, client=ClientName("ops"))
    assert (entry.action, entry.account, entry.by) == (action, ACCOUNT, OPS)
    assert before.items() <= (entry.before or {}).items()
    assert after.items() <= (entry.after or {}).items()


async def test_a_submission_is_in_the_trail_of_its_client(ledger: SqlLedger) -> None:
    await accept(ledger)

    (entry,) = await trail(ledger)
    assert (entry.action, entry.batch_id, entry.after) == (Action.SUBMIT, FIRST, {"orders": 1})
    assert entry.before is None


async def test_what_is_refused_leaves_nothing_in_the_trail(ledger: SqlLedger) -> None:
    await sent(ledger)
    count = len(await trail(ledger))
    with pytest.raises(BadRequest):
        await ledger.resolve(BatchId(FIRST), Resolution(Symbol("AAPL")), OPS, NOW)

    assert len(await trail(ledger)) == count


async def test_the_trail_is_read_in_pages_by_account_client_action_and_time(
    ledger: SqlLedger,
) -> None:
    for number in range(5):
        await set_limits(ledger, Limits(max_order_quantity=number + 1))
    await ledger.administration.create_key(make_key(), SERVICE)
    await ledger.halt(make_halt(account=OTHER), cancel_working=False, by=OPS)
    read = ledger.administration.audit
    both = [ACCOUNT, OTHER]

    first = await read(AuditFilter(both, of_all=True), Page(3))
    rest = await read(AuditFilter(both, of_all=True), Page(10, before=first[-1].number))
    assert [entry.number for entry in [*first, *rest]] == [7, 6, 5, 4, 3, 2, 1]
    assert [e.number for e in await read(AuditFilter(both), Page(10))] == [7, 5, 4, 3, 2, 1]
    assert [e.number for e in await read(AuditFilter([OTHER]), Page(10))] == [7]
    of_service = AuditFilter(both, of_all=True, client=ClientName("paperdesk"))
    assert [e.number for e in await read(of_service, Page(10))] == [6]
    of_halts = AuditFilter(both, action=Action.HALT, since=NOW)
    assert [e.number for e in await read(of_halts, Page(10))] == [7]
    later = AuditFilter(both, of_all=True, since=NOW + seconds(1))
    assert await read(later, Page(10)) == []


async def test_the_trail_of_an_account_does_not_tell_of_another_ones_halts(
    ledger: SqlLedger,
) -> None:
    await ledger.halt(make_halt(account=OTHER), cancel_working=False, by=OPS)
    await ledger.halt(make_halt(), cancel_working=False, by=OPS)

    (entry,) = await ledger.administration.audit(AuditFilter([ACCOUNT]), Page(9))
    assert entry.before == {"halts": []}


async def test_a_halt_that_is_said_again_adds_nothing(ledger: SqlLedger) -> None:
    for later in range(3):
        await ledger.halt(make_halt(at=NOW + seconds(later)), cancel_working=False, by=OPS)

    assert len(await ledger.halts()) == 1
    assert len(await trail(ledger)) == 1


async def test_a_key_that_was_revoked_meanwhile_is_not_rotated(ledger: SqlLedger) -> None:
    keys = ledger.administration
    await keys.create_key(make_key(), OPS)
    await keys.revoke_key(KeyId("00000001"), OPS, NOW)

    with pytest.raises(BadRequest, match="is revoked"):
        await keys.rotate_key(make_key("00000002"), KeyId("00000001"), None, OPS)
    assert len(await keys.keys()) == 1


@pytest.mark.parametrize("table", ["audit", "events"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = at", "DELETE FROM {}"])
async def test_the_database_itself_refuses_to_alter_what_happened(
    ledger: SqlLedger, table: str, statement: str
) -> None:
    await accept(ledger)

    with (
        pytest.raises(sa.exc.DBAPIError, match=f"{table} is append-only"),
        ledger._owned.engine.begin() as connection,
    ):
        connection.exec_driver_sql(statement.format(table))

    assert len(await trail(ledger)) == 1


async def test_a_halt_that_is_said_again_is_stored_and_noted_once(ledger: SqlLedger) -> None:
    for later in range(3):
        await ledger.halt(make_halt(at=NOW + seconds(later)), cancel_working=False)

    assert await ledger.halts() == [make_halt()]
    assert [entry.action for entry in await trail(ledger)] == [Action.HALT]
