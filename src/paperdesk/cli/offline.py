"""API keys in a ledger that no service has open.

Owns: what `paperdesk keys` does in this process where it finds no service. Prints nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from paperdesk import bootstrap
from paperdesk.config import Settings, load_settings
from paperdesk.desk.administering import Administrator
from paperdesk.domain.client import Client
from paperdesk.wire.keys import (
    KeyBody,
    KeysAnswer,
    NewKeyAnswer,
    parse_create_key,
    parse_rotate_key,
)


@dataclass(frozen=True, slots=True)
class LedgerKeys:
    """The keys of a ledger, answered as the service would."""

    admin: Administrator
    operator: Client

    async def create(self, body: dict[str, Any]) -> NewKeyAnswer:
        """Make a key for a new client."""
        made = await self.admin.create_key(self.operator, parse_create_key(body))
        return NewKeyAnswer.made(made, self.admin.now())

    async def list(self) -> KeysAnswer:
        """Return all keys, without what opens."""
        configured = self.admin.configured(self.operator)
        return KeysAnswer.of(configured, await self.admin.keys(self.operator), self.admin.now())

    async def rotate(self, key_id: str, body: dict[str, Any]) -> NewKeyAnswer:
        """Make a second key for the same client."""
        made = await self.admin.rotate_key(self.operator, key_id, parse_rotate_key(body))
        return NewKeyAnswer.made(made, self.admin.now(), rotated=key_id)

    async def revoke(self, key_id: str) -> KeyBody:
        """Let a key open no more."""
        return KeyBody.of(await self.admin.revoke_key(self.operator, key_id), self.admin.now())


def in_ledger(
    config: Path | None, what: Callable[[LedgerKeys], Awaitable[Any]]
) -> dict[str, Any]:
    """Do it to the ledger of the configuration. Raises ConfigError, LedgerUnavailable."""
    return asyncio.run(_do(load_settings(config, os.environ), what))


async def _do(
    settings: Settings, what: Callable[[LedgerKeys], Awaitable[Any]]
) -> dict[str, Any]:
    async with bootstrap.administering(settings) as (administrator, operator):
        done: dict[str, Any] = msgspec.to_builtins(
            await what(LedgerKeys(administrator, operator))
        )
        return done
