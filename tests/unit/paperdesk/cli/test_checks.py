"""What doctor makes of what it sees."""

from __future__ import annotations

import asyncio
import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from paperdesk.broker.link import Address
from paperdesk.broker.probe import Probed, probe
from paperdesk.cli.checks import (
    ROOT,
    Check,
    account_checks,
    clock,
    dashboard,
    gateway_checks,
    judge,
    ledger,
    pacing,
    status_checks,
    time_zones,
    weekly_login,
)
from paperdesk.client.standing import Account, GatewayState, Halt, Lock, Session, Status
from paperdesk.config import GatewaySettings, LedgerSettings
from paperdesk.domain.vocabulary import AccountId
from twsim import Gateway

ACCOUNT = AccountId("DU8730189")
GATEWAY = GatewaySettings(accounts=(ACCOUNT,))
AT = datetime(2026, 3, 9, tzinfo=UTC)


def states(checks: list[Check]) -> list[str]:
    return [check.state.value for check in checks]


@pytest.mark.parametrize(
    ("probed", "state", "words"),
    [
        (Probed(is_listening=False, failed="connection refused"), "fail", "connection refused"),
        (Probed(is_listening=True, failed="x", codes={326: "in use"}), "fail", "client id 17 is in"),
        (Probed(is_listening=True, failed="no answer"), "fail", "the handshake fails: no answer"),
        (Probed(is_listening=True, version=178, accounts=("U1234567",)), "fail", "no paper account"),
        (Probed(is_listening=True, version=178, accounts=("DU1111",)), "fail", "not of this login"),
        (
            Probed(
                is_listening=True, version=178, accounts=(ACCOUNT,),
                codes={321: "The API interface is currently in Read-Only mode."},
            ),
            "fail", "the API is read-only",
        ),
        (Probed(is_listening=True, version=178, accounts=(ACCOUNT,)), "ok", "paper accounts"),
    ],
)  # fmt: skip
def test_a_gateway_is_judged_by_what_it_says(probed: Probed, state: str, words: str) -> None:
    last = list(judge(GATEWAY, probed))[-1]

    assert (last.state, words in last.seen) == (state, True)
    assert (last.state == "ok") == (not last.todo), "what is wrong has something to do"


@pytest.mark.parametrize(
    ("quotes", "codes", "state", "words"),
    [
        ("live", {}, "ok", ""),
        ("delayed", {10167: "Displaying delayed market data"}, "warn", "give expected_price"),
        (
            None,
            {10197: "No market data during competing live session"},
            "warn",
            "one place only",
        ),
        (None, {354: "Requested market data is not subscribed"}, "warn", "subscribe"),
        (None, {}, "warn", "subscribe"),
    ],
)
def test_market_data_is_live_delayed_or_none(
    quotes: str | None, codes: dict[int, str], state: str, words: str
) -> None:
    probed = Probed(
        is_listening=True, version=178, accounts=(ACCOUNT,), quotes=quotes, codes=codes
    )
    check = next(check for check in judge(GATEWAY, probed) if "market data" in check.seen)

    assert (check.state, words in check.todo) == (state, True)
    assert all(code in check.seen for code in map(str, codes)) or quotes == "delayed"


async def test_a_real_handshake_tells_who_a_gateway_is() -> None:
    async with Gateway() as gateway:
        found = await probe(Address(gateway.host, gateway.port, 17))
        gateway.inject("A09", on="query", times=0)
        read_only = await probe(Address(gateway.host, gateway.port, 18))
    gone = await probe(Address(gateway.host, gateway.port, 17))

    assert found.failed is None
    assert found.version
    assert found.accounts == ("DU8730189", "DUP203550")
    assert found.quotes == "delayed", "as twsim says of whoever asks for delayed ones"
    assert "Read-Only" in read_only.codes[321]
    assert (gone.is_listening, "refused" in str(gone.failed)) == (False, True)


async def test_a_port_that_accepts_and_says_nothing_is_no_gateway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("paperdesk.broker.probe.HANDSHAKE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = await probe(Address("127.0.0.1", silent.getsockname()[1], 17))

    assert found.is_listening
    (judged,) = judge(GATEWAY, found)
    assert (judged.state, "the handshake fails" in judged.seen) == ("fail", True)
    assert "the warning of paper trading" in judged.todo


async def test_an_id_that_another_program_has_is_named() -> None:
    async with Gateway() as gateway:
        settings = GatewaySettings(accounts=(ACCOUNT,), port=gateway.port)
        beside = await asyncio.to_thread(lambda: list(gateway_checks(settings, serving=True)))
        gateway.inject("A01")
        taken = await asyncio.to_thread(lambda: list(gateway_checks(settings, serving=False)))

    assert states(beside) == ["ok", "warn", "ok"]
    assert states(taken) == ["fail"]


def test_a_ledger_is_looked_at_without_being_made(tmp_path: Path) -> None:
    settings = LedgerSettings(f"sqlite:///{tmp_path}/deep/er/ledger.db")

    assert states(list(ledger(settings))) == ["ok", "ok"]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file.db").write_bytes(b"no database at all, whatever it is called")
    assert states(list(ledger(LedgerSettings(f"sqlite:///{tmp_path}/file.db")))) == [
        "ok",
        "fail",
    ]
    gone = "postgresql://nobody@127.0.0.1:9/none"
    assert states(list(ledger(LedgerSettings(gone)))) == ["fail"]


@pytest.mark.parametrize(
    ("ahead", "state"), [(0.4, "ok"), (-3.0, "warn"), (90.0, "fail"), (None, "warn")]
)
def test_clocks_may_differ_a_little(ahead: float | None, state: str) -> None:
    assert clock(ahead).state == state


def test_an_account_is_told_as_the_service_sees_it() -> None:
    halt = Halt(account_id=None, mode="all", by="ops", since=AT, reason="a test")
    lock = Lock(symbol="KO", reason="a break", since=AT)

    def account(*, connected: bool = True, halt: Halt | None = None) -> Account:
        return Account(
            account_id=ACCOUNT, type="Paper", default=True, connected=connected,
            halted=halt is not None, halt=halt, locks=(lock,), limits={},
        )  # fmt: skip

    assert states(list(account_checks(account()))) == ["ok", "warn"]
    assert states(list(account_checks(account(halt=halt)))) == ["warn", "warn"]
    assert states(list(account_checks(account(connected=False)))) == ["fail", "warn"]


def test_what_shares_a_gateway_shares_its_pace() -> None:
    assert states(list(pacing((GATEWAY,)))) == ["ok"]
    assert states(list(pacing((GATEWAY, GATEWAY)))) == ["warn"]


def test_the_machine_knows_new_yorks_time() -> None:
    assert time_zones().state == "ok"


def test_a_page_without_its_scripts_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dashboard(ROOT, fix=False).state == "ok"
    for name in ("hatch_build.py", "web/package.json", "web/package-lock.json"):
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy)
    without = dashboard(tmp_path, fix=False)
    assert (without.state, "doctor --fix" in without.todo) == ("warn", True)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    tried = dashboard(tmp_path, fix=True)
    assert (tried.state, "npm says:" in tried.seen) == ("warn", True)


def test_what_the_service_asks_of_a_gateway_is_held_against_what_it_may() -> None:
    def status(used: float | None, session: Session | None = None) -> Status:
        gateway = GatewayState(
            gateway="g", is_up=True, requests_per_second=used, max_requests_per_second=45
        )
        return Status(
            environment="paper",
            version="1",
            server_time=AT,
            gateways=(gateway,),
            session=session,
        )

    assert states(list(status_checks(status(12)))) == ["ok"]
    assert states(list(status_checks(status(44)))) == ["warn"]
    assert states(list(status_checks(status(None)))) == []
    shut = Session(is_open=False, opens_at=AT)
    (market, _) = status_checks(status(0, shut))
    assert market.seen == "closed until Mon 00:00 UTC: orders rest until then"


@pytest.mark.parametrize(
    ("now", "state", "due"),
    [
        ("2026-03-09T14:30:00+00:00", "ok", "Sunday 15 March, 01:00"),
        ("2026-03-14T20:00:00+00:00", "warn", "Sunday 15 March, 01:00"),
        ("2026-03-15T05:00:00+00:00", "ok", "Sunday 22 March, 01:00"),
    ],
)
def test_the_weekly_login_is_announced_half_a_day_before(
    now: str, state: str, due: str
) -> None:
    check = weekly_login(datetime.fromisoformat(now))

    assert (check.state, due in check.seen) == (state, True)
