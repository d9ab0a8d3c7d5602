"""A service that dies while clients trade, three times; `make storm` does it a thousand times."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from storms.callers import Crowd, Post
from storms.storm import Storm
from storms.tally import MUST_BE_ZERO


# Five starts of a process one after the other, on a machine that others may use too.
@pytest.mark.timeout(120)
def test_a_service_killed_at_random_moments_doubles_nothing_and_loses_nothing(
    tmp_path: Path,
) -> None:
    storm = Storm("sqlite", 0, None)
    storm.run(3)
    storm.tally.write(tmp_path)
    kept = json.loads((tmp_path / "storm-sqlite.json").read_text())

    assert storm.tally.differences == []
    assert {name: kept[name] for name in MUST_BE_ZERO} == dict.fromkeys(MUST_BE_ZERO, 0)
    assert kept["kills"] == 3
    assert kept["batches_acknowledged"] > 3
    assert kept["orders_sent"] > 3
    assert kept["executions"] > 0


def test_another_answer_to_the_same_request_is_wrong_but_where_none_was_stored() -> None:
    crowd = Crowd("replays")
    crowd.door.open_at("http://paperdesk.test")
    (caller, *_) = crowd.callers
    post = Post(caller.name, "a-key", [], answer=b'{"batch_id": "00000000000000ab"}')

    def says(body: bytes) -> httpx.Client:
        headers = {"Idempotency-Replayed": "true"}
        answer = httpx.Response(200, content=body, headers=headers)
        return httpx.Client(transport=httpx.MockTransport(lambda _: answer))

    caller.replay(says(b'{"batch_id": "00000000000000ab"}'), post)
    assert crowd.changed(but=()) == []
    caller.replay(says(b'{"batch_id": "00000000000000ab", "results": []}'), post)
    (words,) = crowd.changed(but=())
    assert words.startswith("a-key: was ")
    assert crowd.changed(but={"00000000000000ab"}) == []
    assert crowd.wrong == []


def test_the_counts_of_one_commit_add_up(tmp_path: Path) -> None:
    tally = Storm("sqlite", 7, None).tally
    tally.counts.update({"kills": 2, "row Filled": 3})
    tally.write(tmp_path)
    path = tally.write(tmp_path)
    twice = json.loads(path.read_text())
    path.write_text(json.dumps(twice | {"commit": "another"}))
    tally.write(tmp_path)
    anew = json.loads(path.read_text())

    assert (twice["runs"], twice["kills"], twice["rows"]) == (2, 4, {"Filled": 6})
    assert twice["seeds"] == [7, 7]
    assert (anew["runs"], anew["kills"], anew["rows"]) == (1, 2, {"Filled": 3})
