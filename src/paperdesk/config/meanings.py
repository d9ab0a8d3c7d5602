"""What each setting means, for a person.

Owns: one sentence for each key of `paperdesk.toml`; docs/settings.md is made of them, and a test
holds them against what the loader reads. Knows nothing of types or defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MEANINGS: Final[Mapping[str, str]] = {
    "default_account": "The account of requests that name none. Without it the only one that is "
    "configured, or `DU8730189` where that is; several want it.",
    # ── server ──────────────────────────────────────────────────────────────────────────────
    "server.host": "The address to listen on. Beyond loopback it needs a certificate or "
    "`behind_proxy`.",
    "server.port": "The port; 0 picks a free one.",
    "server.tls_certificate": "The certificate's chain, as PEM; it comes with its key.",
    "server.tls_key": "The certificate's key, as PEM, without a password.",
    "server.behind_proxy": "A proxy with TLS is in front, and nobody gets past it.",
    "server.trusted_proxies": "Addresses or networks of proxies whose `X-Forwarded-For` is "
    "believed; for a service behind a proxy.",
    # ── rates ───────────────────────────────────────────────────────────────────────────────
    "rates.requests": "Requests a second of one client; twice as many may come at once.",
    "rates.batches": "Submissions and previews a second of one client.",
    "rates.requests_of_all": "Requests a second of all clients.",
    "rates.batches_of_all": "Submissions and previews a second of all clients.",
    "rates.in_flight": "Requests that are worked on at once; of one client half as many.",
    # ── ledger ──────────────────────────────────────────────────────────────────────────────
    "ledger.url": "`sqlite:///FILE` or `postgresql://user@host/database`. Without it "
    "`sqlite:///paperdesk.db`; with the simulated gateway `sqlite:///.paperdesk/paperdesk.db`.",
    # ── gateways ────────────────────────────────────────────────────────────────────────────
    "gateways.host": "Where the gateway listens.",
    "gateways.port": "IB Gateway: 4002 for paper; TWS: 7497.",
    "gateways.client_id": "Our id at the gateway; no other program may use it. Never 0, which "
    "would bind what people order by hand.",
    "gateways.accounts": "The paper accounts of this login that may be traded.",
    "gateways.max_requests_per_second": "Messages to the gateway a second; TWS allows 50.",
    # ── clients ─────────────────────────────────────────────────────────────────────────────
    "clients.name": "The client: its batches are under this name.",
    "clients.key_sha256": "The SHA-256 of its key, in hex; the key itself stands nowhere.",
    "clients.scopes": "What it may do: `read`, `trade`, `audit`, `admin`.",
    "clients.accounts": "The accounts that it may use.",
    # ── desk ────────────────────────────────────────────────────────────────────────────────
    "desk.ack_timeout": "How long an answer waits for the broker's first word on every order.",
    "desk.max_send_delay": "What is not sent within it ends as `error`, `expired`; a batch that "
    "would have to wait longer is refused.",
    "desk.keep": "`within_tolerance`: a working order within the new tolerance is kept; `exact`: "
    "only one at the very price.",
    "desk.foreign_orders": "Working orders placed elsewhere: counted, ignored, or a reason to "
    "refuse the target.",
    "desk.position_breaks": "A position that nothing explains, once it has held: adopted, or "
    "locked for a person.",
    "desk.resolve_seconds": "How long the broker's lists are read at least before an order that "
    "is in none of them counts as never placed.",
    "desk.halt_after_rejections": "So many orders of an account rejected by the broker within "
    "60 s halt it.",
    "desk.halt_after_ledger_loss": "A ledger that cannot be written for so long halts everything.",
    # ── limits ──────────────────────────────────────────────────────────────────────────────
    "limits.max_order_quantity": "Refuses an order for more shares.",
    "limits.max_order_notional": "Refuses an order for more USD.",
    "limits.max_position_notional": "Refuses an order after which the position would be worth "
    "more USD.",
    "limits.max_gross_notional": "Refuses an order after which all positions, longs and shorts "
    "added up, would be worth more USD.",
    "limits.max_orders_per_minute": "Refuses an order beyond so many in 60 seconds.",
    "limits.max_orders_per_day": "Refuses an order beyond so many since midnight in New York.",
    "limits.max_attempts_per_target": "Refuses an order for a target for which the broker has "
    "refused or ended so many in ten minutes.",
    "limits.price_collar_pct": "Refuses a limit price further than so many percent from what the "
    "symbol trades at.",
    "limits.allow_short": "`false` refuses an order after which the position would be short.",
    "limits.symbols": "Refuses any other symbol.",
    "limits.restricted_symbols": "Refuses these symbols.",
}
