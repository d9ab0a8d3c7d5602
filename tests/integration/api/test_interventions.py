"""Halts, locks, unknown orders and previews by id, over HTTP. Each on its own service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from front import BODY, ORDERS, OTHER_ACCOUNT, code, open_front, order, orders_of, until
from makers import ACCOUNT
from twsim import Gateway

HALT = f"/api/v1/accounts/{ACCOUNT}/halt"
RESUME = f"/api/v1/accounts/{ACCOUNT}/resume"
WHY = {"reason": "prices look wrong"}


async def posted(caller: httpx.AsyncClient, *rows: dict[str, Any], **more: Any) -> Any:
    """Post a batch that is accepted; return the answer."""
    response = await caller.post(ORDERS, json=orders_of(*rows, **more))
    assert response.status_code == 200, response.text
    return response.json()


async def shown(caller: httpx.AsyncClient, batch: Any, query: str = "") -> Any:
    """Return the present state of a batch."""
    return (await caller.get(f"{ORDERS}/{batch['batch_id']}{query}")).json()


async def halt_of(caller: httpx.AsyncClient, account: str = ACCOUNT) -> Any:
    """Return how the account is shown: halted or not, and by what."""
    rows = (await caller.get("/api/v1/accounts")).json()["accounts"]
    (row,) = (row for row in rows if row["account_id"] == account)
    assert row["halted"] is ("halt" in row)
    return row.get("halt")


# ── Halt and resume ───────────────────────────────────────────────────────────────────────────


async def test_a_halted_account_takes_no_batch_until_it_is_resumed(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader, admin = front.caller("trader"), front.caller("admin")
        halted = await trader.post(HALT, json=WHY)
        refused = await trader.post(ORDERS, content=BODY)
        elsewhere = await posted(trader, order(), account_id=OTHER_ACCOUNT)
        standing = await halt_of(trader)
        unfounded = await admin.post(RESUME, json={})
        resumed = await admin.post(RESUME, json={"reason": "all is well"})
        accepted = await trader.post(ORDERS, content=BODY)

        answer = halted.json()
        assert halted.status_code == 200
        assert answer.pop("since") == standing.pop("since")
        assert answer == standing | {"halted": True, "cancelled": [], "still_working": []}
        assert standing == WHY | {"account_id": ACCOUNT, "mode": "all", "by": "trader"}
        assert code(refused) == (409, "halted")
        assert "prices look wrong" in refused.json()["detail"]
        assert "retry-after" not in refused.headers
        assert elsewhere["account_id"] == OTHER_ACCOUNT
        assert code(unfounded) == (400, "bad-request")
        assert resumed.json() == {"account_id": ACCOUNT, "halted": False}
        assert accepted.status_code == 200
        assert front.stored() == 2


async def test_409_of_a_halt_comes_after_400_and_leaves_its_key_free(tmp_path: Path) -> None:
    key = {"Idempotency-Key": "monday"}
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        await trader.post(HALT, json=WHY)
        malformed = await trader.post(ORDERS, content=b'{"orders": []}', headers=key)
        refused = await trader.post(ORDERS, content=BODY, headers=key)
        await front.caller("admin").post(RESUME, json=WHY)
        accepted = await trader.post(ORDERS, content=BODY, headers=key)

        assert code(malformed) == (400, "bad-request")
        assert code(refused) == (409, "halted")
        assert accepted.status_code == 200
        assert "idempotency-replayed" not in accepted.headers


async def test_a_halt_leaves_what_works_or_cancels_it(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        batch = await posted(trader, order(limit_price=1))
        left = (await trader.post(HALT, json=WHY)).json()
        cancelled = (await trader.post(HALT, json=WHY | {"cancel_working": True})).json()
        done = await shown(trader, batch, "?wait=10")

        (row,) = left["still_working"]
        assert left["cancelled"] == []
        assert row == row | {"symbol": "AAPL", "batch_id": batch["batch_id"]}
        assert row["ibkr_order_id"] == batch["results"][0]["ibkr_order_id"]
        ended = cancelled["cancelled"] + cancelled["still_working"]
        assert [entry["symbol"] for entry in ended] == ["AAPL"]
        assert done["orders"][0]["status"] == "Cancelled"


async def test_under_reduce_only_what_reduces_a_position_still_leaves(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        await shown(trader, await posted(trader, order("AAPL", 100)), "?wait=10")
        await trader.post(HALT, json=WHY | {"mode": "reduce_only"})
        batch = await posted(trader, order("AAPL", 40), order("MSFT", 10))
        reducing, opening = (await shown(trader, batch, "?wait=10"))["orders"]

        assert (reducing["status"], reducing["filled_qty"]) == ("Filled", 60)
        assert (opening["status"], opening["error_code"]) == ("error", "halted")
        assert "prices look wrong" in opening["error"]


async def test_an_admin_makes_a_halt_of_all_one_of_reduce_only_in_one_step(
    tmp_path: Path,
) -> None:
    milder = {"reason": "get out", "mode": "reduce_only"}
    async with open_front(tmp_path) as front:
        trader, admin = front.caller("trader"), front.caller("admin")
        await shown(trader, await posted(trader, order("AAPL", 100)), "?wait=10")
        await trader.post(HALT, json=WHY)
        beside = (await trader.post(HALT, json=milder)).json()
        still = await halt_of(trader)
        forbidden = await trader.post(RESUME, json=milder)
        resumed = (await admin.post(RESUME, json=milder)).json()
        again = (await admin.post(RESUME, json=milder)).json()
        batch = await posted(trader, order("AAPL", 40), order("MSFT", 10))
        reducing, opening = (await shown(trader, batch, "?wait=10"))["orders"]

        assert beside["mode"] == "reduce_only"
        assert still["mode"] == "all", "beside a stricter one it changes nothing"
        assert code(forbidden) == (403, "forbidden")
        assert resumed["halted"]
        assert resumed["halt"] == again["halt"] == await halt_of(trader)
        assert resumed["halt"] == resumed["halt"] | milder | {"by": "admin"}
        assert reducing["status"] == "Filled"
        assert (opening["status"], opening["error_code"]) == ("error", "halted")


async def test_a_halt_survives_a_restart(tmp_path: Path) -> None:
    async with Gateway() as gateway:
        async with open_front(tmp_path, gateway=gateway) as front:
            await front.caller("trader").post(HALT, json=WHY)
            before = await halt_of(front.caller("trader"))
        async with open_front(tmp_path, gateway=gateway) as front:
            refused = await front.caller("trader").post(ORDERS, content=BODY)

            assert code(refused) == (409, "halted")
            assert await halt_of(front.caller("trader")) == before


async def test_an_account_trades_when_neither_its_own_halt_nor_that_of_all_stands(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        trader, admin = front.caller("trader"), front.caller("admin")
        await trader.post(HALT, json=WHY)
        of_all = (await admin.post("/api/v1/halt", json={"reason": "all of it"})).json()
        elsewhere = await trader.post(ORDERS, json=orders_of(order(), account_id=OTHER_ACCOUNT))
        own_over = (await admin.post(RESUME, json=WHY)).json()
        refused = await trader.post(ORDERS, content=BODY)
        all_over = (await admin.post("/api/v1/resume", json=WHY)).json()
        accepted = await trader.post(ORDERS, content=BODY)

        assert (of_all["account_id"], of_all["by"]) == (None, "admin")
        assert code(elsewhere) == (409, "halted")
        assert (own_over["account_id"], own_over["halted"]) == (ACCOUNT, True)
        assert own_over["halt"] == own_over["halt"] | {"account_id": None, "by": "admin"}
        assert code(refused) == (409, "halted")
        assert all_over == {"account_id": None, "halted": False}
        assert accepted.status_code == 200


# ── Orders beside orders ──────────────────────────────────────────────────────────────────────


async def test_a_working_order_that_reaches_the_target_is_kept_and_serves_the_newest_batch(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        older = await posted(trader, order(limit_price=1))
        newer = await posted(trader, order(limit_price=1))
        kept_by = await shown(trader, older)
        live = await shown(trader, newer)
        left = (await trader.delete(f"{ORDERS}/{older['batch_id']}")).json()
        ended = (await trader.delete(f"{ORDERS}/{newer['batch_id']}")).json()

        order_id = older["results"][0]["ibkr_order_id"]
        (row,) = newer["results"]
        assert (row["status"], row["qty"], row["working_qty"]) == ("no_change", 0, 100)
        assert (row["action"], row["order_type"], row["ibkr_order_id"]) == (None, None, None)
        kept = {"ibkr_order_id": order_id, "batch_id": older["batch_id"], "limit_price": 1}
        assert row["kept"] == kept
        assert live["orders"][0]["kept"] == live["orders"][0]["kept"] | kept
        assert live["orders"][0]["kept"]["filled_qty"] == 0
        assert live["summary"]["final"] is False
        assert kept_by["orders"][0]["kept_by"] == newer["batch_id"]
        assert left["results"][0]["cancelled"] is False
        assert left["results"][0]["kept_by"] == newer["batch_id"]
        assert [entry["ibkr_order_id"] for entry in ended["results"]] == [order_id]
        assert ended["results"][0]["cancelled"] is True
        assert front.sent() == 1


async def test_a_working_order_that_does_not_fit_is_superseded(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        older = await posted(trader, order(limit_price=1))
        newer = await posted(trader, order(limit_price=2))
        await until(lambda: front.sent() == 2)
        done = await shown(trader, older, "?wait=10")
        live = await shown(trader, newer)

        first, second = done["orders"][0], live["orders"][0]
        assert first["status"] == "Cancelled"
        assert first["superseded_by"]["batch_id"] == newer["batch_id"]
        assert second["superseded"] == [first["ibkr_order_id"]]
        assert second["limit_price"] == 2


async def test_what_is_not_listed_is_closed_on_demand(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader, rival = front.caller("trader"), front.caller("rival")
        await shown(trader, await posted(trader, order("MSFT", 10)), "?wait=10")
        await shown(rival, await posted(rival, order("TSLA", 5)), "?wait=10")
        batch = await posted(trader, order("AAPL", 1), unlisted="close")
        done = await shown(trader, batch, "?wait=10")

        rows = {row["symbol"]: row for row in done["orders"]}
        assert set(rows) == {"AAPL", "MSFT"}
        assert (rows["MSFT"]["unlisted"], rows["MSFT"]["desired_pos"]) == (True, 0)
        assert rows["MSFT"]["status"] == "Filled"
        assert "unlisted" not in rows["AAPL"]
        assert any("TSLA" in warning for warning in batch["warnings"])
        assert done["warnings"] == batch["warnings"]


async def test_a_target_that_is_older_or_too_late_is_not_applied(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        await posted(trader, order(limit_price=1))
        stale = await posted(trader, order(quantity=5), as_of="2020-01-01T00:00:00Z")
        late = await posted(trader, order("MSFT"), valid_until="2020-01-01T00:00:00Z")

        assert [row["error_code"] for row in stale["results"]] == ["stale-target"]
        assert [row["error_code"] for row in late["results"]] == ["expired"]
        assert front.sent() == 1


# ── Targets ───────────────────────────────────────────────────────────────────────────────────


async def test_targets_say_what_is_reached_and_what_is_not(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        reached = await posted(trader, order("AAPL", 100))
        await shown(trader, reached, "?wait=10")
        working = await posted(trader, order("MSFT", 10, limit_price=1))
        withdrawn = await posted(trader, order("TSLA", 5, limit_price=1))
        await trader.delete(f"{ORDERS}/{withdrawn['batch_id']}")
        answer = (await trader.get("/api/v1/targets")).json()
        of_rival = (await front.caller("rival").get("/api/v1/targets")).json()

        assert (answer["account_id"], answer["on_target"], answer["total"]) == (ACCOUNT, 1, 3)
        first, second, third = answer["targets"]
        assert first.pop("set_at")
        assert first == {
            "symbol": "AAPL", "target": 100, "position": 100, "working_qty": 0, "gap": 0,
            "state": "reached", "reason": None, "batch_id": reached["batch_id"],
            "client": "trader",
        }  # fmt: skip
        assert (second["symbol"], second["state"]) == ("MSFT", "working")
        assert (second["gap"], second["working_qty"]) == (10, 10)
        assert second["batch_id"] == working["batch_id"]
        assert (third["symbol"], third["state"]) == ("TSLA", "withdrawn")
        assert {row["batch_id"] for row in of_rival["targets"]} == {None}


# ── Previews by id ────────────────────────────────────────────────────────────────────────────


async def preview_id_of(caller: httpx.AsyncClient, *rows: dict[str, Any]) -> str:
    answer = (await caller.post(f"{ORDERS}/preview", json=orders_of(*rows))).json()
    return str(answer["preview_id"])


async def test_a_preview_is_sent_once_by_its_id(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader, key = front.caller("trader"), {"Idempotency-Key": "monday"}
        by_id = {"preview_id": await preview_id_of(trader, order("AAPL", 7))}
        of_another = await front.caller("rival").post(ORDERS, json=by_id)
        sent = await trader.post(ORDERS, json=by_id, headers=key)
        replayed = await trader.post(ORDERS, json=by_id, headers=key)
        used = await trader.post(ORDERS, json=by_id)

        assert code(of_another) == (409, "preview-stale")
        assert sent.status_code == 200
        assert [row["desired_pos"] for row in sent.json()["results"]] == [7]
        assert replayed.content == sent.content
        assert code(used) == (409, "preview-stale")
        assert (front.stored(), front.sent()) == (1, 1)


async def test_a_preview_is_stale_once_a_target_of_its_symbols_is_another(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        same, other = [
            {"preview_id": await preview_id_of(trader, order(symbol, 7))}
            for symbol in ("AAPL", "MSFT")
        ]
        await posted(trader, order("AAPL", 8, limit_price=1))
        stale = await trader.post(ORDERS, json=same)
        good = await trader.post(ORDERS, json=other)

        assert code(stale) == (409, "preview-stale")
        assert good.status_code == 200


async def test_a_preview_by_its_id_is_judged_by_halts_again(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        by_id = {"preview_id": await preview_id_of(trader, order("AAPL", 7))}
        await trader.post(HALT, json=WHY)

        assert code(await trader.post(ORDERS, json=by_id)) == (409, "halted")


# ── Unknown orders and locks ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        {"symbol": "AAPL", "as": "not_placed"},
        {"symbol": "AAPL", "as": "filled", "qty": 100, "price": 150},
        {"symbol": "MSFT", "as": "not_placed"},
    ],
)
async def test_an_order_that_is_not_unknown_cannot_be_resolved(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with open_front(tmp_path) as front:
        batch = await posted(front.caller("trader"), order())
        path = f"{ORDERS}/{batch['batch_id']}/resolve"
        response = await front.caller("admin").post(path, json=body)

        assert code(response) == (400, "bad-request")
        assert body["symbol"] in response.json()["detail"]


async def test_a_batch_that_is_not_there_has_no_evidence_and_cannot_be_resolved(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        batch = await posted(front.caller("trader"), order())
        answers = [
            await front.caller("rival").get(f"{ORDERS}/{batch['batch_id']}/evidence"),
            await front.caller("trader").get(f"{ORDERS}/nothing/evidence"),
            await front.caller("admin").post(
                f"{ORDERS}/nothing/resolve", json={"symbol": "AAPL", "as": "not_placed"}
            ),
        ]

        assert {code(answer) for answer in answers} == {(404, "not-found")}


async def test_the_evidence_of_a_batch_names_its_orders(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        batch = await posted(trader, order())
        await shown(trader, batch, "?wait=10")
        answer = (await trader.get(f"{ORDERS}/{batch['batch_id']}/evidence")).json()

        (row,) = answer["orders"]
        assert answer["batch_id"] == batch["batch_id"]
        assert set(row) == {"symbol", "order_ref", "ibkr_order_id", "status", "evidence"}
        assert (row["symbol"], row["status"]) == ("AAPL", "Filled")
        assert row["order_ref"] == f"pd-{batch['batch_id']}-0"


async def test_without_locks_no_position_is_taken_over(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        response = await front.caller("admin").post(
            f"/api/v1/accounts/{ACCOUNT}/accept-position", json={"all": True}
        )

        assert response.json() == {"account_id": ACCOUNT, "accepted": []}


async def test_a_service_with_a_real_gateway_has_nothing_to_simulate(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        answer = await front.caller("admin").post(
            "/api/v1/simulator", json={"clear_faults": True}
        )

        assert code(answer) == (404, "not-found")
        assert "no simulated gateway" in answer.json()["detail"]
