from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import ACCOUNT, BATCH, NOW
from paperdesk.domain.batch import Resolution
from paperdesk.domain.halt import Halt
from paperdesk.domain.order import ShownStatus
from paperdesk.domain.views import (
    AcceptedPosition,
    Finding,
    HaltedOrder,
    HaltView,
    OrderEvidence,
)
from paperdesk.domain.vocabulary import HaltMode, OrderId, OrderRef, Symbol
from paperdesk.errors import BadRequest
from paperdesk.wire import interventions
from paperdesk.wire.encoding import encode
from paperdesk.wire.interventions import (
    HaltRequest,
    ResumeRequest,
    parse_acceptance,
    parse_halt,
    parse_resolution,
    parse_resume,
)
from paperdesk.wire.parsing import Json, parse_json

Parser = Callable[[Json], object]

PARSERS = (parse_halt, parse_resume, parse_acceptance, parse_resolution)
HALT = Halt(ACCOUNT, HaltMode.ALL, "trader", NOW, "drift")
STOOD = {
    "account_id": ACCOUNT, "mode": "all", "by": "trader",
    "since": "2026-03-09T14:30:00+00:00", "reason": "drift",
}  # fmt: skip
MEMBERS = (
    "reason", "mode", "cancel_working", "symbol", "all", "as", "qty", "price", "x",
)  # fmt: skip
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(["all", "reduce_only", "AAPL", "filled", "not_placed", 0.5, 100]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=3,
)


def written(answer: object) -> Any:
    return json.loads(encode(answer), parse_float=Decimal)


def breaches(parse: Parser, body: str) -> dict[str, str]:
    with pytest.raises(BadRequest) as raised:
        parse(parse_json(body.encode()))
    return {error.field: error.message for error in raised.value.errors}


# ── Bodies ────────────────────────────────────────────────────────────────────────────────────


def test_a_halt_stops_everything_unless_it_says_otherwise() -> None:
    assert parse_halt({"reason": "x"}) == HaltRequest("x", HaltMode.ALL, cancel_working=False)
    assert parse_halt(
        {"reason": "x", "mode": "reduce_only", "cancel_working": True}
    ) == HaltRequest("x", HaltMode.REDUCE_ONLY, cancel_working=True)
    assert parse_halt({"reason": "x", "mode": None, "cancel_working": None}).mode == "all"


def test_a_resume_has_its_reason() -> None:
    assert parse_resume({"reason": " all is well "}) == ResumeRequest("all is well")
    milder = ResumeRequest("get out", reduce_only=True)
    assert parse_resume({"reason": "get out", "mode": "reduce_only"}) == milder


def test_one_position_is_accepted_or_all_are() -> None:
    assert parse_acceptance({"symbol": "brk.b"}) == "BRK B"
    assert parse_acceptance({"all": True}) is None
    assert parse_acceptance({"all": True, "symbol": None}) is None


def test_an_unknown_order_was_not_placed_or_filled() -> None:
    assert parse_resolution({"symbol": "AAPL", "as": "not_placed"}) == Resolution(
        Symbol("AAPL")
    )
    assert parse_resolution(
        {"symbol": "aapl", "as": "filled", "qty": Decimal("1E+2"), "price": Decimal("1.50")}
    ) == Resolution(Symbol("AAPL"), filled_qty=100, price=Decimal("1.50"))


@pytest.mark.parametrize(
    ("parse", "body", "found"),
    [
        (parse_halt, "{}", {"reason": "is missing: add it"}),
        (parse_halt, '{"reason": null}', {"reason": "is missing: add it"}),
        (parse_halt, '{"reason": " "}', {"reason": "must be 1 to 500 printable characters"}),
        (parse_halt, '{"reason": 1}', {"reason": "must be a string, not a number"}),
        (parse_halt, '{"reason": "x", "mode": "ALL"}', {"mode": "must be one of all, reduce_"}),
        (
            parse_halt,
            '{"reason": "x", "mode": {}}',
            {"mode": "must be one of all, reduce_only"},
        ),
        (
            parse_halt,
            '{"reason": "x", "cancel_working": 1}',
            {"cancel_working": "must be true or false, not a number"},
        ),
        (
            parse_halt,
            '{"cancel_workin": true}',
            {"cancel_workin": "did you mean cancel_working?", "reason": "is missing"},
        ),
        (parse_resume, "{}", {"reason": "is missing: add it"}),
        (parse_resume, '{"reasn": "x"}', {"reasn": "mean reason?", "reason": "is missing"}),
        (
            parse_resume,
            '{"reason": "x", "mode": "all"}',
            {"mode": "must be one of reduce_only"},
        ),
        (parse_acceptance, "{}", {"the body": 'must name either a "symbol" or "all": true'}),
        (parse_acceptance, '{"all": true, "symbol": "A"}', {"the body": "must name either"}),
        (parse_acceptance, '{"all": false}', {"all": "must be true: to accept one position"}),
        (parse_acceptance, '{"symbol": "*"}', {"symbol": '"*" is not a symbol'}),
        (parse_resolution, "{}", {"symbol": "is missing", "as": "is missing: add it"}),
        (
            parse_resolution,
            '{"symbol": "A", "as": "lost"}',
            {"as": "must be one of not_placed, filled"},
        ),
        (
            parse_resolution,
            '{"symbol": "A", "as": "filled"}',
            {"qty": "is missing: add it", "price": "is missing: add it"},
        ),
        (
            parse_resolution,
            '{"symbol": "A", "as": "filled", "qty": 0, "price": -1}',
            {"qty": "must be at least 1", "price": "must be above 0"},
        ),
        (
            parse_resolution,
            '{"symbol": "A", "as": "not_placed", "qty": 1, "price": 1}',
            {"qty": 'does not go with "not_placed"', "price": 'does not go with "not_placed"'},
        ),
    ],
)
def test_a_body_that_is_not_understood_is_refused_in_words(
    parse: Parser, body: str, found: dict[str, str]
) -> None:
    named = breaches(parse, body)

    assert set(named) == set(found)
    for field, words in found.items():
        assert words in named[field]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("body", ["[]", "null", '"x"', "1"])
def test_a_body_that_is_no_object_is_refused(parse: Parser, body: str) -> None:
    with pytest.raises(BadRequest, match="The body must be a JSON object, not "):
        parse(parse_json(body.encode()))


@pytest.mark.parametrize("parse", PARSERS)
@given(st.dictionaries(st.sampled_from(MEMBERS), ANY))
def test_any_body_is_understood_or_a_bad_request(parse: Parser, body: dict[str, Any]) -> None:
    try:
        parse(parse_json(json.dumps(body).encode()))
    except BadRequest as error:
        error.detail.encode()  # whatever was sent, the words can be sent back


@given(
    reason=st.text(min_size=1, max_size=20),
    mode=st.sampled_from(HaltMode),
    cancels=st.booleans(),
)
def test_a_printable_halt_is_understood_as_it_was_meant(
    reason: str, mode: HaltMode, *, cancels: bool
) -> None:
    body: Json = {"reason": reason, "mode": mode.value, "cancel_working": cancels}
    if not (words := reason.strip()) or not words.isprintable():
        assert set(breaches(parse_halt, json.dumps(body))) == {"reason"}
        return

    assert parse_halt(body) == HaltRequest(words, mode, cancel_working=cancels)


# ── Answers ───────────────────────────────────────────────────────────────────────────────────


def test_a_halt_says_what_it_ended_and_what_still_works() -> None:
    unsent = HaltedOrder(Symbol("AAPL"), BATCH, None, ShownStatus.CANCELLED)
    working = HaltedOrder(Symbol("MSFT"), BATCH, OrderId(7), ShownStatus.PENDING_CANCEL)

    answer = written(interventions.HaltAnswer.of(HaltView(HALT, (unsent,), (working,))))

    assert answer == STOOD | {
        "halted": True,
        "cancelled": [
            {
                "symbol": "AAPL", "batch_id": BATCH, "ibkr_order_id": None,
                "status": "Cancelled",
            }
        ],
        "still_working": [
            {
                "symbol": "MSFT", "batch_id": BATCH, "ibkr_order_id": 7,
                "status": "PendingCancel",
            }
        ],
    }  # fmt: skip


def test_a_halt_of_all_accounts_names_none() -> None:
    halt = Halt(None, HaltMode.REDUCE_ONLY, "admin", NOW, "drift")
    answer = written(interventions.HaltAnswer.of(HaltView(halt, (), ())))

    assert answer["account_id"] is None
    assert answer["mode"] == "reduce_only"


def test_a_resumed_account_may_still_be_halted_by_the_other_halt() -> None:
    over = written(interventions.ResumeAnswer.of(ACCOUNT, None))
    stands = Halt(None, HaltMode.ALL, "trader", NOW, "drift")
    other = written(interventions.ResumeAnswer.of(ACCOUNT, stands))

    assert over == {"account_id": ACCOUNT, "halted": False}
    assert other == {
        "account_id": ACCOUNT, "halted": True, "halt": STOOD | {"account_id": None},
    }  # fmt: skip


def test_accepted_positions_show_both_quantities() -> None:
    accepted = AcceptedPosition(Symbol("AAPL"), ours=100, broker=-5)

    assert written(interventions.AcceptAnswer.of(ACCOUNT, [accepted])) == {
        "account_id": ACCOUNT,
        "accepted": [{"symbol": "AAPL", "position": 100, "broker_position": -5}],
    }


def test_the_evidence_of_a_batch_is_every_step_of_every_order() -> None:
    finding = Finding(NOW, "open orders", "not among 3", is_complete=True)
    order = OrderEvidence(
        Symbol("AAPL"), OrderRef(f"pd-{BATCH}-0"), OrderId(7), ShownStatus.UNKNOWN, (finding,)
    )

    assert written(interventions.EvidenceAnswer.of(BATCH, [order])) == {
        "batch_id": BATCH,
        "orders": [
            {
                "symbol": "AAPL", "order_ref": f"pd-{BATCH}-0", "ibkr_order_id": 7,
                "status": "Unknown",
                "evidence": [
                    {
                        "at": "2026-03-09T14:30:00+00:00", "step": "open orders",
                        "shows": "not among 3", "complete": True,
                    }
                ],
            }
        ],
    }  # fmt: skip
