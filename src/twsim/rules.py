"""Rules: how strict a gateway is, where real ones differ or have a setting.

Owns: SessionRules, their defaults and what each stands for. Does not know who obeys them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from twsim.wire.protocol import SERVER_VERSION_MAX

MESSAGES_PER_SECOND: Final = 50  # what a real gateway takes from one client (tws-facts §4.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """The settings of a gateway."""

    # The server version is the smaller of the client's and this (§1.2).
    server_version_max: int = SERVER_VERSION_MAX
    # Above it: error 100, and the line is closed. None lets everything pass.
    messages_per_second_max: int | None = None
    # The recordings contradict each other (§4.2): 10147, or cancelled for the asker.
    cancels_across_clients: bool = False
    # This client hears of every client's orders (§4.2).
    master_client_id: int | None = None
