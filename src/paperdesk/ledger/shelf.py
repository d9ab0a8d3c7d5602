"""What a group of messages is about: read at once, changed in memory, written once.

Owns: Shelf, the rows of one table, and OrderShelf, the orders, as one transaction has them so
far. Neither outlives its transaction, so neither can be out of date. Knows nothing of what is
changed, or why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from paperdesk.domain.order import Order
from paperdesk.domain.vocabulary import OrderId, OrderRef, PermId
from paperdesk.ledger.journal import Journal, Values
from paperdesk.ledger.prepared import among, given
from paperdesk.ledger.records import save_orders, update_alike
from paperdesk.ledger.rows import RowMapping, order_of
from paperdesk.ledger.schema import orders

AT_ONCE: Final = 500  # a database bounds how many values one question may name

_Key = tuple[Any, ...]
_Line = tuple[str, int]  # the gateway, and the client id that it knows us by


class Shelf:
    """The rows of one table that were asked for, found by any of the `indexed` columns."""

    def __init__(self, connection: sa.Connection, table: sa.Table, *indexed: str) -> None:
        self._connection = connection
        self._table = table
        self._key = tuple(column.name for column in table.primary_key)
        self._rows: dict[_Key, Values] = {}
        self._asked: dict[str, set[Any]] = {name: set() for name in indexed}
        self._found: dict[str, dict[Any, dict[_Key, Values]]] = {name: {} for name in indexed}
        self._added: dict[_Key, Values] = {}
        self._changed: dict[_Key, Values] = {}

    @property
    def rows(self) -> Collection[Values]:
        """All rows that are here."""
        return self._rows.values()

    def load(self, column: str, values: Iterable[Any]) -> None:
        """Read the rows that have one of these values, unless they were asked for."""
        for some in _parts(set(values) - self._asked[column]):
            self._asked[column].update(some)
            rows = self._connection.execute(_among(self._table.c[column]), {"some": some})
            self.take(rows.mappings())

    def find(self, column: str, value: Any) -> list[Values]:
        """Return the rows that have this value now."""
        if value not in self._asked[column]:
            self.load(column, [value])
        return [
            row for row in self._found[column].get(value, {}).values() if row[column] == value
        ]

    def take(self, rows: Iterable[RowMapping]) -> list[Values]:
        """Take rows that were read; return them as they are here."""
        return [self._rows.get(self._key_of(row)) or self._put(dict(row)) for row in rows]

    def add(self, row: Values) -> None:
        """Add a new row; what it does not name is null."""
        whole = dict.fromkeys(self._table.c.keys()) | row
        self._added[self._key_of(whole)] = self._put(whole)

    def change(self, row: Values, to: Values) -> None:
        """Change a row that is here."""
        row |= to
        self._put(row)
        key = self._key_of(row)
        if key not in self._added:
            self._changed[key] = self._changed.get(key, {}) | to

    def write(self, journal: Journal) -> None:
        """Write what was added and changed."""
        journal.insert(self._table, list(self._added.values()))
        changes = self._changed.items()
        update_alike(
            journal,
            self._table,
            [(dict(zip(self._key, key, strict=True)), to) for key, to in changes],
        )
        self._added, self._changed = {}, {}

    def _put(self, row: Values) -> Values:
        key = self._key_of(row)
        self._rows[key] = row
        for column, found in self._found.items():
            found.setdefault(row[column], {})[key] = row
        return row

    def _key_of(self, row: RowMapping) -> _Key:
        return tuple(row[name] for name in self._key)


class OrderShelf:
    """The orders that were asked for, found by reference, by perm id and by order id."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._stored: dict[OrderRef, Order] = {}
        self._now: dict[OrderRef, Order] = {}
        self._by_perm_id: dict[PermId, set[OrderRef]] = {}
        self._by_line: dict[tuple[_Line, OrderId], OrderRef] = {}
        self._asked: set[object] = set()

    def load(
        self,
        refs: Collection[OrderRef] = (),
        perm_ids: Collection[PermId] = (),
        sent: Collection[tuple[_Line, OrderId]] = (),
    ) -> None:
        """Read the orders that one of these names, unless they were asked for."""
        for some in _parts(set(refs) - self._asked):
            self._read(_among(orders.c.ref), some=some)
        for some in _parts(set(perm_ids) - self._asked):
            self._read(_among(orders.c.perm_id), some=some)
        left = set(sent) - self._asked - self._by_line.keys()
        for line in sorted({line for line, _ in left}):
            for some in _parts({number for of, number in left if of == line}):
                self._read(_ON_LINE, gateway=line[0], client_id=line[1], some=some)
        self._asked.update(refs, perm_ids, sent)

    def by_ref(self, ref: str | None) -> Order | None:
        """Return the order with this reference."""
        if not ref:
            return None
        if ref not in self._asked:
            self.load(refs=[OrderRef(ref)])
        return self._now.get(OrderRef(ref))

    def by_perm_id(self, perm_id: PermId | None) -> Order | None:
        """Return the newest order that the broker knows by this id."""
        if not perm_id:
            return None
        if perm_id not in self._asked:
            self.load(perm_ids=[perm_id])
        found = [self._now[ref] for ref in self._by_perm_id.get(perm_id, ())]
        return max(found, key=lambda order: (order.planned_at, order.ref), default=None)

    def by_line(self, gateway: str, client_id: int, order_id: int) -> Order | None:
        """Return the order that was claimed on this line under this id."""
        sent = (gateway, client_id), OrderId(order_id)
        if sent not in self._asked:
            self.load(sent=[sent])
        ref = self._by_line.get(sent)
        return None if ref is None else self._now[ref]

    def put(self, after: Order) -> None:
        """Keep an order as it is from now on."""
        self._now[after.ref] = after
        if after.perm_id:
            self._by_perm_id.setdefault(after.perm_id, set()).add(after.ref)

    def write(self, journal: Journal) -> None:
        """Write what was changed."""
        changed = [
            (self._stored[ref], order)
            for ref, order in self._now.items()
            if order is not self._stored[ref]
        ]
        save_orders(journal, changed)
        self._stored = dict(self._now)

    def _read(self, question: sa.Select[Any], **values: Any) -> None:
        for row in self._connection.execute(question, values).mappings():
            if row["ref"] in self._now:
                continue
            order = order_of(row)
            self._stored[order.ref] = order
            self.put(order)
            if order.order_id is not None:
                self._by_line[(row["gateway"], row["client_id"]), order.order_id] = order.ref


def _parts(values: Collection[Any]) -> Iterator[Sequence[Any]]:
    """Cut values into as many as one question may name; the same in each run."""
    ordered = sorted(values)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


@cache
def _among(column: sa.Column[Any]) -> sa.Select[Any]:
    """Return the question for the rows that have one of `some` values in the column."""
    return sa.select(column.table).where(column.in_(among("some")))


_ON_LINE: Final = sa.select(orders).where(
    orders.c.gateway == given("gateway"),
    orders.c.client_id == given("client_id"),
    orders.c.order_id.in_(among("some")),
)
