"""What happened in a story, line by line, for whoever looks for the reason.

Owns: the lines of calls, frames, fills, faults and crashes, in order of time. Judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from proof.record import Record
from proof.story import Story

BODY_CHARS: Final = 400


def trace(story: Story, record: Record) -> str:
    """Return the lines of a story and of what came of it."""
    lines = sorted(_lines(story, record))
    return "\n".join(f"{at:12.3f}  {words}" for at, words in lines)


def _lines(story: Story, record: Record) -> Iterator[tuple[float, str]]:
    for step in story.steps:
        if step.kind not in {"post", "again", "withdraw", "look", "preview", "halt", "resume"}:
            yield step.at, f"step     {step.kind} {json.dumps(step.of)}"
    for call in record.calls:
        body = "" if call.body is None else json.dumps(call.body)[:BODY_CHARS]
        yield call.at, f"asked    {call.program} {call.method} {call.path} {body}"
        words = call.given.decode()[:BODY_CHARS] if call.status else "the line was cut"
        yield call.until, f"answered {call.program} {call.path} {call.status} {words}"
    for sent in record.sent:
        side = "BUY" if sent.side > 0 else "SELL"
        words = f"{side} {sent.quantity} {sent.symbol} of {sent.account}, which holds"
        yield sent.at, f"sent     {sent.ref}: {words} {sent.position}; ledger: {sent.row}"
    for cancel in record.cancels:
        yield cancel.at, f"cancel   {cancel.order_id}; the ledger has {cancel.row}"
    for held in record.held:
        yield held.at, f"holds    {held.account} {held.quantity} {held.symbol}"
    for struck in record.struck:
        yield struck.at, f"fault    {struck.fault} {struck.symbol} {'/'.join(struck.states)}"
    for up in record.ups:
        yield up, "started  the service"
    yield record.healed_at, "healed   nothing goes wrong any more"
