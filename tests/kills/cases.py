"""The cases: what leads to each crash point, and what must have become of it afterwards.

Owns: the table. Knows nothing of processes: `killing` runs a case.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kills.actors import ACCOUNT, Client

FILLS_WITHIN_SECONDS = 10.0
AAPL: dict[str, Any] = {"symbol": "AAPL", "quantity": 100}
MSFT: dict[str, Any] = {"symbol": "MSFT", "quantity": 30}
RESTING: dict[str, Any] = AAPL | {"limit_price": 90}
PARTLY: dict[str, Any] = AAPL | {"limit_price": 150.03}

# Three levels of ten shares are within the limit, and nothing trades after the first fill; a
# second order trades again.
IN_PART = """
on place 1 AAPL: set_price AAPL 150.00
on place 1 AAPL: set_size AAPL 10
on fill 1 AAPL: hold AAPL
on place 2 AAPL: release AAPL
"""


def send(client: Client) -> None:
    """Submit two market orders whose contracts are known, so that one claim takes both."""
    client.ask("POST", "/api/v1/orders/preview", json={"orders": [AAPL, MSFT]})
    client.post("first", AAPL, MSFT)


def send_one(client: Client) -> None:
    """Submit one market order."""
    client.post("first", AAPL)


def rest(client: Client) -> None:
    """Submit a limit order that works and never trades."""
    client.post("first", RESTING)


def withdraw(client: Client) -> None:
    """Withdraw a batch whose order has filled in part."""
    batch_id = _filled_in_part(client)
    client.ask("DELETE", f"/api/v1/orders/{batch_id}")


def replace(client: Client) -> None:
    """Post another target while an order works that has filled in part."""
    _filled_in_part(client)
    client.post("second", AAPL | {"quantity": 200})


def halt(client: Client) -> None:
    """Halt the account and cancel the order that works in it."""
    rest(client)
    client.ask(
        "POST",
        f"/api/v1/accounts/{ACCOUNT}/halt",
        json={"reason": "a test", "mode": "all", "cancel_working": True},
    )


def _filled_in_part(client: Client) -> str:
    batch_id = str(client.post("first", PARTLY)["batch_id"])
    deadline = time.monotonic() + FILLS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        row = client.api.get(f"/api/v1/orders/{batch_id}")["orders"][0]
        if 0 < row["filled_qty"] < AAPL["quantity"]:
            return batch_id
        time.sleep(0.05)
    raise AssertionError(f"never filled in part: {row}")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kill, or several in a row, and what is made of it.

    `arms` are the crash points of the starts that must die, the first of which the client
    drives there. `outcomes` are, row by row, what each order may have become before anybody
    does anything but ask again; `frames` how many may have reached the gateway.
    """

    name: str
    arms: tuple[str, ...]
    drive: Callable[[Client], None]
    outcomes: tuple[str, ...]
    frames: tuple[str, ...]
    fault: str = ""
    scenario: str = ""
    is_halted: bool = False

    def options(self, folder: Path) -> tuple[str, ...]:
        """Return the options of the gateway."""
        options: tuple[str, ...] = ("--fault", self.fault) if self.fault else ()
        if self.scenario:
            script = folder / "scenario.txt"
            script.write_text(self.scenario, encoding="utf-8")
            options = (*options, "--scenario", str(script))
        return options


def _sent(point: str, outcomes: str = "Filled Filled", frames: str = "1 1") -> Case:
    """Two market orders on their way. What is joined by | may be either."""
    return Case(
        name=point,
        arms=(point,),
        drive=send,
        outcomes=tuple(outcomes.split()),
        frames=tuple(frames.split()),
    )


def _one(point: str, fault: str = "", outcome: str = "Filled") -> Case:
    return Case(
        name=point,
        arms=(point,),
        drive=send_one,
        fault=fault,
        outcomes=(outcome,),
        frames=("1",),
    )


def _resting(name: str, *arms: str) -> Case:
    return Case(
        name=name,
        arms=arms,
        drive=rest,
        fault="L05" if len(arms) == 1 else "",
        outcomes=("Submitted|PreSubmitted",),
        frames=("1",),
    )


# A gateway that was killed too holds nothing back: the order may fill before its cancel comes.
_ENDED = "Cancelled|Filled"

CASES: tuple[Case, ...] = (
    *(_sent(f"CP0{n}") for n in (1, 2, 3)),
    _one("CP04"),
    *(_sent(f"CP0{n}") for n in (5, 6, 7, 8)),
    _sent("CP09", "not-placed not-placed", "0 0"),
    _sent("CP10", "Filled not-placed", "1 0"),
    *(_sent(f"CP{n}") for n in (11, 12, 13, 14, 15, 16)),
    _one("CP17", "E02:change=quantity,delay=0.5"),
    *(
        Case(
            name=f"{point}-{drive.__name__}",
            arms=(point,),
            drive=drive,
            scenario=IN_PART,
            outcomes=(_ENDED, "Filled") if drive is replace else (_ENDED,),
            frames=("1", "1") if drive is replace else ("1",),
        )
        for point, drive in (
            ("CP18", withdraw),
            ("CP19", withdraw),
            ("CP20", withdraw),
            ("CP19", replace),
            ("CP20", replace),
        )
    ),
    *(_resting(f"CP2{n}", f"CP2{n}") for n in (1, 2, 3, 4)),
    *(_one(f"CP2{n}", "L04", "not-placed") for n in (5, 6)),
    _resting("CP27", "CP10", "CP27", "CP22", "CP23", "CP27", "CP24"),
    Case(
        name="CP28",
        arms=("CP28",),
        drive=halt,
        outcomes=("Submitted|PreSubmitted",),
        frames=("1",),
    ),
    Case(
        name="CP28:2",
        arms=("CP28:2",),
        drive=halt,
        outcomes=("Cancelled",),
        frames=("1",),
        is_halted=True,
    ),
)


def case_of(name: str) -> Case:
    """Return the case of that name."""
    (found,) = (case for case in CASES if case.name == name)
    return found
