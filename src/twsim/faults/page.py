"""The page of faults for people, written from the catalogue.

Owns: `page`, which is docs/twsim-faults.md, and the list of what no source says. Does not
know any file: whoever runs the module says where its output goes.
"""

from __future__ import annotations

import sys
from typing import Final

from twsim.faults.catalogue import CATALOGUE
from twsim.faults.kinds import Fault

# What no recording, document or issue says; each is a guess that a user should know of.
ASSUMPTIONS: Final = (
    "Orders and cancels wait in a gateway without broker; 1102 sends them, 1101 drops them.",
    "What a network loses does not come back: after L09 and L10 the line is cut.",
    "A gateway that restarts never gives the id of a working order to another one.",
    "C02 without a delay waits for the next 9:30 of a weekday in New York; holidays count.",
    "O07 and O06 say `Rejected by a fault.` after the real words `Order rejected - reason:`.",
    "P04 is told with the words of 2148 that users report; a real one comes minutes before.",
)

_INTRODUCTION: Final = """# The faults of twsim

Everything that goes wrong between a client, a gateway and the broker can go wrong here, on demand.
This page is written from the code; `make docs` writes it anew. `twsim faults` prints the same list.

## Three ways to ask

A call on the gateway, for a test:

```python
gateway.inject("O03", symbol="AAPL", delay=5, times=1)
gateway.inject("L01", delay=10)  # strikes at once
gateway.fault_log()              # which struck when, and on whose order
gateway.inject("O03", rate="0.05", symbol="AAPL")  # by chance, from now on
gateway.clear_faults()           # nothing strikes any more; what was withheld arrives
```

A plan with rates, for many runs. The same seed and the same messages give the same faults:

```python
Gateway(faults=FaultPlan(seed=7, rates={"O03": 0.05, "L11:delay=2": 0.01}))
```

The command line, once or by rate: `twsim --fault O03:symbol=AAPL,delay=5 --fault L04@0.01
--fault-seed 7`.

Every fault takes these beside its own parameters:

| parameter | what it means |
|---|---|
| `symbol`, `account`, `client` | strike only there |
| `times` | how often, 1 by default; 0 is always |
| `on` | where to strike, one of the points of the table; the first one by default |

`now` strikes when it is asked for, or when a scenario says so. A plan draws at the first point that
is not `now`, and draws each parameter that is not set from its range, up to twice the default.

## Scenarios

A scenario is a text of lines, for `--scenario FILE` and `Gateway(scenario=...)`. Each says when, and
what; `#` begins a comment. Times are seconds from the start (`2.5`, `90s`, `5m`, `8h`, `1d`) or the
next such time in New York (`23:45`). `on place 3` is the third new order, `on place` every one,
`on place 3 AAPL` the third of AAPL.

```text
at 2.5: set_price AAPL 151.20
at 90s: hold AAPL
at 5m: release AAPL
at 23:45: inject A02 on=now delay=60
on connect: notify 2104
on place 3: inject O03 delay=5
on cancel 1 MSFT: silence
```

| action | what it does |
|---|---|
| `set_price SYMBOL PRICE`, `set_size SYMBOL SHARES` | move the market; 0 shares are the usual ones |
| `hold [SYMBOL]`, `release [SYMBOL]` | let orders work without trading, and again |
| `reject CODE TEXT` | refuse the next order |
| `notify CODE [TEXT]` | say a notice to every client, without text in IB's words |
| `inject ID [name=value ...]`, `clear_faults` | faults |
| `disconnect` | cut every line; clients may come back at once |
| `silence`, `resume` | freeze the gateway, and thaw it |
| `advance SECONDS` | let time pass, on a ManualClock |

These come with twsim, by name: `nightly_restart`, `connection_kept` (1100, 1102), `connection_lost`
(1100, 1101), `connection_dead` (1100 and no more).

## The catalogue
"""


def page() -> str:
    """Return the whole page."""
    rows = "\n".join(_row(fault) for fault in CATALOGUE.values())
    guesses = "\n".join(f"- {guess}" for guess in ASSUMPTIONS)
    return (
        f"{_INTRODUCTION}\n"
        "| id | strikes on | what happens | parameters |\n|---|---|---|---|\n"
        f"{rows}\n\n## Assumptions\n\n{guesses}\n"
    )


def _row(fault: Fault) -> str:
    points = ", ".join(fault.points)
    parameters = ", ".join(f"`{parameter}`" for parameter in fault.parameters)
    return (
        f"| {fault.id} | {points} | {fault.words} | {parameters.replace('|', chr(92) + '|')} |"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
