"""The dashboard and the alert rules name only what a service that has traded shows."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from front import ORDERS, open_front, order, orders_of
from scraping import Page, scrape

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEPLOY = Path(__file__).parents[3] / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD: Any = json.loads((DEPLOY / "grafana/paperdesk.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [p for p in DASHBOARD["panels"] if p["type"] != "row"]

SELECTOR = re.compile(r"\b(paperdesk_\w+)\s*(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
WORDS = re.compile(r"\b[a-z_]+\b")
# Of PromQL, not of ours.
LANGUAGE = {
    "absent", "avg_over_time", "by", "delta", "histogram_quantile", "increase", "max", "offset",
    "or", "rate", "sum", "vector",
}  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """A question to Prometheus, and the labels that its words use."""

    where: str
    text: str
    shown: frozenset[str]


def expressions() -> Iterator[Expression]:
    """Return every question of the rules and of the dashboard."""
    for rule in RULES:
        words = " ".join(rule["annotations"].values())
        shown = frozenset(re.findall(r"\$labels\.(\w+)", words))
        yield Expression(rule["alert"], rule["expr"], shown)
    for panel in PANELS:
        for target in panel["targets"]:
            shown = frozenset(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            yield Expression(panel["title"], target["expr"], shown)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    """A scrape of a service that traded, was refused an order, and lost its line once."""
    async with open_front(tmp_path_factory.mktemp("watched")) as front:
        trader = front.caller("trader")
        bodies = [orders_of(order("AAPL", 100, expected_price=149.5))]
        bodies.append(orders_of(order("MSFT", 10)))
        for n, body in enumerate(bodies):
            if n:
                front.gateway.reject_next(201, "Order rejected - reason: drill")
            posted = await trader.post(ORDERS, json=body)
            await trader.get(f"{ORDERS}/{posted.json()['batch_id']}?wait=10")
        await trader.get("/nothing-is-here")
        front.gateway.drop_connections()
        await front.until_health(up=False)
        await front.until_health(up=True)
        found = await scrape(trader)
        async with asyncio.timeout(10):  # a batch is counted a second after its end
            while found.total("paperdesk_batches_total") < len(bodies):
                await asyncio.sleep(0.1)
                found = await scrape(trader)
        yield found


@pytest.mark.parametrize("asked", list(expressions()), ids=lambda asked: asked.where)
async def test_a_question_names_only_metrics_and_labels_that_exist(
    page: Page, asked: Expression
) -> None:
    labels: set[str] = set()
    names = []
    for name, matchers in SELECTOR.findall(asked.text):
        names.append(name)
        assert name in page.names, name
        labels |= page.labels(name)
        for label, _, value in MATCHER.findall(matchers):
            assert label in page.labels(name), f"{name}: {label}"
            values = {dict(of).get(label) for of, _ in page.all(name)}
            assert set(value.split("|")) <= values, f"{name}: {label}={value}"
    assert names
    for grouping in GROUPING.findall(asked.text):
        assert {word.strip() for word in grouping.split(",")} <= labels, grouping
    assert asked.shown <= labels


@pytest.mark.parametrize("asked", list(expressions()), ids=lambda asked: asked.where)
async def test_a_question_is_well_formed_and_knows_its_functions(asked: Expression) -> None:
    bare = GROUPING.sub("", re.sub(r'"[^"]*"', '""', asked.text))
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b\d+[smhd]\b", " ", SELECTOR.sub(" ", bare))

    assert asked.text.count("(") == asked.text.count(")")
    assert set(WORDS.findall(bare)) <= LANGUAGE


async def test_every_rule_says_what_to_do_and_every_metric_is_watched(page: Page) -> None:
    assert len(RULES) >= 6
    for rule in RULES:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}
    asked = " ".join(each.text for each in expressions())
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in page.names}
    unwatched = {"paperdesk_rate_limited_total"}  # its 429s are among the requests
    assert {name for name in shown if name not in asked} == unwatched


async def test_the_dashboard_answers_three_questions_and_fits_its_grid() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not mine & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        cells |= mine

    assert rows == ["Is it up?", "Is it on target?", "What did it cost?"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${source}"}


async def test_the_scrape_example_asks_what_the_service_answers() -> None:
    example = yaml.safe_load((DEPLOY / "prometheus/scrape.yml").read_text(encoding="utf-8"))
    (job,) = example["scrape_configs"]

    assert job["metrics_path"] == "/metrics"
    assert job["authorization"].keys() == {"type", "credentials_file"}
    assert job["authorization"]["type"] == "Bearer"
