"""The paperdesk.toml that `paperdesk init` writes."""

from __future__ import annotations

import re
from dataclasses import astuple, fields
from pathlib import Path

import pytest

from paperdesk.cli import main
from paperdesk.cli.beginning import TEMPLATE
from paperdesk.config import (
    DeskSettings,
    GatewaySettings,
    LedgerSettings,
    RateSettings,
    ServerSettings,
    Settings,
    load_settings,
)
from paperdesk.domain.limits import Limits
from paperdesk.domain.vocabulary import AccountId

FILE = Path("paperdesk.toml")


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_first_configuration_changes_nothing_and_is_not_written_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["init"]) == 0
    assert load_settings(FILE, {}) == load_settings(None, {}) == Settings()
    FILE.write_text("# mine\n")
    assert main(["init"]) == 2
    assert "paperdesk.toml is there already" in capsys.readouterr().err
    assert FILE.read_text() == "# mine\n"
    assert main(["init", "--config", "other.toml"]) == 0


def test_an_account_and_a_port_are_all_that_a_gateway_needs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["init", "DU7654321", "--port", "7497"]) == 0
    settings = load_settings(FILE, {})
    assert settings.default_account == "DU7654321"
    assert settings.gateways == (
        GatewaySettings(accounts=(AccountId("DU7654321"),), port=7497),
    )
    assert "DU1234567" not in FILE.read_text()
    FILE.unlink()
    assert main(["init", "U7654321"]) == 2
    assert "no paper account" in capsys.readouterr().err
    assert not FILE.exists()


def test_every_setting_stands_in_it_with_its_default() -> None:
    text = TEMPLATE.read_text()
    said = re.sub(r"^#(?=[a-z\[])", "", text, flags=re.MULTILINE)
    FILE.write_text(re.sub(r"^(tls|trusted)_.*\n", "", said, flags=re.MULTILINE))
    settings = load_settings(FILE, {})

    assert settings.gateways == (GatewaySettings(accounts=(AccountId("DU1234567"),)),)
    assert (settings.server, settings.desk, settings.rates, settings.ledger) == (
        ServerSettings(), DeskSettings(), RateSettings(), LedgerSettings(),
    )  # fmt: skip
    assert None not in astuple(settings.limits[AccountId("DU1234567")])
    for section in (ServerSettings, DeskSettings, RateSettings, GatewaySettings, Limits):
        missing = [
            f.name
            for f in fields(section)
            if not re.search(rf"^#{f.name} = ", text, re.MULTILINE)
        ]
        assert missing == [], section
