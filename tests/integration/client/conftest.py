"""A service of its own for the tests of the SDK, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import paperdesk


@pytest.fixture(scope="module")
def client() -> Iterator[paperdesk.Client]:
    with paperdesk.simulator() as client:
        yield client
