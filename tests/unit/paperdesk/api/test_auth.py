from __future__ import annotations

import pytest

from paperdesk.api.auth import is_open


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/problems/forbidden"])
def test_pages_without_data_are_open(path: str) -> None:
    assert is_open(path)


@pytest.mark.parametrize("path", ["/api/v1/orders", "/healthz", "/problems", "/docs/x", ""])
def test_everything_else_is_not(path: str) -> None:
    assert not is_open(path)
