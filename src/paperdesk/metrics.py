"""Figures for Prometheus.

Owns: Metrics, which counts what the desk and the API tell it (the port Meter), and the page of all
that, with what is true now. Which figures there are is `figures`'. Decides nothing and reads
nothing by itself: counters begin at 0 with the process. What cannot be known has no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import wraps
from typing import Concatenate, Final, ParamSpec

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from paperdesk import __version__
from paperdesk.desk.ports import Gauges, Meter, Moved
from paperdesk.domain.batch import Batch, ErrorCode, Row
from paperdesk.domain.order import Order, OrderState, ShownStatus
from paperdesk.domain.reports import ErrorReport
from paperdesk.domain.slippage import Fill
from paperdesk.domain.vocabulary import HaltMode
from paperdesk.figures import METRICS, Figure

P = ParamSpec("P")

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
LABEL_VALUES_MAX: Final = 200  # of one label whose words others choose
OTHER: Final = "other"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ALL_ACCOUNTS: Final = "all"

_log = structlog.get_logger("paperdesk.metrics")


def _harmless(
    count: Callable[Concatenate[Metrics, P], None],
) -> Callable[Concatenate[Metrics, P], None]:
    """Let a defect of counting be a line in the log, once, and never the end of an order."""

    @wraps(count)
    def counted(self: Metrics, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(self, *args, **kwargs)
        except Exception:  # noqa: BLE001 - see above
            self.note_failure(count.__name__)

    return counted


class Metrics(Meter):
    """Counts, and writes the page. For one thread: the event loop's."""

    def __init__(self) -> None:
        # A start time for each sample would double the page.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._now = _Now()
        self._registry.register(self._now)
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, Gauge] = {}
        for figure in METRICS:
            if not figure.is_asked:
                self._make(figure)
        self._gauges["paperdesk_build_info"].labels(__version__).set(1)
        self._served: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._sent = self._counters["paperdesk_ibkr_messages_total"].labels("sent")
        self._received = self._counters["paperdesk_ibkr_messages_total"].labels("received")
        self._codes = _Bounded()
        self._clients = _Bounded()
        self._failed: set[str] = set()

    def _make(self, figure: Figure) -> None:
        name, words, labels = figure.name, figure.words, figure.labels
        if figure.kind == "counter":
            self._counters[name] = Counter(name, words, labels, registry=self._registry)
        elif figure.kind == "histogram":
            self._histograms[name] = Histogram(
                name, words, labels, buckets=figure.buckets, registry=self._registry
            )
        else:
            self._gauges[name] = Gauge(name, words, labels, registry=self._registry)

    def page(self, gauges: Gauges) -> bytes:
        """Return every sample, in the text format of Prometheus."""
        self._now.gauges = gauges
        for name in gauges.gateways:  # from 0 on: a first reconnect is to be seen as a rise
            self._counters["paperdesk_gateway_reconnects_total"].labels(name)
        return generate_latest(self._registry)

    def note_failure(self, what: str) -> None:
        """Log that something could not be counted, the first time."""
        if what not in self._failed:
            self._failed.add(what)
            _log.exception("metric.failed", metric=what)

    # -- the desk --------------------------------------------------------------------------
    @_harmless
    def orders_moved(self, moved: Sequence[Moved]) -> None:
        """Count orders that were answered and orders that ended, each once."""
        for move in moved:
            before, after = move.before, move.after
            if after.sent_at is not None and _is_first_answer(before, after):
                took = (move.at - after.sent_at).total_seconds()
                self._histograms["paperdesk_order_ack_seconds"].observe(took)
            if before.is_terminal or not after.is_terminal or after.is_late:
                continue  # it goes on, or it ended before and was counted then
            outcome, reason = _end_of(move)
            self._count_order(after.side, outcome, reason)
            if after.state is OrderState.FILLED and after.sent_at is not None:
                took = (move.at - after.sent_at).total_seconds()
                self._histograms["paperdesk_order_fill_seconds"].observe(took)

    @_harmless
    def rows_refused(self, codes: Sequence[ErrorCode]) -> None:
        """Count rows that ended without an order."""
        for code in codes:
            self._count_order("none", "refused", code.value)

    def _count_order(self, side: str, outcome: str, reason: str) -> None:
        counter = self._counters["paperdesk_orders_total"]
        counter.labels(side, outcome, self._codes.of(reason)).inc()

    @_harmless
    def batch_ended(self, batch: Batch) -> None:
        """Count a batch, and what its orders cost."""
        client = self._clients.of(batch.head.client)
        self._counters["paperdesk_batches_total"].labels(client, outcome_of(batch)).inc()
        ends = [
            row.order.ended_at
            for row in batch.rows
            if row.order is not None and row.order.sent_at is not None and row.order.ended_at
        ]
        if ends:
            took = (max(ends) - batch.head.submitted_at).total_seconds()
            self._histograms["paperdesk_batch_duration_seconds"].observe(took)
        for row in batch.rows:
            if row.order is not None and row.order.filled_qty:
                self._count_cost(row, row.order)

    def _count_cost(self, row: Row, order: Order) -> None:
        self._counters["paperdesk_traded_usd_total"].inc(float(order.filled_value))
        if order.commission is not None:
            commission = float(max(order.commission, Decimal(0)))  # a rebate is no commission
            self._counters["paperdesk_commissions_usd_total"].inc(commission)
        expected = row.target.expected_price
        if expected is not None:
            fill = Fill(order.side, order.filled_qty, order.filled_value, expected)
            self._histograms["paperdesk_slippage_bps"].observe(float(fill.bps))
            self._gauges["paperdesk_slippage_usd"].inc(float(fill.usd))

    # -- the gateways ----------------------------------------------------------------------
    @_harmless
    def frame_sent(self) -> None:
        """Count a frame."""
        self._sent.inc()

    @_harmless
    def message_heard(self) -> None:
        """Count a message."""
        self._received.inc()

    @_harmless
    def error_told(self, error: ErrorReport) -> None:
        """Count an error by its code."""
        code = self._codes.of(str(error.code))
        self._counters["paperdesk_ibkr_errors_total"].labels(code, error.effect.value).inc()

    @_harmless
    def session_renewed(self, gateway: str) -> None:
        """Count a session."""
        self._counters["paperdesk_gateway_reconnects_total"].labels(gateway).inc()

    @_harmless
    def break_found(self) -> None:
        """Count a break."""
        self._counters["paperdesk_reconcile_mismatches_total"].inc()

    # -- the API ---------------------------------------------------------------------------
    @_harmless
    def request_served(self, method: str, template: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (method, template, status)
        served = self._served.get(key)
        if served is None:
            served = self._serving(*key)
        served[0].inc()
        served[1].observe(seconds)

    def _serving(self, method: str, template: str, status: int) -> tuple[Counter, Histogram]:
        """Return what counts such a request; the next of its kind has it at hand."""
        known = method if method in METHODS else OTHER
        served = (
            self._counters["paperdesk_requests_total"].labels(known, template, str(status)),
            self._histograms["paperdesk_request_seconds"].labels(known, template),
        )
        if known is method:
            self._served[method, template, status] = served
        return served

    @_harmless
    def auth_failed(self) -> None:
        """Count a request without a valid key."""
        self._counters["paperdesk_auth_failures_total"].inc()

    @_harmless
    def rate_limited(self) -> None:
        """Count a request that came too fast."""
        self._counters["paperdesk_rate_limited_total"].inc()


class _Bounded:
    """The words of a label, so many at most; those that come later are `other`."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def of(self, word: str) -> str:
        if word not in self._known:
            if len(self._known) >= LABEL_VALUES_MAX:
                return OTHER
            self._known.add(word)
        return word


_AWAITED: Final = frozenset({OrderState.SENDING, OrderState.UNKNOWN})
_ANSWERED: Final = frozenset(
    {OrderState.WORKING, OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED}
)


def _is_first_answer(before: Order, after: Order) -> bool:
    """Tell whether the gateway had said nothing of an order before."""
    was_silent = before.perm_id is None and before.wire_status is None and not before.filled_qty
    return was_silent and before.state in _AWAITED and after.state in _ANSWERED


def _end_of(move: Moved) -> tuple[str, str]:
    """Return how an order ended and why, both in a few words of ours."""
    order = move.after
    match order.state:
        case OrderState.FILLED:
            return "filled", "none"
        case OrderState.CANCELLED if order.is_expired:
            return "expired", "none"
        case OrderState.CANCELLED:
            return "cancelled", "asked" if order.cancel_asked else "broker"
        case OrderState.REJECTED:
            return (
                "rejected",
                "none" if order.broker_code is None else f"ibkr_{order.broker_code}",
            )
        case _:
            return order.state.value, "none" if move.code is None else move.code.value


def outcome_of(batch: Batch) -> str:
    """Return in one word what a batch that ended came to."""
    short = [row for row in batch.rows if not row.is_on_target and row.kept is None]
    if not short:
        return "on_target"
    if all(row.order is None and row.error_code is not None for row in batch.rows):
        return "refused"
    if all(row.status is ShownStatus.CANCELLED for row in short):
        return "cancelled"
    return "short"


class _Now(Collector):
    """What was gathered for this page, as samples."""

    def __init__(self) -> None:
        self.gauges = Gauges({}, is_writable=False)

    def collect(self) -> Iterator[Metric]:
        samples = _samples(self.gauges)
        for figure in METRICS:
            if figure.is_asked:
                family = GaugeMetricFamily(figure.name, figure.words, labels=figure.labels)
                for labels, value in samples.get(figure.name, ()):
                    family.add_metric(labels, value)
                yield family


_Samples = Iterable[tuple[Sequence[str], float]]


def _samples(gauges: Gauges) -> Mapping[str, _Samples]:
    """Return the samples of each gauge; where something is not known it has none."""
    gateways, accounts = gauges.gateways.items(), gauges.accounts.items()
    return {
        "paperdesk_gateway_up": [([name], now.is_up) for name, now in gateways],
        "paperdesk_ibkr_pacing_available": [([name], now.room) for name, now in gateways],
        "paperdesk_ledger_writable": [([], gauges.is_writable)],
        "paperdesk_halt_active": _halts(gauges),
        "paperdesk_data_age_seconds": [
            *_oldest("gateway", [now.heard_seconds for _, now in gateways]),
            *_oldest("positions", [now.compared_seconds for _, now in gateways]),
        ],
        "paperdesk_targets": [
            ([account, state.value], count)
            for account, now in accounts
            for state, count in now.targets.items()
        ],
        "paperdesk_open_orders": [
            ([account, state.value], count)
            for account, now in accounts
            for state, count in now.orders.items()
        ],
        "paperdesk_drift_notional_usd": [
            ([account], float(now.drift)) for account, now in accounts if now.drift is not None
        ],
    }


def _halts(gauges: Gauges) -> _Samples:
    if gauges.halts is None:
        return []
    standing = {(halt.account or ALL_ACCOUNTS, halt.mode) for halt in gauges.halts}
    return [
        ([scope, mode.value], (scope, mode) in standing)
        for scope in (ALL_ACCOUNTS, *gauges.configured)
        for mode in HaltMode
    ]


def _oldest(kind: str, ages: Sequence[float | None]) -> _Samples:
    """Return the largest age; where one is not known, none is."""
    known = [age for age in ages if age is not None]
    return [([kind], max(known))] if known and len(known) == len(ages) else []
