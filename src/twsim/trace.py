"""The trace: the wire in words, one line for each frame.

Owns: how a frame is written for people: who spoke, IB's name of the message, and the
fields that say something, by name. Does not know where the lines go.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import datetime
from decimal import Decimal

from twsim.transcript import Direction, Frame
from twsim.wire.errors import ProtocolError
from twsim.wire.fields import plain
from twsim.wire.layout import Message, slots

_ARROWS = {Direction.CLIENT: "->", Direction.SERVER: "<-"}


def line(frame: Frame, at: datetime) -> str:
    """Write a frame as one line: time, client, direction, name, and what is not usual."""
    client = "?" if frame.client_id is None else str(frame.client_id)
    head = f"{at:%H:%M:%S.%f} {client:>3} {_ARROWS[frame.direction]}"
    return f"{head} {_words(frame)}".rstrip().replace("\n", "\\n")


def _words(frame: Frame) -> str:
    kind = frame.kind
    try:
        message = None if kind is None else kind.decode(frame.fields, frame.server_version)
    except ProtocolError:
        message = None
    if message is None:
        return f"{frame.name} {'|'.join(frame.fields)}|"
    return f"{message.NAME} {_told(message, frame.server_version)}"


def _told(message: Message, server_version: int) -> str:
    usual = {each.name: each.default for each in fields(message)}
    names = [slot.name for slot in slots(type(message), server_version)]
    values = {name: getattr(message, name) for name in names}
    return " ".join(
        f"{name}={_value(value)}"
        for name, value in values.items()
        if usual[name] is MISSING or value != usual[name]
    )


def _value(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, str) and (" " in value or not value):
        return f'"{value}"'
    return str(value)
