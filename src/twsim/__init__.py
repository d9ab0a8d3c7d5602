"""twsim: a simulated IB Gateway that speaks the TWS wire protocol.

Owns: the names a user of the package imports, each loaded when it is first wanted, for
pytest imports this package in every run of whoever has it installed. Knows nothing of
paperdesk.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from twsim.clock import ManualClock
    from twsim.faults import FaultError, FaultPlan, FaultRecord
    from twsim.gateway import Gateway
    from twsim.scenario import Scenario, ScenarioError
    from twsim.threaded import ThreadedGateway
    from twsim.transcript import Direction, Frame

__all__ = [
    "Direction",
    "FaultError",
    "FaultPlan",
    "FaultRecord",
    "Frame",
    "Gateway",
    "ManualClock",
    "Scenario",
    "ScenarioError",
    "ThreadedGateway",
]

_HOMES: Final[Mapping[str, str]] = {
    "Direction": "twsim.transcript",
    "FaultError": "twsim.faults",
    "FaultPlan": "twsim.faults",
    "FaultRecord": "twsim.faults",
    "Frame": "twsim.transcript",
    "Gateway": "twsim.gateway",
    "ManualClock": "twsim.clock",
    "Scenario": "twsim.scenario",
    "ScenarioError": "twsim.scenario",
    "ThreadedGateway": "twsim.threaded",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
