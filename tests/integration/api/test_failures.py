"""What breaks beside a request: the gateway, the ledger, the process. Each on its own service."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from front import (
    BODY,
    ORDERS,
    OTHER_ACCOUNT,
    code,
    open_front,
    order,
    orders_of,
    until,
)
from makers import ACCOUNT
from paperdesk.config import DeskSettings
from twsim import Gateway

KEY = {"Idempotency-Key": "monday"}
# Arithmetic that fails: the database refuses the statement, as it does on a broken disk.
FAILS = "BEGIN SELECT abs(-9223372036854775808); END"


# ── The gateway ───────────────────────────────────────────────────────────────────────────────


async def test_a_batch_refused_for_the_gateway_leaves_its_key_free(tmp_path: Path) -> None:
    async with Gateway() as gateway, open_front(tmp_path, gateway=gateway) as front:
        trader = front.caller("trader")
        await gateway.stop()
        await front.until_health(up=False)
        refused = await trader.post(ORDERS, content=BODY, headers=KEY)
        await gateway.start()
        await front.until_health(up=True)
        accepted = await trader.post(ORDERS, content=BODY, headers=KEY)

        assert code(refused) == (500, "broker-unavailable")
        assert accepted.status_code == 200
        assert "idempotency-replayed" not in accepted.headers
        assert (front.stored(), front.sent()) == (1, 1)


async def test_a_cancel_without_a_gateway_is_stored_and_sent_when_it_returns(
    tmp_path: Path,
) -> None:
    async with Gateway() as gateway, open_front(tmp_path, gateway=gateway) as front:
        trader = front.caller("trader")
        posted = await trader.post(ORDERS, json=orders_of(order(limit_price=100)))
        path = f"{ORDERS}/{posted.json()['batch_id']}"
        await gateway.stop()
        await front.until_health(up=False)
        asked = await trader.delete(path)
        shown = await trader.get(path)
        await gateway.start()
        done = await trader.get(f"{path}?wait=20")
        again = await trader.delete(path)

        (row,) = asked.json()["results"]
        assert asked.status_code == 200
        assert row["status"] == "PendingCancel"
        assert (row["cancelled"], row["cancel_requested"]) == (False, True)
        assert shown.json()["orders"][0]["status"] == "PendingCancel"
        assert done.json()["orders"][0]["status"] == "Cancelled"
        assert again.json()["results"] == [
            {
                "symbol": "AAPL", "ibkr_order_id": row["ibkr_order_id"], "cancelled": True,
                "status": "Cancelled", "filled_qty": 0,
            }
        ]  # fmt: skip


# ── More than can be sent in time ─────────────────────────────────────────────────────────────


async def test_more_than_can_be_sent_in_time_is_429_and_nothing_is_stored(
    tmp_path: Path,
) -> None:
    slow = DeskSettings(max_send_delay=10)
    async with open_front(tmp_path, desk=slow, per_second=20) as front:
        many = orders_of(*(order(f"S{number}", 1) for number in range(300)))
        refused = await front.caller("trader").post(ORDERS, json=many, headers=KEY)
        accepted = await front.caller("trader").post(ORDERS, content=BODY, headers=KEY)

        assert code(refused) == (429, "too-many-requests")
        assert int(refused.headers["retry-after"]) > 0
        assert accepted.status_code == 200
        assert front.stored() == 1


async def test_what_is_queued_already_counts_from_its_acceptance_on(tmp_path: Path) -> None:
    slow = DeskSettings(max_send_delay=20)
    async with open_front(tmp_path, desk=slow, per_second=10) as front:
        front.gateway.silence()  # no contract is answered: nothing of the first can be sent
        many = orders_of(*(order(f"S{number}", 1) for number in range(100)))
        both = [
            front.caller(name).post(f"{ORDERS}?wait=0", json=many)
            for name in ("trader", "rival")
        ]
        first, second = await asyncio.gather(*both)
        third = await front.caller("trader").post(f"{ORDERS}?wait=0", json=many)

        assert first.status_code == 200
        assert {row["status"] for row in first.json()["results"]} == {"PendingSubmit"}
        assert code(second) == (429, "too-many-requests")
        assert code(third) == (429, "too-many-requests")
        assert front.stored() == 1


async def test_what_is_queued_for_one_gateway_does_not_count_at_another(
    tmp_path: Path,
) -> None:
    slow = DeskSettings(max_send_delay=20)
    async with (
        Gateway(accounts={ACCOUNT: 1_000_000}) as one,
        Gateway(accounts={OTHER_ACCOUNT: 1_000_000}) as two,
        open_front(
            tmp_path, gateway=one, of_other_account=two, desk=slow, per_second=10
        ) as front,
    ):
        one.silence()
        many = orders_of(*(order(f"S{number}", 1) for number in range(100)))
        queued = await front.caller("trader").post(f"{ORDERS}?wait=0", json=many)
        refused = await front.caller("trader").post(ORDERS, json=many)
        accepted = await front.caller("other").post(
            ORDERS, json=orders_of(order(), account_id=OTHER_ACCOUNT)
        )

        assert queued.status_code == 200
        assert code(refused) == (429, "too-many-requests")
        assert accepted.status_code == 200
        assert accepted.json()["account_id"] == OTHER_ACCOUNT


async def test_a_refused_batch_takes_no_place_in_the_queue(tmp_path: Path) -> None:
    slow = DeskSettings(max_send_delay=20)
    async with open_front(tmp_path, desk=slow, per_second=10) as front:
        front.gateway.silence()
        many = orders_of(*(order(f"S{number}", 1) for number in range(100)))
        front.execute(f"CREATE TRIGGER full BEFORE INSERT ON batches {FAILS}")
        refused = await front.caller("trader").post(f"{ORDERS}?wait=0", json=many)
        front.execute("DROP TRIGGER full")
        accepted = await front.caller("trader").post(f"{ORDERS}?wait=0", json=many)

        assert code(refused) == (503, "ledger-unavailable")
        assert accepted.status_code == 200


# ── Two requests with one key ─────────────────────────────────────────────────────────────────


async def test_while_the_first_request_runs_its_key_is_409(tmp_path: Path) -> None:
    impatient = DeskSettings(ack_timeout=0.1, max_send_delay=20)
    async with open_front(tmp_path, desk=impatient, per_second=10) as front:
        trader = front.caller("trader")
        front.gateway.silence()
        running = asyncio.create_task(
            trader.post(f"{ORDERS}?wait=30", content=BODY, headers=KEY)
        )
        await until(lambda: front.stored() == 1)
        same = await trader.post(ORDERS, content=BODY, headers=KEY)
        many = orders_of(*(order(f"S{number}", 1) for number in range(300)))
        too_many = await trader.post(ORDERS, json=many, headers=KEY)
        malformed = await trader.post(f"{ORDERS}?zzz=1", json=orders_of(), headers=KEY)
        front.gateway.resume()
        first = await running
        replayed = await trader.post(ORDERS, content=BODY, headers=KEY)

        for refused in (same, too_many, malformed):
            assert code(refused) == (409, "idempotency-in-progress")
            assert refused.headers["retry-after"] == "1"
        assert first.status_code == 200
        assert replayed.content == first.content
        assert (front.stored(), front.sent()) == (1, 1)


async def test_a_second_request_waits_for_the_first_and_replays_its_answer(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        front.gateway.silence()
        both = [
            asyncio.create_task(trader.post(f"{ORDERS}?wait=30", content=BODY, headers=KEY))
            for _ in range(2)
        ]
        await until(lambda: front.stored() == 1)
        front.gateway.resume()
        first, second = await asyncio.gather(*both)

        assert [first.status_code, second.status_code] == [200, 200]
        assert first.content == second.content
        replayed = [answer.headers.get("idempotency-replayed") for answer in (first, second)]
        assert replayed == [None, "true"]
        assert (front.stored(), front.sent()) == (1, 1)


# ── The ledger ────────────────────────────────────────────────────────────────────────────────


async def test_a_ledger_that_cannot_be_written_is_503_and_nothing_is_stored(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        with front.locked():
            refused = await trader.post(ORDERS, content=BODY, headers=KEY)
            unready = await trader.get("/readyz")
            health = await trader.get("/health")
            stored = front.stored()
        accepted = await trader.post(ORDERS, content=BODY, headers=KEY)

        assert code(refused) == (503, "ledger-unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert code(unready) == (503, "not-ready")
        assert "the ledger cannot be written" in unready.json()["detail"]
        assert health.status_code == 200
        assert stored == 0
        assert accepted.status_code == 200
        assert "idempotency-replayed" not in accepted.headers
        assert (front.stored(), front.sent()) == (1, 1)


async def test_what_cannot_be_read_is_503(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        batch_id = (await trader.post(ORDERS, content=BODY)).json()["batch_id"]
        paths = (ORDERS, f"{ORDERS}/{batch_id}")
        with front.without("batches"):
            refused = [await trader.get(path) for path in paths]
        answered = [await trader.get(path) for path in paths]

        assert [code(answer) for answer in refused] == [(503, "ledger-unavailable")] * 2
        assert all("retry-after" in answer.headers for answer in refused)
        assert [answer.status_code for answer in answered] == [200, 200]


async def test_a_batch_goes_on_by_itself_when_the_ledger_works_again(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        with front.without("positions"):
            first = await trader.post(f"{ORDERS}?wait=0.2", content=BODY)
        done = await trader.get(f"{ORDERS}/{first.json()['batch_id']}?wait=20")

        assert first.json()["results"][0]["status"] == "PendingSubmit"
        assert done.json()["orders"][0]["status"] == "Filled"
        assert front.sent() == 1


async def test_an_accepted_batch_is_200_even_if_the_ledger_cannot_be_read_then(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        front.gateway.silence()
        running = asyncio.create_task(
            trader.post(f"{ORDERS}?wait=1", content=BODY, headers=KEY)
        )
        await until(lambda: front.stored() == 1)
        with front.without("targets"):
            first = await running
        front.gateway.resume()
        done = await trader.get(f"{ORDERS}/{first.json()['batch_id']}?wait=20")
        again = await trader.post(ORDERS, content=BODY, headers=KEY)

        (row,) = first.json()["results"]
        assert first.status_code == 200
        assert (row["status"], row["provisional"]) == ("PendingSubmit", True)
        assert row["ibkr_order_id"] is None
        assert done.json()["orders"][0]["status"] == "Filled"
        assert again.content == first.content
        assert (front.stored(), front.sent()) == (1, 1)


async def test_an_accepted_batch_is_200_even_if_its_answer_cannot_be_stored(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        front.execute(f"CREATE TRIGGER full BEFORE UPDATE OF answer ON batches {FAILS}")
        first = await trader.post(ORDERS, content=BODY, headers=KEY)
        front.execute("DROP TRIGGER full")
        again = await trader.post(ORDERS, content=BODY, headers=KEY)

        assert first.status_code == 200
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json()["batch_id"] == first.json()["batch_id"]
        assert (front.stored(), front.sent()) == (1, 1)


async def test_an_answer_that_could_not_be_stored_is_replayed_and_stored_then(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        front.gateway.hold_fills("AAPL")
        front.execute(f"CREATE TRIGGER full BEFORE UPDATE OF answer ON batches {FAILS}")
        first = await trader.post(ORDERS, content=BODY, headers=KEY)
        front.gateway.release_fills("AAPL")
        path = f"{ORDERS}/{first.json()['batch_id']}?wait=10"
        assert (await trader.get(path)).json()["orders"][0]["status"] == "Filled"
        while_full = await trader.post(ORDERS, content=BODY, headers=KEY)
        front.execute("DROP TRIGGER full")
        again = await trader.post(ORDERS, content=BODY, headers=KEY)
        # What another process would replay.
        with closing(sqlite3.connect(front.ledger)) as file:
            (stored,) = file.execute("SELECT answer FROM batches").fetchone()

    assert first.json()["results"][0]["status"] == "PreSubmitted"
    assert while_full.content == again.content == first.content == stored
    assert again.headers["idempotency-replayed"] == "true"


# ── The process ───────────────────────────────────────────────────────────────────────────────


async def test_an_answer_that_was_never_stored_is_built_once_from_the_ledger(
    tmp_path: Path,
) -> None:
    async with open_front(tmp_path) as front:
        trader = front.caller("trader")
        front.gateway.hold_fills("AAPL")
        first = await trader.post(ORDERS, content=BODY, headers=KEY)
        # As if the process had died between the batch and its answer.
        front.execute("UPDATE batches SET answer = NULL")
        built = await trader.post(ORDERS, content=BODY, headers=KEY)
        front.gateway.release_fills("AAPL")
        path = f"{ORDERS}/{first.json()['batch_id']}?wait=10"
        now = (await trader.get(path)).json()
        again = await trader.post(ORDERS, content=BODY, headers=KEY)

        assert built.headers["idempotency-replayed"] == "true"
        assert built.json()["batch_id"] == first.json()["batch_id"]
        assert built.json()["results"][0]["status"] == "PreSubmitted"  # as it was then
        assert now["orders"][0]["status"] == "Filled"
        assert again.content == built.content
        assert again.headers["idempotency-replayed"] == "true"
        assert (front.stored(), front.sent()) == (1, 1)


async def test_a_restarted_service_replays_the_answer_byte_for_byte(tmp_path: Path) -> None:
    async with Gateway() as gateway:
        async with open_front(tmp_path, gateway=gateway) as front:
            first = await front.caller("trader").post(ORDERS, content=BODY, headers=KEY)
        async with open_front(tmp_path, gateway=gateway) as front:
            again = await front.caller("trader").post(ORDERS, content=BODY, headers=KEY)
            other = await front.caller("trader").post(
                ORDERS, json=orders_of(order("MSFT")), headers=KEY
            )

            assert again.content == first.content
            assert again.headers["idempotency-replayed"] == "true"
            assert code(other) == (422, "idempotency-mismatch")
            assert (front.stored(), front.sent()) == (1, 1)
