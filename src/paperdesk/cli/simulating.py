"""`paperdesk sim`: moving the embedded simulated gateway; `paperdesk demo`: all of it in one go.

Owns: their options, the sample portfolio, and what is said of each step. Knows nothing of what a
fault does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from paperdesk import __version__
from paperdesk.cli.following import conclude, follow
from paperdesk.cli.options import Config, Json, Url
from paperdesk.cli.output import plain, say, write
from paperdesk.cli.remote import connect, place_of
from paperdesk.errors import BadRequest

app: Final = App(
    name="sim", help="Move the embedded simulated gateway: prices, faults, lost lines."
)

PORT: Final = 8000
# Of twsim's symbols: large, and of both sides.
PORTFOLIO: Final = {
    "AAPL": 120, "MSFT": -80, "NVDA": 150, "AMZN": 90, "GOOGL": 70, "META": 40, "BRK B": 50,
    "JPM": 60, "V": 45, "XOM": -100, "KO": 200, "PG": 80, "JNJ": 65, "WMT": 110, "HD": -30,
    "COST": 15, "CVX": -70, "PEP": 55, "CSCO": 180, "IBM": 35,
}  # fmt: skip


@app.command
def price(
    symbol: str,
    price: float,
    /,
    *,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Set the last price of a symbol; the market walks on from it.

    Parameters
    ----------
    symbol
        The symbol.
    price
        The price in USD.
    """
    return _meddle(config, url, {"price": (symbol, price)}, as_json=as_json)


@app.command
def fault(
    code: str,
    /,
    *words: str,
    rate: Annotated[float | None, Parameter(name="--rate")] = None,
    config: Config = None,
    url: Url = None,
    as_json: Json = False,
) -> int:
    """Let a fault strike at its next opportunity, or by rate from now on.

    Parameters
    ----------
    code
        Of the catalogue that `twsim faults` prints, such as O03.
    words
        name=value, such as symbol=AAPL delay=5 times=1.
    rate
        Strike at this share of its opportunities, such as 0.05.
    """
    pairs = [word.partition("=") for word in words]
    if any(not equals for _, equals, _ in pairs):
        raise BadRequest("write each word of a fault as name=value, such as symbol=AAPL")
    named: dict[str, Any] = {"code": code, "rate": rate}
    named["parameters"] = {name: value for name, _, value in pairs}
    asked = {name: value for name, value in named.items() if value}
    return _meddle(config, url, {"fault": asked}, as_json=as_json)


@app.command
def clear(*, config: Config = None, url: Url = None, as_json: Json = False) -> int:
    """Heal: nothing strikes any more, and what was withheld arrives."""
    return _meddle(config, url, {"clear_faults": True}, as_json=as_json)


@app.command
def disconnect(*, config: Config = None, url: Url = None, as_json: Json = False) -> int:
    """Cut the line between gateway and service; the service connects again by itself."""
    return _meddle(config, url, {"drop_connections": True}, as_json=as_json)


def _meddle(
    config: Path | None, url: str | None, asked: dict[str, Any], *, as_json: bool
) -> int:
    with connect(place_of(url, config)) as client:
        done = client.simulate(**asked)
    if as_json:
        import json  # noqa: PLC0415 - seldom wanted

        write(json.dumps(plain(done), indent=2))
        return 0
    if done.price is not None:
        say(f"{done.price['symbol']} trades at {done.price['price']:,}.")
    waiting = ", ".join(done.faults) or "none"
    say(f"Faults that may still strike: {waiting}. {done.struck} struck so far.")
    return 0


def demo(
    *,
    port: Annotated[int, Parameter(name="--port")] = PORT,
    folder: Annotated[Path | None, Parameter(name="--folder")] = None,
    browser: Annotated[
        bool, Parameter(name="--browser", negative="--no-browser", show_default=False)
    ] = True,
    once: Annotated[bool, Parameter(name="--once", negative="", show_default=False)] = False,
) -> int:
    """Run everything simulated: a service, two paper accounts, a sample portfolio traded.

    Parameters
    ----------
    port
        The port of the service; 0 picks a free one.
    folder
        Where its data lives; ~/.local/share/paperdesk/demo without.
    browser
        Open the dashboard in a browser.
    once
        End when the sample portfolio is traded, instead of on Ctrl-C.
    """
    from paperdesk.client.simulating import serving  # noqa: PLC0415 - it starts processes

    home = folder or _data_home() / "demo"
    home.mkdir(parents=True, exist_ok=True)
    say(f"paperdesk {__version__} · simulated gateway · data in {home}")
    began = monotonic()
    with serving(home, port=port) as client:
        _step("server", f"{client.place.url}   {monotonic() - began:.1f} s")
        account = next(account for account in client.accounts() if account.default)
        worth = account.net_liquidation
        money = "" if worth is None else f" (${worth:,.0f} simulated)"
        _step("gateway", f"account {account.account_id}{money}")
        batch = client.submit(PORTFOLIO)
        _step("sample batch", f"{batch.batch_id}   {len(PORTFOLIO)} targets")
        code = conclude(follow(batch, None), as_json=False)
        say(_next_steps(client.place.url, home))
        if browser and sys.stdout.isatty():
            import webbrowser  # noqa: PLC0415 - only here

            webbrowser.open(client.place.url)
        while not once:
            sleep(3600)
    return code


def _data_home() -> Path:
    """Return where programs of this user keep their data (XDG Base Directory)."""
    named = os.environ.get("XDG_DATA_HOME")
    return (Path(named) if named else Path.home() / ".local/share") / "paperdesk"


def _step(name: str, words: str) -> None:
    say(f"✓ {name:<14} {words}")


def _next_steps(url: str, home: Path) -> str:
    return "\n".join(
        (
            f"  Dashboard      {url}/",
            f"  In another terminal:  cd {home}",
            "  Next           paperdesk positions · paperdesk targets · paperdesk sim disconnect",
            "  Ctrl-C stops.",
        )
    )
