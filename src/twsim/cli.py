"""The command `twsim`: a simulated IB Gateway alone, for any TWS API client.

Owns: its options, what they mean, its one line of output and its exit codes. Does not
know how the gateway works.
"""

from __future__ import annotations

import asyncio
import errno
import re
import signal
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, CycloptsError, Parameter

from twsim.data import listings
from twsim.gateway import Gateway, HoursWord, PositionRow, ScheduleWord
from twsim.wire.protocol import SERVER_VERSION_MAX, SERVER_VERSION_MIN

DEFAULT_ACCOUNT: Final = "DU8730189"
DEFAULT_CASH: Final = Decimal(1_000_000)  # what a paper account starts with (§4.5)
DEFAULT_PORT: Final = 4002  # the paper port of a real IB Gateway (§1.5)
_PORT_MAX: Final = 65535
_ACCOUNT: Final = re.compile(r"([A-Z]{1,3}[0-9]{4,12})(?:=([0-9]{1,15}(?:\.[0-9]{1,2})?))?")
_POSITION: Final = re.compile(
    r"([A-Z0-9]+):([A-Z0-9 .-]{1,32}):(-?[0-9]{1,9})@([0-9]{1,9}(?:\.[0-9]{1,8})?)"
)

app = App(
    name="twsim",
    help="A simulated IB Gateway: connect any TWS API client to it.",
    version_flags=[],
)


class OptionError(ValueError):
    """An option whose value makes no sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line, understood."""

    host: str
    port: int
    accounts: dict[str, Decimal]
    positions: list[PositionRow]
    seed: int
    state: Path | None
    server_version: int
    trace: bool
    hours: HoursWord
    prices: Path | None
    commissions: ScheduleWord
    fees: bool


@app.default
def twsim(  # noqa: PLR0913 - an option each
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    account: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    position: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    seed: int = 0,
    state: Path | None = None,
    server_version: int = SERVER_VERSION_MAX,
    trace: Annotated[bool, Parameter(negative="")] = False,
    hours: HoursWord = "always",
    prices: Path | None = None,
    commissions: ScheduleWord = "tiered",
    fees: Annotated[bool, Parameter(negative="")] = False,
) -> Options:
    """Serve simulated paper accounts until Ctrl-C.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        account: ID[=CASH], repeatable; DU8730189 with 1,000,000 where none is given.
        position: ID:SYMBOL:QTY@AVGCOST, repeatable; a negative QTY is a short position.
        seed: Another seed gives other prices.
        state: Keep accounts, orders and executions in this file, over restarts.
        server_version: Highest server version to announce, as 157, 176 or 178.
        trace: Write every frame of the wire to standard error, one line each.
        hours: When the exchange is open; real are those of the NYSE, half days included.
        prices: Replay this CSV file from the first start on: time,symbol,price[,bid,ask,size].
        commissions: What IBKR takes of each order, by its tiered or its fixed schedule.
        fees: Add the regulators' fees to tiered commissions; fixed ones always have them.
    """
    if not 0 <= port <= _PORT_MAX:
        raise OptionError(f"--port {port}: not between 0 and {_PORT_MAX}")
    if not SERVER_VERSION_MIN <= server_version <= SERVER_VERSION_MAX:
        between = f"{SERVER_VERSION_MIN} and {SERVER_VERSION_MAX}"
        raise OptionError(f"--server-version {server_version}: not between {between}")
    accounts = dict(_account(text) for text in account) or {DEFAULT_ACCOUNT: DEFAULT_CASH}
    return Options(
        host=host,
        port=port,
        accounts=accounts,
        positions=[_position(text, accounts) for text in position],
        seed=seed,
        state=state,
        server_version=server_version,
        trace=trace,
        hours=hours,
        prices=prices,
        commissions=commissions,
        fees=fees,
    )


def _account(text: str) -> tuple[str, Decimal]:
    match = _ACCOUNT.fullmatch(text)
    if match is None:
        raise OptionError(f"--account {text}: not ID or ID=CASH, as DU8730189=1000000")
    return match[1], Decimal(match[2]) if match[2] else DEFAULT_CASH


def _position(text: str, accounts: dict[str, Decimal]) -> PositionRow:
    match = _POSITION.fullmatch(text)
    if match is None:
        raise OptionError(
            f"--position {text}: not ID:SYMBOL:QTY@AVGCOST, as DU8730189:AAPL:50@148.5"
        )
    account, written, quantity, cost = match.groups()
    symbol = written.replace(".", " ")  # IBKR's spelling of share classes
    if account not in accounts:
        raise OptionError(f"--position {text}: there is no account {account}")
    if all(listing.symbol != symbol for listing in listings()):
        raise OptionError(f"--position {text}: there is no symbol {written}")
    return account, symbol, int(quantity), Decimal(cost)


async def serve(options: Options) -> None:
    """Run a gateway until a signal ends it. Raises as `Gateway.start` does."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    gateway = Gateway(
        accounts=options.accounts,
        positions=options.positions,
        host=options.host,
        port=options.port,
        seed=options.seed,
        state=options.state,
        server_version=options.server_version,
        trace=_write_trace if options.trace else None,
        hours=options.hours,
        prices=options.prices,
        commissions=options.commissions,
        fees=options.fees,
        frames_max=0,  # nobody is here to read them
    )
    async with gateway:
        sys.stdout.write(f"twsim listening on {gateway.host}:{gateway.port}\n")
        sys.stdout.flush()
        await ended.wait()


def _write_trace(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0, 1 where it cannot run, 2 for bad options."""
    try:
        options = app(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except (CycloptsError, OptionError) as error:
        return _complain(" ".join(str(error).split()), 2)
    if not isinstance(options, Options):
        return 0  # the help was asked for, and printed
    try:
        asyncio.run(serve(options))
    except OSError as error:
        return _complain(_why(error, options), 1)
    except ValueError as error:
        return _complain(str(error), 1)
    return 0


def _why(error: OSError, options: Options) -> str:
    address = f"{options.host}:{options.port}"
    if error.errno == errno.EADDRINUSE:
        return f"{address} is already in use; --port 0 picks a free port"
    return f"cannot serve on {address}: {error.strerror or error}"


def _complain(words: str, code: int) -> int:
    sys.stderr.write(f"twsim: {words}\n")
    return code
