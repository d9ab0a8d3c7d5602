from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from paperdesk.config import DeskSettings, Settings, load_settings
from paperdesk.domain.limits import UNLIMITED, Limits
from paperdesk.domain.vocabulary import ForeignOrders, Keep, PositionBreaks, Scope, Symbol
from paperdesk.errors import ConfigError

PAGE = Path(__file__).parents[4] / "docs/paper-account.md"
KEY_HASH = "ab" * 32
GATEWAY = '[[gateways]]\naccounts = ["DU8730189"]\n'
LIMITS = "[limits.DU8730189]\n"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nobody listens here
BEHIND = "[server]\nbehind_proxy = true\n"
CLIENT = (
    f'[[clients]]\nname = "client1"\nkey_sha256 = "{KEY_HASH}"\n'
    'scopes = ["trade"]\naccounts = ["DU8730189"]\n'
)


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(toml: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    path = Path("given.toml")
    path.write_text(toml)
    return load_settings(path, environ or {})


def problems(toml: str = "", environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        load(toml, environ)
    return raised.value.detail


def test_without_anything_the_embedded_gateway_and_its_two_accounts_are_meant() -> None:
    settings = load_settings(None, {})

    assert settings.is_embedded
    assert settings.accounts == ("DU8730189", "DUP203550")
    assert settings.default_account == "DU8730189"
    assert settings.ledger.path == Path(".paperdesk/paperdesk.db")
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)


def test_the_file_of_the_working_directory_is_used() -> None:
    Path("paperdesk.toml").write_text("[server]\nport = 8123\n")

    assert load_settings(None, {}).server.port == 8123


def test_every_key_of_the_contract_is_understood() -> None:
    settings = load(
        f"""
        default_account = "DU8730189"
        [server]
        host = "127.0.0.1"
        port = 8000
        [ledger]
        url = "sqlite:///other.db"
        [[gateways]]
        host = "gateway.example"
        port = 7497
        client_id = 18
        accounts = ["DU8730189", "DUP203550"]
        max_requests_per_second = 40
        [[clients]]
        name = "client1"
        key_sha256 = "{KEY_HASH.upper()}"
        scopes = ["trade", "audit"]
        accounts = ["DU8730189"]
        [desk]
        ack_timeout = 2.5
        max_send_delay = 30
        keep = "exact"
        foreign_orders = "refuse"
        position_breaks = "lock"
        resolve_seconds = 0.5
        halt_after_rejections = 3
        halt_after_ledger_loss = 2.5
        [limits.DU8730189]
        max_order_quantity = 10000
        max_order_notional = 250000
        max_position_notional = 500000.10
        max_gross_notional = 2e6
        max_orders_per_minute = 3000
        price_collar_pct = 0.1
        allow_short = false
        symbols = ["AAPL", "brk.b"]
        """
    )

    gateway, client = settings.gateways[0], settings.clients[0]
    assert (gateway.host, gateway.port, gateway.client_id) == ("gateway.example", 7497, 18)
    assert gateway.max_requests_per_second == 40
    assert settings.accounts == ("DU8730189", "DUP203550")
    assert client.key_sha256 == KEY_HASH
    assert client.client.scopes == {Scope.TRADE, Scope.AUDIT}
    assert client.client.accounts == {"DU8730189"}
    assert settings.desk == DeskSettings(
        2.5, 30.0, Keep.EXACT, ForeignOrders.REFUSE, PositionBreaks.LOCK, 0.5, 3, 2.5
    )
    assert settings.ledger.path == Path("other.db")
    assert settings.limits == {
        "DU8730189": Limits(
            max_order_quantity=10_000,
            max_order_notional=Decimal(250_000),
            max_position_notional=Decimal("500000.1"),
            max_gross_notional=Decimal(2_000_000),
            max_orders_per_minute=3_000,
            price_collar_pct=Decimal("0.1"),
            allow_short=False,
            symbols=frozenset({Symbol("AAPL"), Symbol("BRK B")}),
        )
    }


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_loopback_nothing_more_need_be_said(host: str) -> None:
    assert load(f'[server]\nhost = "{host}"\n').server.is_local


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "10.1.2.3", "desk.example"])
@pytest.mark.parametrize(
    "declared", ["behind_proxy = true", 'tls_certificate = "c.pem"\ntls_key = "k.pem"']
)
def test_beyond_loopback_a_proxy_or_a_certificate_is_declared(host: str, declared: str) -> None:
    server = load(f'[server]\nhost = "{host}"\n{declared}\n').server

    assert (server.host, server.is_local) == (host, False)
    assert server.behind_proxy != (server.tls_certificate == Path("c.pem"))


def test_a_host_on_the_command_line_is_judged_too() -> None:
    with pytest.raises(ConfigError, match="can be reached from other machines"):
        load_settings(None, {}, host=EVERYWHERE)


def test_trusted_proxies_are_addresses_and_networks() -> None:
    proxies = '["127.0.0.1", "10.0.0.0/24", "fd00::/64"]'
    environ = {
        "PAPERDESK_SERVER__BEHIND_PROXY": "true",
        "PAPERDESK_SERVER__TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/24, fd00::/64",
    }

    given = load(f"{BEHIND}trusted_proxies = {proxies}\n").server.trusted_proxies
    assert [str(network) for network in given] == ["127.0.0.1/32", "10.0.0.0/24", "fd00::/64"]
    assert load("", environ).server.trusted_proxies == given


def test_with_gateways_the_ledger_is_beside_the_file() -> None:
    assert load(GATEWAY).ledger.url == "sqlite:///paperdesk.db"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me@host/db",
        "postgres://me:secret@host:5433/db",
        "postgresql://me:a%2Fb%40c@[::1]:5432/db?sslmode=require",
        "postgresql://me@one:5432,two:5432/db",
        "postgresql:///db?host=/run/postgresql",
    ],
)
def test_a_ledger_may_be_a_postgresql_database(url: str) -> None:
    assert load(f'[ledger]\nurl = "{url}"\n').ledger.url == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:se/cret@host/db",
        "postgresql://me:1/cret@host/db",
        "postgresql://me:se@cret@host/db",
        "postgresql://me:se:cret@host/db",
        "postgresql://me:se?cret@host/db",
        "postgresql://me:se#cret@host/db",
        "postgresql://me:cret@host:port/db",
        "postgresql://me:cret@host",
        "postgresql+psycopg://me:cret@host/db",
    ],
)
def test_a_url_that_would_be_misread_is_refused_without_its_password(url: str) -> None:
    told = problems(f'[ledger]\nurl = "{url}"\n')

    assert "postgresql://user@host/database" in told
    assert "cret" not in told


def test_settings_that_are_printed_do_not_show_the_ledgers_password() -> None:
    settings = load('[ledger]\nurl = "postgresql://me:secret@host/db"\n')

    assert "secret" not in repr(settings)


def test_the_only_account_is_the_default_one() -> None:
    assert load('[[gateways]]\naccounts = ["DU1234567"]\n').default_account == "DU1234567"


def test_the_environment_overrides_the_file_and_the_command_line_both() -> None:
    path = Path("given.toml")
    path.write_text(GATEWAY + "port = 4003\n[server]\nport = 8001\n")
    environ = {
        "PAPERDESK_SERVER__PORT": "8002",
        "PAPERDESK_GATEWAYS__0__PORT": "4004",
        "PAPERDESK_DESK__ACK_TIMEOUT": "1.5",
        "SOMETHING_ELSE": "x",
    }

    assert load_settings(path, environ).server.port == 8002
    assert load_settings(path, environ).gateways[0].port == 4004
    assert load_settings(path, environ).desk.ack_timeout == 1.5
    overridden = load_settings(path, environ, host="localhost", port=0).server
    assert (overridden.host, overridden.port) == ("localhost", 0)


def test_gateways_and_clients_can_come_from_the_environment_alone() -> None:
    settings = load_settings(
        None,
        {
            "PAPERDESK_GATEWAYS__0__ACCOUNTS": "DU1111111, DU2222222",
            "PAPERDESK_GATEWAYS__1__ACCOUNTS__0": "DU3333333",
            "PAPERDESK_GATEWAYS__1__PORT": "4003",
            "PAPERDESK_DEFAULT_ACCOUNT": "DU3333333",
            "PAPERDESK_CLIENTS__0__NAME": "robot",
            "PAPERDESK_CLIENTS__0__KEY_SHA256": KEY_HASH,
            "PAPERDESK_CLIENTS__0__SCOPES": "read",
            "PAPERDESK_CLIENTS__0__ACCOUNTS": "DU1111111",
        },
    )

    assert settings.accounts == ("DU1111111", "DU2222222", "DU3333333")
    assert settings.gateways[1].port == 4003
    assert settings.clients[0].client.name == "robot"


@pytest.mark.parametrize(
    ("toml", "environ", "words"),
    [
        ("[server]\nprot = 1\n", {}, "server.prot (given.toml): unknown key prot; did you mean port?"),
        ("", {"PAPERDESK_SERVER__PROT": "1"}, "PAPERDESK_SERVER__PROT: unknown key prot; did you"),
        ("", {"PAPERDESK_ZZZ": "1"}, "PAPERDESK_ZZZ: unknown key zzz; known: default_account"),
        (GATEWAY + "acounts = 1\n", {}, "gateways[0].acounts (given.toml): unknown key"),
        (GATEWAY, {"PAPERDESK_GATEWAYS__4__PORT": "1"}, "gateways"),
        ("server = 3\n", {}, "server (given.toml): is a section"),
        ("", {"PAPERDESK_DEFAULT_ACCOUNT__X": "1"}, "must be a value, not a section"),
        ("[gateways]\nport = 1\n", {}, "write [[gateways]]"),
        ("gateways = [1]\n", {}, "write [[gateways]]"),
        ("gateways = 1\n", {}, "write [[gateways]]"),
        ("server = 3\n", {"PAPERDESK_SERVER__PORT": "1"}, "server has a value already"),
    ],
)  # fmt: skip
def test_an_unknown_key_stops_the_start_and_is_named_with_its_place(
    toml: str, environ: dict[str, str], words: str
) -> None:
    assert words in problems(toml, environ)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[server]\nhost = "0.0.0.0"\n', '"0.0.0.0" can be reached from other machines: give'),
        ('[server]\nhost = "::"\n', '"::" can be reached from other machines: give'),
        ('[server]\nhost = "10.1.2.3"\n', "or say server.behind_proxy = true where a proxy with"),
        ('[server]\nhost = "example.com"\n', '"example.com" can be reached from other machines'),
        ('[server]\nhost = "1.2.3"\n', "neither an address nor a name of one"),
        ('[server]\nhost = "a b"\n', "neither an address nor a name of one"),
        ('[server]\ntls_certificate = "c.pem"\n', "server.tls_key: is missing: a certificate and"),
        ('[server]\ntls_key = "k.pem"\n', "server.tls_certificate: is missing: a certificate"),
        ('[server]\ntls_key = ""\n', "must be text"),
        ('[server]\nbehind_proxy = "yes"\n', "must be true or false"),
        ('[server]\ntrusted_proxies = ["10.0.0.1"]\n', "say server.behind_proxy = true, or remove"),
        (BEHIND + 'trusted_proxies = ["proxy"]\n', '"proxy" is no address and no network'),
        (BEHIND + 'trusted_proxies = ["10.0.0.1/8"]\n', "is no address and no network"),
        (BEHIND + 'trusted_proxies = ["0.0.0.0/0"]\n', "is everybody: name the addresses of"),
        (BEHIND + 'trusted_proxies = "10.0.0.1"\n', "must be a list"),
        ("[server]\nport = 70000\n", "from 0 to 65535"),
        ("[server]\nport = true\n", "from 0 to 65535"),
        ("[server]\nport = 80.0\n", "from 0 to 65535"),
        ('[ledger]\nurl = "mysql://me@host/db"\n', "or postgresql://user@host/database"),
        ('[ledger]\nurl = "postgresql://me@host"\n', "must be postgresql://user@host/database"),
        ('[ledger]\nurl = "sqlite:///:memory:"\n', "the path of a file"),
        ('[ledger]\nurl = "sqlite://"\n', "the path of a file"),
        ('[ledger]\nurl = "mysql://x"\n', "the path of a file"),
        ('default_account = "U1234567"\n', "paper accounts only"),
        ('default_account = ""\n', "must be text"),
        ('default_account = "DU9999999"\n', "is under no gateway"),
        ('[[gateways]]\naccounts = ["U1234567"]\n', "paper accounts only"),
        ("[[gateways]]\naccounts = []\n", "at least one entry"),
        ('[[gateways]]\naccounts = ["DU1234567", "DU1234567"]\n', "an entry twice"),
        ("[[gateways]]\nport = 4002\n", "gateways[0].accounts: is missing"),
        (GATEWAY + "client_id = 0\n", "from 1 to"),
        (GATEWAY + "max_requests_per_second = 51\n", "from 1 to 50"),
        (GATEWAY + 'host = " "\n', "must be text"),
        ('[[gateways]]\naccounts = ["DU1111111", "DU2222222"]\n', "default_account: is missing"),
        (GATEWAY + GATEWAY + "port = 4003\n", "DU8730189 is under two gateways"),
        (GATEWAY + '[[gateways]]\naccounts = ["DU2222222"]\n', "127.0.0.1:4002 with client_id"),
        (CLIENT.replace("DU8730189", "DU7777777"), "names DU7777777, which is under no gateway"),
        (CLIENT + CLIENT, "two are named client1"),
        (CLIENT + CLIENT, "two have the same key"),
        (CLIENT.replace("client1", "a b"), "must be 1 to 64 of the characters"),
        (CLIENT.replace('"trade"', '"trad"'), '"trad" is no scope: use read, trade, audit'),
        (CLIENT.replace('["trade"]', '"trade"'), "must be a list"),
        ("[[clients]]\n", "clients[0].key_sha256: is missing"),
        ("[desk]\nack_timeout = nan\n", "number of seconds from 0.1 to 60"),
        ("[desk]\nack_timeout = 0\n", "number of seconds from 0.1 to 60"),
        ("[desk]\nmax_send_delay = true\n", "number of seconds"),
        ('[desk]\nkeep = "never"\n', 'must be one of "within_tolerance", "exact"'),
        ("[desk]\nforeign_orders = 1\n", 'must be one of "count", "ignore", "refuse"'),
        ('[desk]\nposition_breaks = ""\n', 'must be one of "adopt", "lock"'),
        ("[desk]\nresolve_seconds = 0.4\n", "number of seconds from 0.5 to 3600"),
        ("[desk]\nack_timeout = 1e999999\n", "number of seconds from 0.1 to 60"),
        ("[desk]\nack_timeout = 1e99999999999999999999\n", "a number that nothing can hold"),
        ("[server\n", "is not valid TOML"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_honoured_stops_the_start(toml: str, words: str) -> None:
    assert words in problems(toml)


@pytest.mark.parametrize("word", ["within_tolerance", "exact"])
def test_a_choice_is_one_of_its_words(word: str) -> None:
    assert load(f'[desk]\nkeep = "{word}"\n').desk.keep is Keep(word)


def test_an_account_without_limits_has_none() -> None:
    assert load().limits == {}
    assert load("[limits.DU8730189]\n").limits == {"DU8730189": UNLIMITED}


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("max_order_quantity", 1_000_000_000),
        ("max_order_notional", 1_000_000_000_000_000),
        ("max_orders_per_minute", 1_000_000),
        ("price_collar_pct", 100),
    ],
)
def test_a_limit_may_be_so_much_and_no_more(name: str, most: int) -> None:
    (limits,) = load(f"{LIMITS}{name} = {most}\n").limits.values()

    assert getattr(limits, name) == most
    assert f"limits.DU8730189.{name}" in problems(f"{LIMITS}{name} = {most + 1}\n")


def test_the_environment_sets_limits_beside_and_over_the_files() -> None:
    environ = {
        "PAPERDESK_LIMITS__DU8730189__MAX_ORDER_QUANTITY": "10",
        "PAPERDESK_LIMITS__DU8730189__MAX_ORDER_NOTIONAL": "0.10",
        "PAPERDESK_LIMITS__DUP203550__ALLOW_SHORT": "False",
        "PAPERDESK_LIMITS__DUP203550__SYMBOLS": "msft, aapl",
    }

    limits = load(f"{LIMITS}max_order_quantity = 5\nallow_short = false\n", environ).limits

    assert limits == {
        "DU8730189": Limits(
            max_order_quantity=10, max_order_notional=Decimal("0.1"), allow_short=False
        ),
        "DUP203550": Limits(
            allow_short=False, symbols=frozenset({Symbol("MSFT"), Symbol("AAPL")})
        ),
    }


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (
            LIMITS + "max_ordr_quantity = 1\n",
            "limits.DU8730189.max_ordr_quantity (given.toml): unknown key max_ordr_quantity; did",
        ),
        (LIMITS + "max_order_quantity = 0\n", "a whole number from 1 to 1000000000"),
        (LIMITS + "max_order_quantity = 10.0\n", "a whole number from 1 to 1000000000"),
        (LIMITS + "max_orders_per_minute = true\n", "a whole number from 1 to 1000000"),
        (LIMITS + "max_order_notional = 0\n", "above 0 and at most 1,000,000,000,000,000"),
        (LIMITS + "max_position_notional = nan\n", "must be a number above 0"),
        (LIMITS + "max_gross_notional = inf\n", "must be a number above 0"),
        (LIMITS + "max_gross_notional = true\n", "must be a number above 0"),
        (LIMITS + 'max_gross_notional = "1"\n', "must be a number above 0"),
        (LIMITS + "max_gross_notional = 0.000000001\n", "with at most 8 decimals"),
        (LIMITS + "price_collar_pct = 100.01\n", "above 0 and at most 100, with"),
        (LIMITS + 'allow_short = "false"\n', "must be true or false"),
        (LIMITS + "allow_short = 0\n", "must be true or false"),
        (LIMITS + "symbols = []\n", "must be a list with at least one entry"),
        (LIMITS + 'symbols = ["BRK.B", "BRK B"]\n', "names an entry twice"),
        (LIMITS + 'symbols = ["A\\tB"]\n', "is no symbol"),
        ("limits = 3\n", "limits (given.toml): is a table of sections: write [limits.NAME]"),
        ("[limits]\nallow_short = true\n", "limits.allow_short (given.toml): belongs in a section"),
        ("[limits.U1234567]\nallow_short = true\n", "limits.U1234567 (given.toml): "),
        ("[limits.DU7777777]\n", "limits.DU7777777: is under no gateway: add it there or remove"),
        (LIMITS + "[limits.du8730189]\n", "is a second section of this account: keep one"),
    ],
)  # fmt: skip
def test_a_limit_that_could_be_misread_stops_the_start(toml: str, words: str) -> None:
    assert words in problems(toml)


def test_a_variable_that_sets_no_limit_is_named() -> None:
    wrong = "PAPERDESK_LIMITS__DU8730189__MAX_ORDER_QUANTITY"
    unknown = "PAPERDESK_LIMITS__U1234567__ALLOW_SHORT"
    said = problems("", {wrong: "1e3", unknown: "true"})

    assert f"{wrong}: must be a whole number" in said
    assert f'{unknown}: "U1234567" is not the id of a paper account' in said


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        load("[server]\nport = 0.5\nhots = 1\n[desk]\nack_timeout = 99\n")

    assert [error.field for error in raised.value.errors] == [
        "server.port (given.toml)",
        "server.hots (given.toml)",
        "desk.ack_timeout (given.toml)",
    ]


def test_a_key_put_where_its_hash_belongs_is_not_repeated() -> None:
    assert "my-secret" not in problems(CLIENT.replace(KEY_HASH, "my-secret"))


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read_is_named(content: bytes | None) -> None:
    path = Path("missing.toml")
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"missing\.toml"):
        load_settings(path, {})


def test_the_pages_example_works_with_a_key_of_ones_own_only() -> None:
    """A key that everybody can read must never be one that opens an account."""
    page = PAGE.read_text(encoding="utf-8").partition("## A key of your own")[2]
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (command,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    made = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=True
    )
    key, key_sha256 = (line.split()[1] for line in made.stdout.splitlines())

    (refused,) = problems(example).splitlines()[1:]
    assert "clients[0].key_sha256" in refused
    assert key_sha256 == hashlib.sha256(key.encode()).hexdigest()
    (client,) = load(re.sub('"PUT .*"', f'"{key_sha256}"', example)).clients
    assert client.key_sha256 == key_sha256
