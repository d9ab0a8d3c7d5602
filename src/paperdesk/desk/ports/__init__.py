"""The doors to the world, in the desk's words.

Owns: one name for each port and for what passes through it, wherever it is written down.
"""

from paperdesk.desk.ports.administration import Administration, AuditFilter
from paperdesk.desk.ports.broker import (
    Broker,
    BrokerListener,
    LineDown,
    NotSent,
    Overwhelmed,
    Quote,
)
from paperdesk.desk.ports.entries import (
    Claim,
    Decide,
    EventFilter,
    EventPage,
    ExecutionFilter,
    JudgeClaim,
    KeyRecord,
    Learned,
    Line,
    NewBatch,
    OpenBatch,
    Page,
    Progress,
    SlippageFilter,
    Stamp,
    Stopped,
    Submission,
    SymbolStamp,
    Unlisted,
)
from paperdesk.desk.ports.ledger import Ledger
from paperdesk.desk.ports.machine import Clock, Executor, Random
from paperdesk.desk.ports.meter import (
    UNMETERED,
    AccountNow,
    GatewayNow,
    Gauges,
    Meter,
    Moved,
)

__all__ = [
    "UNMETERED",
    "AccountNow",
    "Administration",
    "AuditFilter",
    "Broker",
    "BrokerListener",
    "Claim",
    "Clock",
    "Decide",
    "EventFilter",
    "EventPage",
    "ExecutionFilter",
    "Executor",
    "GatewayNow",
    "Gauges",
    "JudgeClaim",
    "KeyRecord",
    "Learned",
    "Ledger",
    "Line",
    "LineDown",
    "Meter",
    "Moved",
    "NewBatch",
    "NotSent",
    "OpenBatch",
    "Overwhelmed",
    "Page",
    "Progress",
    "Quote",
    "Random",
    "SlippageFilter",
    "Stamp",
    "Stopped",
    "Submission",
    "SymbolStamp",
    "Unlisted",
]
