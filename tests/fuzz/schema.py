"""Whatever the OpenAPI document lets one ask, and what it does not: `make schema CASES=…`.

Owns: how schemathesis is set on a service, which refusals of valid data are right, what is counted
and printed. Knows nothing of any endpoint but through the document.

Every phase and every check of schemathesis runs. A pass has a service of its own: the first one
goes through every phase, later ones through those that draw, and every third has no gateway.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema

from front import BOTH
from fuzz.in_hand import ServiceInHand
from promises.showing import be_quiet, say, show

CASES: Final = 5_000
SEED: Final = 1
EXAMPLES: Final = 12  # of each operation in one pass
SHOWN_MAX: Final = 40
OTHER_METHOD: Final = "another method on a path"
SYMBOLS: Final = ("AAPL", "MSFT", "BRK.B", "TWIN", "NVDA")
CLIENT_ERROR, SERVER_ERROR = 400, 500
DOWN: Final = {(500, "broker-unavailable"), (503, "not-ready")}

# Valid by the document, and still refused with 400: the rules that no schema can say. Whatever is
# refused for any other reason is a hole in the document or in the service.
RULES: Final = tuple(
    re.compile(rule)
    for rule in (
        r"is not an account of this API key",
        r"is none of this listing: use next_cursor",
        r"again, as in orders\[\d+\]: give a symbol once",
        r"names an entry twice",  # the same in capitals
        r"needs expected_price: add it",
        r"needs a limit order: add limit_price",
        r"needs batch_id: add it",
        r"must have at most \d+ decimals",
        r"with at most 8 decimals",
        r"must be the id of the account in the path",
        r"printable characters that say why",
        r"looks like an API key",
        r"must not have rate: give it beside",
        r"must have numbers of a sensible size",
        r"the broker's position of .+ is the same as ours",
        r"is not a time such as",  # a leap second, or a day that UTC does not have
        r"is revoked: create a key",
        r"has expired: create a key",
        r"has no order (in this batch|whose outcome is unknown)",
        r"has passed: give a later time",
        r"has a key already",
        r"must be among those of your own key",
        r"is a client of the configuration",
        r"is the service's own: give another",
        r"scope admin has no such bounds",
        r"not Unknown: there is nothing to resolve",  # of an order that a case before this made
        r"is more than the order's \d+ shares",
    )
)


@dataclass
class Found:
    """What was asked, how often each check was asked about it, and what was wrong."""

    cases: int = 0
    checks: Counter[str] = field(default_factory=Counter)
    answers: dict[str, Counter[int]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def _refused_for_a_reason(_: Any, response: Any, case: Any) -> None:
    """Demand that valid data is only refused for a rule that no schema can say."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if not is_valid or response.status_code != CLIENT_ERROR:
        return
    shown = response.json()
    reasons = [entry["message"] for entry in shown["errors"]] or [shown["detail"]]
    unknown = [words for words in reasons if not any(rule.search(words) for rule in RULES)]
    assert not unknown, f"valid by the document, and refused: {unknown}"


def _is_no_replay(_: Any, __: Any, ___: Any, response: Any) -> bool:
    """Keep a failure unless it is a replay's: its key is judged before the query, by contract."""
    return "idempotency-replayed" not in response.headers


def _down_is_the_only_server_error(_: Any, response: Any, __: Any) -> None:
    """Demand that a 5xx is that of a lost gateway, and says when to ask again."""
    if response.status_code >= SERVER_ERROR:
        assert (response.status_code, response.json()["code"]) in DOWN
        assert response.headers["retry-after"]


schemathesis.check(_refused_for_a_reason)
schemathesis.check(_down_is_the_only_server_error)


def search(seed: int, found: Found, *, examples: int, is_whole: bool, is_up: bool) -> None:
    """Make one pass over a service of its own, and note what it finds."""
    with ServiceInHand(seed, is_up=is_up) as service:
        config = SchemathesisConfig.from_dict(_settings(seed, examples, is_whole, is_up))
        schema = schemathesis.openapi.from_asgi("/openapi.json", service, config=config)
        schema.hooks.register_hook_with_name(_is_no_replay, "filter_failure")
        for event in from_schema(schema).execute():
            _note(event, found, seed)
        for words in service.wrongs():
            found.failures[f"books: {words}"] = f"seed {seed}"


def _settings(seed: int, examples: int, is_whole: bool, is_up: bool) -> dict[str, Any]:  # noqa: FBT001
    """Return the configuration: all checks, and values that reach something, often enough."""
    known = {
        name: {"dictionary": name.split(".")[-1].split("_")[0], "probability": 0.8}
        for name in (
            "path.account_id", "query.account_id", "body.account_id", "body.confirm",
            "body.orders[*].symbol", "body.symbol", "query.symbol",
        )
    }  # fmt: skip
    known["body.confirm"]["dictionary"] = "account"
    known["path.code"] = {"dictionary": "code", "probability": 0.5}
    fine = ["2xx", "3xx", "4xx"] if is_up else ["2xx", "3xx", "4xx", "500", "503"]
    return {
        "seed": seed,
        "cache": {"enabled": False},
        "continue-on-failure": True,
        "auth": {"openapi": {"ApiKey": {"api_key": "key-of-admin"}}},
        "generation": {"max-examples": examples, "no-shrink": True, "database": "none"},
        "phases": {"examples": {"enabled": is_whole}, "coverage": {"enabled": is_whole}},
        "dictionaries": {"account": {"values": list(BOTH)}, "symbol": {"values": list(SYMBOLS)}, "code": {"values": ["halted"]}},
        "parameters": known,
        "checks": {
            # Judged by _refused_for_a_reason, which knows why.
            "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "403", "404", "409", "422", "5xx"]},
            "not_a_server_error": {"expected-statuses": fine},
        },
    }  # fmt: skip


def _note(event: Any, found: Found, seed: int) -> None:
    kind = type(event).__name__
    if kind == "NonFatalError":
        found.failures[f"{event.label}: {event.info.title}"] = str(event.value)
    elif kind == "FatalError":
        raise event.exception
    elif kind == "ScenarioFinished":
        for case_id, checks in event.recorder.checks.items():
            _note_case(event.recorder, case_id, checks, found, seed)


def _note_case(recorder: Any, case_id: str, checks: Any, found: Found, seed: int) -> None:
    interaction = recorder.interactions[case_id]
    operation = recorder.cases[case_id].value.operation
    is_other = interaction.request.method != operation.method.upper()
    label = OTHER_METHOD if is_other else operation.label
    found.cases += 1
    found.answers.setdefault(label, Counter())[interaction.response.status_code] += 1
    for check in checks:
        found.checks[check.name] += 1
        if check.failure_info is not None:
            failure = check.failure_info.failure
            sentence = f"{failure.title}: {failure.message}".replace("\n", " ")
            title = f"{operation.label} · {check.name} · {sentence[:300]}"
            found.failures.setdefault(title, f"seed {seed}: {_told(interaction)}")


def _told(interaction: Any) -> str:
    asked, answered = interaction.request, interaction.response
    body = "" if asked.body is None else f" {asked.body[:300]!r}"
    return (
        f"{asked.method} {asked.uri}{body} -> {answered.status_code} {answered.content[:300]!r}"
    )


def passes(cases: int, seed: int, examples: int = EXAMPLES) -> Found:
    """Search with seed after seed until so many cases were made."""
    found, nth = Found(), 0
    while not nth or found.cases < cases:
        is_up = nth % 3 != 1
        search(seed + nth, found, examples=examples, is_whole=nth == 0, is_up=is_up)
        nth += 1
    return found


def lines_of(found: Found) -> Iterator[tuple[str, object]]:
    """Return what is printed: by operation with what was answered, by check, and in sum."""
    for label, answers in sorted(found.answers.items()):
        each = " ".join(f"{status}:{count}" for status, count in sorted(answers.items()))
        yield label, f"{answers.total():6}  {each}"
    yield from sorted(found.checks.items())
    yield "cases", found.cases
    yield "failures", len(found.failures)


def main(cases: int = CASES, seed: int = SEED) -> int:
    """Search; print the table and each failure; return 0 where there is none."""
    be_quiet()
    began = time.monotonic()
    found = passes(cases, seed)
    show(f"The API under its own document, from seed {seed}", dict(lines_of(found)))
    for title, told in list(found.failures.items())[:SHOWN_MAX]:
        say(f"{title}\n    {told}")
    took = time.monotonic() - began
    say(f"{found.cases} cases in {took:.0f} s, {found.cases / took:.0f} a second")
    return 1 if found.failures else 0


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*given))
