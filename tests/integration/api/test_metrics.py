"""Who may see the figures, and what they say of requests and of a service in trouble."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from front import BODY, ORDERS, OTHER_ACCOUNT, Front, code, open_front, until
from makers import ACCOUNT
from paperdesk.figures import METRICS
from scraping import scrape
from twsim import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUESTS = "paperdesk_requests_total"


async def test_the_page_is_prometheus_text_for_a_key_of_every_account(front: Front) -> None:
    for name in ("reader", "trader", "auditor", "admin"):
        answer = await front.caller(name).get("/metrics")

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert "# HELP paperdesk_gateway_up 1 while the session" in answer.text


async def test_a_bearer_token_is_as_good_as_the_header(anyone: httpx.AsyncClient) -> None:
    headers = {"Authorization": "Bearer key-of-reader"}

    assert (await anyone.get("/metrics", headers=headers)).status_code == 200


@pytest.mark.parametrize("name", ["other", "warden"])
async def test_a_key_of_some_accounts_sees_no_figures(front: Front, name: str) -> None:
    refused = await front.caller(name).get("/metrics")

    assert code(refused) == (403, "forbidden")
    assert "every account" in refused.json()["detail"]
    assert ACCOUNT not in refused.text


async def test_a_query_is_judged_as_everywhere(front: Front) -> None:
    refused = await front.caller("reader").get("/metrics?name[]=paperdesk_targets")

    assert code(refused) == (400, "bad-request")


async def test_requests_are_counted_by_the_template_of_their_path(
    front: Front, trader: httpx.AsyncClient, batch_id: str
) -> None:
    before = await scrape(trader)
    for _ in range(3):
        await trader.get(f"{ORDERS}/{batch_id}")  # the last ones from what is kept
    await trader.get(f"{ORDERS}/0000000000000000")
    await trader.head(f"{ORDERS}/{batch_id}/")
    await trader.get("/api/v1/accounts/DUX/halt")
    for n in range(5):
        await trader.get(f"/nothing/{n}")
        await front.caller().get(f"/nothing/{n}")
    await trader.request("BREW", "/health")
    after = await scrape(trader)

    def rise(**labels: str) -> float:
        return after.total(REQUESTS, **labels) - before.total(REQUESTS, **labels)

    one = f"{ORDERS}/{{batch_id}}"
    assert rise(method="GET", path=one, status="200") == 3
    assert rise(method="GET", path=one, status="404") == 1
    assert rise(method="HEAD", path=one, status="200") == 1
    assert rise(path="unrouted", status="404") == 5
    assert rise(path="unrouted", status="401") == 5
    assert rise(method="other") == 1
    failures = "paperdesk_auth_failures_total"
    assert after.total(failures) - before.total(failures) == 5
    assert {"/health", one, "unrouted", ORDERS, "/metrics"} >= {
        dict(labels)["path"] for labels, _ in after.all(REQUESTS)
    }


async def test_every_metric_of_the_table_is_on_the_page_and_no_other(
    trader: httpx.AsyncClient,
) -> None:
    text = (await trader.get("/metrics")).text
    typed = {line.split()[2]: line.split()[3] for line in text.splitlines() if "# TYPE" in line}

    assert typed == {figure.name: figure.kind for figure in METRICS}


async def test_no_label_and_no_sample_grows_with_what_is_traded(front: Front) -> None:
    trader = front.caller("trader")
    before = await scrape(trader)
    for symbol in ("AMZN", "META", "NFLX", "KO"):
        body = {"orders": [{"symbol": symbol, "quantity": 3}]}
        posted = await trader.post(ORDERS, json=body)
        await trader.get(f"{ORDERS}/{posted.json()['batch_id']}?wait=10")
    page = await scrape(trader)
    fresh = {of for of in page.samples if of not in before.samples}

    assert {dict(labels).get("path") for _, labels in fresh} <= {
        None,
        ORDERS,
        f"{ORDERS}/{{batch_id}}",
    }
    assert not any("AMZN" in value for _, labels in page.samples for _, value in labels)


async def test_a_ledger_that_cannot_be_written_is_told_and_the_rest_too(front: Front) -> None:
    trader = front.caller("trader")
    with front.locked():
        page = await scrape(trader)
        health = await trader.get("/health")

    assert page.get("paperdesk_ledger_writable") == 0
    assert page.total("paperdesk_gateway_up") == 1
    assert page.get("paperdesk_targets", account=ACCOUNT, state="locked") == 0  # it can be read
    assert health.status_code == 200


async def test_what_the_ledger_cannot_tell_has_no_sample(front: Front) -> None:
    with front.without("newest_targets"):
        page = await scrape(front.caller("trader"))

    assert (
        not {"paperdesk_targets", "paperdesk_open_orders", "paperdesk_halt_active"} & page.names
    )
    assert page.total("paperdesk_gateway_up") == 1


async def test_each_gateway_has_its_own_samples(tmp_path: Path) -> None:
    async with (
        Gateway(accounts={OTHER_ACCOUNT: 1_000_000}) as second,
        open_front(tmp_path, of_other_account=second) as front,
    ):
        down = f"{second.host}:{second.port}"
        await front.caller("trader").post(ORDERS, content=BODY)
        await second.stop()
        await until(lambda: not front.desk.health().accounts[OTHER_ACCOUNT])
        page = await scrape(front.caller("trader"))

    assert page.get("paperdesk_gateway_up", gateway=down) == 0
    assert page.total("paperdesk_gateway_up") == 1
    assert page.get("paperdesk_drift_notional_usd", account=OTHER_ACCOUNT) is None
    assert page.get("paperdesk_ibkr_pacing_available", gateway=down) is not None
