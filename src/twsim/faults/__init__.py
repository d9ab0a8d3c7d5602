"""Faults on demand: what goes wrong between a client and a gateway, when somebody asks.

Owns: the names that the rest of twsim imports. Does not know sockets.
"""

from twsim.faults.catalogue import CATALOGUE
from twsim.faults.kinds import Fault, FaultError, Point
from twsim.faults.plan import FaultPlan, FaultRecord, parse_fault

__all__ = [
    "CATALOGUE",
    "Fault",
    "FaultError",
    "FaultPlan",
    "FaultRecord",
    "Point",
    "parse_fault",
]
