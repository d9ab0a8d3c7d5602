"""twsim: a simulated IB Gateway that speaks the TWS wire protocol.

Owns: the names a user of the package imports. Knows nothing of paperdesk.
"""

from twsim.clock import ManualClock
from twsim.faults import FaultError, FaultPlan, FaultRecord
from twsim.gateway import Gateway
from twsim.scenario import Scenario, ScenarioError
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
]
