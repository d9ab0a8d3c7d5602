from __future__ import annotations

import json
from pathlib import Path

from paperdesk.config.load import load_settings
from paperdesk.config.showing import shown

TOML = """
default_account = "DU8730189"
[ledger]
url = "postgresql://me:hunter2@db/x"
[[gateways]]
accounts = ["DU8730189"]
port = 4004
[[clients]]
name = "bot"
key_sha256 = "%s"
scopes = ["trade"]
accounts = ["DU8730189"]
[limits.DU8730189]
max_order_quantity = 7
"""


def test_every_setting_names_who_gave_it_and_no_secret_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TOML % ("ab" * 32))
    found = {entry.key: entry for entry in shown(file, {"PAPERDESK_SERVER__PORT": "8001"})}

    assert (found["server.port"].value, found["server.port"].origin) == (
        8001,
        "PAPERDESK_SERVER__PORT",
    )
    assert (found["gateways.0.port"].value, found["gateways.0.port"].origin) == (
        4004,
        str(file),
    )
    assert found["gateways.0.accounts"].origin == str(file)
    assert (found["gateways.0.client_id"].value, found["gateways.0.client_id"].origin) == (
        17,
        "default",
    )
    assert found["limits.DU8730189.max_order_quantity"].value == 7
    assert found["clients.0.scopes"].value == ["trade"]
    words = json.dumps([entry.value for entry in found.values()])
    assert "hunter2" not in words
    assert "ab" * 32 not in words


def test_a_default_is_shown_as_one() -> None:
    settings = load_settings(None, {})
    found = shown(None, {})

    assert {entry.origin for entry in found} == {"default"}
    assert next(e.value for e in found if e.key == "server.port") == settings.server.port
