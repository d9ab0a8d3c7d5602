"""The books of an account: opening positions, agreement with the broker's, and locks.

Owns: what a comparison with the broker's books needs and leaves behind. Each function runs
inside a transaction that its caller opened. Judges nothing: `domain.position` does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from paperdesk.domain.audit import Action
from paperdesk.domain.client import Actor
from paperdesk.domain.position import Adjustment, Booked
from paperdesk.domain.views import Lock
from paperdesk.domain.vocabulary import AccountId, ConId, Side, Symbol
from paperdesk.ledger import trail
from paperdesk.ledger.booking import move_position, position_row
from paperdesk.ledger.journal import Journal, Values, next_id
from paperdesk.ledger.resolving import accept_short
from paperdesk.ledger.rows import RowMapping
from paperdesk.ledger.schema import executions, locks, openings, orders, positions


def is_opened(connection: sa.Connection, account: AccountId) -> bool:
    """Tell whether the account's opening position was ever taken."""
    found = sa.select(openings.c.id).where(openings.c.account_id == account).limit(1)
    return connection.scalar(found) is not None


def booked(connection: sa.Connection, account: AccountId) -> dict[ConId, Booked]:
    """Return what the books say of every contract that they name."""
    held = connection.execute(sa.select(positions).where(positions.c.account_id == account))
    found = {
        ConId(row["conid"]): Booked(
            symbol=Symbol(row["symbol"]),
            quantity=row["opening"] + row["own"],
            agreed_at=row["agreed_at"],
        )
        for row in held.mappings()
    }
    live, heard, names = _own(connection, account)
    outside = _outside(connection, account)
    names |= {conid: symbol for conid, (symbol, _) in outside.items()}
    for conid in names.keys() - found:
        found[conid] = Booked(symbol=names[conid])
    return {
        conid: Booked(
            symbol=entry.symbol,
            quantity=entry.quantity,
            agreed_at=entry.agreed_at,
            own_at=heard.get(conid),
            is_live=conid in live,
            outside=outside.get(conid, (entry.symbol, 0))[1],
        )
        for conid, entry in found.items()
    }


def _own(
    connection: sa.Connection, account: AccountId
) -> tuple[set[ConId], dict[ConId, datetime], dict[ConId, Symbol]]:
    """Return contracts with an order that may still trade, when each was last traded, names."""
    live = set()
    heard, names = _last_heard(connection, account)
    rows = connection.execute(
        sa.select(orders.c.conid, orders.c.symbol, orders.c.sent_at).where(
            orders.c.account_id == account, orders.c.is_open
        )
    )
    for conid, symbol, sent_at in rows:
        live.add(ConId(conid))
        names[ConId(conid)] = Symbol(symbol)
        if sent_at is not None:
            heard[ConId(conid)] = max(sent_at, heard.get(ConId(conid), sent_at))
    return live, heard, names


def _last_heard(
    connection: sa.Connection, account: AccountId
) -> tuple[dict[ConId, datetime], dict[ConId, Symbol]]:
    """Return when an order on each contract last ended or was executed, and its symbol.

    Per contract the end of an index: a group over all orders would read the whole history.
    """
    ordered = _contracts_ordered(account)
    on_it = (orders.c.account_id == account, orders.c.conid == ordered.c.conid)
    sent = orders.c.sent_at.is_not(None)
    named = sa.select(orders.c.symbol).where(*on_it, sent).limit(1)
    ended = sa.select(sa.func.max(orders.c.ended_at)).where(*on_it, sent)
    learnt = sa.select(sa.func.max(executions.c.learnt_at)).where(
        executions.c.account_id == account,
        executions.c.conid == ordered.c.conid,
        executions.c.is_own,
    )
    rows = connection.execute(
        sa.select(
            ordered.c.conid,
            named.scalar_subquery(),
            ended.scalar_subquery(),
            learnt.scalar_subquery(),
        ).where(ordered.c.conid.is_not(None))
    ).all()
    times = {ConId(row[0]): [at for at in row[2:] if at is not None] for row in rows}
    heard = {conid: max(found) for conid, found in times.items() if found}
    return heard, {ConId(row[0]): Symbol(row[1]) for row in rows}


def _contracts_ordered(account: AccountId) -> sa.CTE:
    """Return the contracts of orders that were sent: each is one step along an index."""
    of_account = (orders.c.account_id == account, orders.c.sent_at.is_not(None))
    first = sa.select(sa.func.min(orders.c.conid).label("conid")).where(*of_account)
    found = first.cte("ordered", recursive=True)
    following = (
        sa.select(sa.func.min(orders.c.conid))
        .where(*of_account, orders.c.conid > found.c.conid)
        .scalar_subquery()
    )
    return found.union_all(sa.select(following).where(found.c.conid.is_not(None)))


def _outside(connection: sa.Connection, account: AccountId) -> dict[ConId, tuple[Symbol, int]]:
    """Return the signed shares executed elsewhere that are in no opening position yet."""
    # Added up here: a database that groups them prefers the index of all executions.
    rows = connection.execute(
        sa.select(
            executions.c.conid, executions.c.symbol, executions.c.side, executions.c.quantity
        ).where(
            executions.c.account_id == account,
            executions.c.is_newest,
            executions.c.is_own.is_(False),
            executions.c.is_outside.is_(False),
        )
    )
    found: dict[ConId, tuple[Symbol, int]] = {}
    for conid, symbol, side, shares in rows:
        _, before = found.get(ConId(conid), (Symbol(symbol), 0))
        found[ConId(conid)] = (Symbol(symbol), before + Side(side).sign * shares)
    return found


def adopt(
    journal: Journal, account: AccountId, changes: Sequence[Adjustment], by: Actor
) -> None:
    """Change opening positions, and write down why.

    The first time of an account: what was executed elsewhere so far is in them already.
    """
    if not is_opened(journal.connection, account):
        outside = {"account_id": account, "is_own": False}
        journal.update(executions, outside, {"is_outside": True})
    first = next_id(journal.connection, openings)
    journal.insert(
        openings,
        [
            {
                "id": first + n,
                "account_id": account,
                "conid": change.conid,
                "symbol": change.symbol,
                "change": change.change,
                "ours": change.ours,
                "broker": change.broker,
                "why": change.why,
                "adopted_at": change.at,
            }
            for n, change in enumerate(changes)
        ],
    )
    trail.note(
        journal,
        by,
        Action.ADOPT_POSITION,
        account=account,
        before={"positions": {change.symbol: change.ours for change in changes}},
        after={
            "positions": {change.symbol: change.broker for change in changes},
            "why": sorted({change.why for change in changes}),
        },
    )
    for change in changes:
        if change.conid:
            whose = (account, change.conid, change.symbol)
            move_position(journal, whose, opening=change.change)
            _count_outside(journal, account, change.conid)


def _count_outside(journal: Journal, account: AccountId, conid: ConId) -> None:
    """Mark what was executed elsewhere as part of the opening position."""
    journal.update(
        executions,
        {"account_id": account, "conid": conid, "is_own": False},
        {"is_outside": True},
    )


def agree(journal: Journal, account: AccountId, contracts: Mapping[ConId, Symbol]) -> None:
    """Note that both figures are the same, be they 0 of what was never held."""
    at: Values = {"agreed_at": journal.at}
    held = journal.connection.scalars(
        sa.select(positions.c.conid).where(
            positions.c.account_id == account, positions.c.conid.in_(contracts)
        )
    )
    known = {ConId(conid) for conid in held}
    journal.update_each(
        positions,
        [({"account_id": account, "conid": conid}, at) for conid in sorted(known)],
    )
    journal.insert(
        positions,
        [
            position_row((account, conid, contracts[conid])) | at
            for conid in sorted(contracts.keys() - known)
        ],
    )


def lock(journal: Journal, account: AccountId, conid: ConId | None, new: Lock) -> None:
    """Keep a contract from being traded; once, while such a lock stands.

    A lock that a person must clear is kept beside one that clears itself.
    """
    standing = [row for row in _standing(journal.connection, account) if row["conid"] == conid]
    if any(new.is_break or not row["is_break"] for row in standing):
        return
    journal.insert(
        locks,
        [
            {
                "id": next_id(journal.connection, locks),
                "account_id": account,
                "conid": conid,
                "symbol": new.symbol,
                "reason": new.reason,
                "since": new.since,
                "ours": new.ours,
                "broker": new.broker,
                "is_break": new.is_break,
            }
        ],
    )


def unlock(
    journal: Journal,
    account: AccountId,
    conids: Collection[ConId | None],
    *,
    breaks_only: bool,
    by: Actor,
) -> None:
    """Clear locks; with `breaks_only` those that clear themselves.

    A person's word does more: of what ended there no execution is awaited any more.
    """
    cleared = [
        row
        for row in _standing(journal.connection, account)
        if row["conid"] in conids and (row["is_break"] or not breaks_only)
    ]
    journal.update_each(
        locks, [({"id": row["id"]}, {"cleared_at": journal.at}) for row in cleared]
    )
    if breaks_only:
        return
    short = accept_short(journal, account, conids, by)
    if cleared or short:
        trail.note(
            journal,
            by,
            Action.UNLOCK,
            account=account,
            before={"locks": {row["symbol"]: row["reason"] for row in cleared}}
            | ({"short": {order.ref: order.symbol for order in short}} if short else {}),
            after={"locks": {}},
        )


def _standing(connection: sa.Connection, account: AccountId) -> Sequence[RowMapping]:
    rows = connection.execute(
        sa.select(locks).where(locks.c.account_id == account, locks.c.cleared_at.is_(None))
    )
    return rows.mappings().all()
