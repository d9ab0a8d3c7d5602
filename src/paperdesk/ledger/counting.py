"""What a commit moved, for whoever counts.

Owns: how the writes of a journal become what the Meter is told, each thing once: an order that
ended unsent and its refused row are one. It is told after the commit only, so that a transaction
that failed, or is done again, counts nothing twice; where it is not known whether a commit was
made, what it moved may be missing. Knows no table.
"""

from __future__ import annotations

from paperdesk.desk.ports import Meter, Moved
from paperdesk.domain.batch import ErrorCode
from paperdesk.ledger.journal import Journal


def moves_of(journal: Journal) -> tuple[Moved, ...]:
    """Return the orders that changed their state."""
    return tuple(Moved(before, after, journal.at) for before, after in journal.moved)


def tell(meter: Meter, journal: Journal) -> None:
    """Tell the meter what a decision moved and refused."""
    if not journal.moved and not journal.refused:
        return
    codes = {
        (key.get("batch_id"), key.get("seq")): ErrorCode(code) for key, code in journal.refused
    }
    moved = [
        Moved(before, after, journal.at, codes.get((after.batch_id, after.seq)))
        for before, after in journal.moved
    ]
    ordered = {(move.after.batch_id, move.after.seq) for move in moved}
    refused = [
        ErrorCode(code)
        for key, code in journal.refused
        if (key.get("batch_id"), key.get("seq")) not in ordered
    ]
    if moved:
        meter.orders_moved(moved)
    if refused:
        meter.rows_refused(refused)
