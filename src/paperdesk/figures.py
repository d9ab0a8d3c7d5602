"""Which figures there are, and what each means.

Owns: METRICS, the table from which the metrics are made and docs/metrics.md is written. Labels are
words of ours, configured names, or bounded in number; there are no symbols among them. Knows
nothing of how a figure comes about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: its name as it stands on the page, and what it means."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    words: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()
    is_asked: bool = False  # not counted, but gathered when the page is asked for


_QUICK: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONG: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)  # fmt: skip
_SIGNED: Final = (-100.0, -50.0, -25.0, -10.0, -5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0)  # fmt: skip

METRICS: Final = (
    Figure("paperdesk_build_info", "gauge", "Always 1; the label is the version.", ("version",)),
    # -- is it up? -------------------------------------------------------------------------
    Figure(
        "paperdesk_gateway_up", "gauge",
        "1 while the session with the gateway (host:port) is ready to send, else 0.",
        ("gateway",), is_asked=True,
    ),
    Figure(
        "paperdesk_gateway_reconnects_total", "counter",
        "Sessions that became ready after an earlier one had.", ("gateway",),
    ),
    Figure(
        "paperdesk_ibkr_messages_total", "counter",
        "Messages of the TWS protocol, `sent` and `received`.", ("direction",),
    ),
    Figure(
        "paperdesk_ibkr_pacing_available", "gauge",
        "Frames that might leave at once, of `max_requests_per_second`; 0 is a full window.",
        ("gateway",), "frames", is_asked=True,
    ),
    Figure(
        "paperdesk_ibkr_errors_total", "counter",
        "Errors and notices of the gateway, by IBKR's code and by what the service makes of it "
        "(`information`, `rejected`, `cancelled`, `ambiguous`, `locks_account`).",
        ("code", "class"),
    ),
    Figure(
        "paperdesk_ledger_writable", "gauge",
        "1 where the ledger took a write within two seconds of the scrape, else 0.",
        is_asked=True,
    ),
    Figure(
        "paperdesk_halt_active", "gauge",
        "1 while a halt of that mode stands, of an account or of `all`, else 0. Absent while the "
        "ledger cannot be read.",
        ("scope", "mode"), is_asked=True,
    ),
    Figure(
        "paperdesk_data_age_seconds", "gauge",
        "How old the oldest is of what is known: `gateway`, the last message of each gateway; "
        "`positions`, the last whole comparison with its positions. Absent before the first.",
        ("kind",), "seconds", is_asked=True,
    ),
    Figure(
        "paperdesk_requests_total", "counter",
        "Answered requests. `path` is the path with names for ids; `unrouted` where nothing is "
        "there, or no valid key came with it.",
        ("method", "path", "status"),
    ),
    Figure(
        "paperdesk_request_seconds", "histogram",
        "From the head of a request to the end of its answer, `?wait` included.",
        ("method", "path"), "seconds", (0.001, 0.0025, *_QUICK),
    ),
    Figure("paperdesk_auth_failures_total", "counter", "Requests without a valid API key (401)."),
    Figure("paperdesk_rate_limited_total", "counter", "Requests refused with 429."),
    # -- is it on target? ------------------------------------------------------------------
    Figure(
        "paperdesk_targets", "gauge",
        "Newest targets of an account by state (`reached`, `working`, `short`, `withdrawn`, "
        "`locked`). Absent while the ledger cannot be read.",
        ("account", "state"), "targets", is_asked=True,
    ),
    Figure(
        "paperdesk_open_orders", "gauge",
        "Orders that may still trade, by state; `unknown` and `quarantined` are those whose "
        "outcome is not known. Absent while the ledger cannot be read.",
        ("account", "state"), "orders", is_asked=True,
    ),
    Figure(
        "paperdesk_drift_notional_usd", "gauge",
        "What the targets of an account are away from its positions, buys and sells added: at a "
        "quote of the last minute, else the portfolio's price, else what the caller reckoned with. "
        "Absent while the account is down or one of the prices is not known.",
        ("account",), "USD", is_asked=True,
    ),
    Figure(
        "paperdesk_batches_total", "counter",
        "Batches that ended: `on_target`, `short`, `cancelled` (all that is missing was "
        "cancelled) or `refused` (no row became an order). An order that a batch only keeps is "
        "counted with the batch that placed it.",
        ("client", "outcome"),
    ),
    Figure(
        "paperdesk_batch_duration_seconds", "histogram",
        "From the acceptance of a batch to the end of its last order, where one was sent.",
        (), "seconds", _LONG,
    ),
    Figure(
        "paperdesk_orders_total", "counter",
        "Orders that ended: `filled`, `cancelled`, `expired`, `rejected`, `not_placed`, `dropped` "
        "or `lapsed` (never sent), and rows `refused` before there was an order, whose side is "
        "`none`. `reason` is the row's `error_code`, `ibkr_` and the code of a rejection, or "
        "`asked` or `broker` for a cancel. An order counts when it first ends; what arrives "
        "later changes nothing.",
        ("side", "outcome", "reason"),
    ),
    Figure(
        "paperdesk_order_ack_seconds", "histogram",
        "From the claim of an order, just before its frame leaves, to its first answer.",
        (), "seconds", _QUICK,
    ),
    Figure(
        "paperdesk_order_fill_seconds", "histogram",
        "From the claim of an order to its last execution, where it filled whole.",
        (), "seconds", _LONG,
    ),
    Figure(
        "paperdesk_reconcile_mismatches_total", "counter",
        "Positions found to be another than the broker's, counted when first seen.",
    ),
    # -- what did it cost? -----------------------------------------------------------------
    Figure(
        "paperdesk_slippage_bps", "histogram",
        "Average fill against `expected_price`, of each order that has one, when its batch has "
        "ended; positive is a cost. It has no `_sum`, as it may be negative.",
        (), "basis points", _SIGNED,
    ),
    Figure(
        "paperdesk_slippage_usd", "gauge",
        "The same in money, summed since the start; positive is a cost.", (), "USD",
    ),
    Figure(
        "paperdesk_commissions_usd_total", "counter",
        "Commissions of the orders of ended batches, as far as they were told by then.",
        (), "USD",
    ),
    Figure(
        "paperdesk_traded_usd_total", "counter",
        "Shares times price of the executions of ended batches.", (), "USD",
    ),
)  # fmt: skip
