"""The key that a service makes for itself."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from makers import NOW, OPS
from paperdesk.clock import ManualClock
from paperdesk.desk.administering import make_key
from paperdesk.desk.ports import Administration
from paperdesk.domain.keys import KeyGrant, KeyStatus, digest_of, recognised
from paperdesk.domain.vocabulary import ClientName, KeyId, Scope
from paperdesk.firstkey import LOCAL, first_key
from paperdesk.ledger.store import SqlLedger
from paperdesk.runtime import InlineExecutor, SeededRandom
from paperdesk.whereabouts import key_in

BOT = KeyGrant(ClientName("bot"), frozenset({Scope.TRADE}))


@pytest.fixture
async def keys(tmp_path: Path) -> AsyncIterator[Administration]:
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = await SqlLedger.open(url, InlineExecutor(), ManualClock(NOW))
    yield ledger.administration
    await ledger.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "key"


def leave(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)


def left_behind(file: Path) -> dict[str, int]:
    """Return the files beside the key, itself included, with their modes."""
    found = file.parent.iterdir() if file.parent.exists() else ()
    return {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in found}


async def start(file: Path, keys: Administration, seed: int = 1) -> str | None:
    return await first_key(file, keys, SeededRandom(seed), NOW)


async def opening(keys: Administration) -> list[str]:
    return [key.sha256 for key in await keys.keys() if key.status(NOW) is KeyStatus.ACTIVE]


async def test_a_key_is_made_for_this_user_only_and_kept(
    file: Path, keys: Administration
) -> None:
    text = await start(file, keys)

    assert text is not None
    assert text == key_in(file)
    assert recognised(text) == (await keys.keys())[0].key_id
    assert await opening(keys) == [digest_of(text.encode())]
    assert left_behind(file) == {"key": 0o600}
    assert await start(file, keys, seed=2) == text
    assert (await keys.keys())[0].grant == LOCAL


async def test_where_another_key_opens_none_is_made(file: Path, keys: Administration) -> None:
    made = make_key(BOT, SeededRandom(1), at=NOW, by="ops")
    await keys.create_key(made.key, OPS)

    assert await start(file, keys, seed=2) is None
    assert left_behind(file) == {}


async def test_a_key_file_of_another_ledger_does_not_open_one_that_has_keys(
    file: Path, keys: Administration
) -> None:
    made = make_key(BOT, SeededRandom(1), at=NOW, by="ops")
    await keys.create_key(made.key, OPS)
    leave(file, "pdk_of_another_ledger\n")

    assert await start(file, keys) is None
    assert await opening(keys) == [made.key.sha256]


@pytest.mark.parametrize("left", ["pdk_of_an_older_version", "pdk_killed_before_the_ledger"])
async def test_a_key_file_that_no_ledger_knows_is_taken_in(
    file: Path, keys: Administration, left: str
) -> None:
    leave(file, f"{left}\n")

    assert await start(file, keys) == left
    assert await opening(keys) == [digest_of(left.encode())]


@pytest.mark.parametrize("left", ["", "\n"])
async def test_an_empty_key_file_is_replaced(
    file: Path, keys: Administration, left: str
) -> None:
    leave(file, left)

    text = await start(file, keys)

    assert text
    assert key_in(file) == text
    assert left_behind(file) == {"key": 0o600}


async def test_a_revoked_first_key_is_replaced_by_another_once_nothing_else_opens(
    file: Path, keys: Administration
) -> None:
    first = await start(file, keys)
    (made,) = await keys.keys()
    await keys.revoke_key(made.key_id, OPS, NOW)

    second = await start(file, keys, seed=2)

    assert second not in {None, first}
    assert await opening(keys) == [digest_of((second or "").encode())]


async def test_a_rotated_first_key_leaves_the_file_to_the_old_one(
    file: Path, keys: Administration
) -> None:
    text = await start(file, keys)
    (made,) = await keys.keys()
    new = replace(made, key_id=KeyId("00000002"), sha256="0" * 64)
    await keys.rotate_key(new, made.key_id, None, OPS)

    assert await start(file, keys, seed=2) == text
    assert len(await keys.keys()) == 2
