"""The SDK: the service's HTTP API from Python.

Owns: what a program imports: Client, AsyncClient and the simulator. Each is imported when it is
asked for: a command line wants one of them, and has no time for the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from paperdesk.client.awaiting import AsyncBatch, AsyncClient
    from paperdesk.client.blocking import Batch, Client
    from paperdesk.client.simulating import simulator
    from paperdesk.client.stream import Event

__all__ = ["AsyncBatch", "AsyncClient", "Batch", "Client", "Event", "simulator"]

_HOMES: Final = {
    "AsyncBatch": "awaiting",
    "AsyncClient": "awaiting",
    "Batch": "blocking",
    "Client": "blocking",
    "Event": "stream",
    "simulator": "simulating",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
