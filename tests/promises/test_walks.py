"""Both walks over every route, as `make walks` makes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from paperdesk.api.app import ENDPOINTS
from promises.walks import walk_scopes, walk_tenants


@pytest.mark.timeout(180)
async def test_every_route_lets_in_who_has_its_scope_and_nobody_else(tmp_path: Path) -> None:
    walk = await walk_scopes(tmp_path)

    assert walk.failures == []
    assert walk.routes == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}


@pytest.mark.timeout(180)
async def test_no_route_tells_or_changes_what_is_anothers(tmp_path: Path) -> None:
    walk = await walk_tenants(tmp_path)

    assert walk.failures == []
    with_ids = {(e.method, e.path) for e in ENDPOINTS if e.scope and "{" in e.path}
    assert with_ids <= walk.routes
