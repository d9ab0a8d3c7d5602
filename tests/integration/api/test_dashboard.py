"""The pages at `/` and `/docs` and their files, over HTTP. What they do is in tests/browser."""

from __future__ import annotations

import re
import shutil
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from front import code
from paperdesk.api.app import ENDPOINTS
from paperdesk.api.dashboard import FOLDER, NEEDED, Site
from paperdesk.api.docs import docs_page, openapi_document


@pytest.mark.parametrize("page", ["/", "/docs"])
async def test_a_page_may_run_and_load_nothing_but_its_own_files(
    anyone: httpx.AsyncClient, page: str
) -> None:
    answer = await anyone.get(page)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    (policy,) = answer.headers.get_list("content-security-policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert rules["style-src"] == " ".join(["'self'", *styles_in(answer.text)])
    assert "unsafe" not in policy
    assert "style=" not in answer.text
    assert not re.search(r"<script(?! type=\"module\" src=\"/assets/)", answer.text)


async def test_a_plain_page_may_show_its_own_style_and_nothing_else(
    anyone: httpx.AsyncClient,
) -> None:
    answer = await anyone.get("/problems/forbidden")

    (policy,) = answer.headers.get_list("content-security-policy")
    assert policy.split("; ")[:2] == [
        "default-src 'none'",
        " ".join(["style-src", *styles_in(answer.text)]),
    ]
    assert "src 'self'" not in policy
    assert "<script" not in answer.text


def styles_in(html: str) -> list[str]:
    """Return how a policy names the styles that are within a page."""
    digests = [sha256(style.encode()) for style in re.findall(r"<style>(.*?)</style>", html)]
    return [f"'sha256-{b64encode(each.digest()).decode()}'" for each in digests]


async def test_every_file_that_is_named_is_there_and_may_be_kept(
    anyone: httpx.AsyncClient,
) -> None:
    pages = (await anyone.get("/")).text + (await anyone.get("/docs")).text
    seen, named = set(), re.findall(r'"(/assets/[^"]+)"', pages)
    while named:
        path = named.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = await anyone.get(path)
        assert answer.status_code == 200, path
        assert answer.headers.get_list("cache-control") == [
            "public, max-age=31536000, immutable"
        ]
        assert answer.headers["x-content-type-options"] == "nosniff"
        kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
        assert answer.headers["content-type"].startswith(kind[path.rpartition(".")[2]])
        base = path.rpartition("/")[0]
        imports = re.findall(r"""\bfrom\s*["']\./([\w.-]+)["']""", answer.text)
        named += [f"{base}/{name}" for name in imports]

    names = {path.rpartition("/")[2] for path in seen}
    assert names >= {"main.js", "docs.js", "preact.js", "page.css"}
    ours = {path.name for path in FOLDER.glob("*.*") if path.suffix != ".html"}
    assert ours <= names, "a file that nothing asks for"


async def test_a_file_of_another_build_is_not_there(anyone: httpx.AsyncClient) -> None:
    page = (await anyone.get("/")).text
    path = re.findall(r'"(/assets/[^"]+main.js)"', page)[0]
    build = path.split("/")[2]

    assert code(await anyone.get(path.replace(build, "0" * 16))) == (404, "not-found")
    assert code(await anyone.get(f"/assets/{build}/index.html")) == (404, "not-found")
    assert code(await anyone.get(f"/assets/{build}/..%2f__init__.py"))[0] == 404


def test_without_what_npm_brings_the_pages_say_what_is_missing(tmp_path: Path) -> None:
    shutil.copytree(
        FOLDER, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("vendor")
    )
    without = Site.read(tmp_path)
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor/missing.txt").write_text("npm says: <no way>\n")
    told = Site.read(tmp_path)
    docs = docs_page(openapi_document(ENDPOINTS), told)

    assert b"install Paperdesk again" in without.index
    assert b"Nothing can be tried" in docs.body
    assert b"npm says: &lt;no way&gt;" in docs.body
    assert b"<h2><code>POST /api/v1/orders</code></h2>" in docs.body
    assert b"/assets/" not in docs.body.replace(b"/assets/{build}", b"")
    assert docs.headers == ()  # the policy of plain pages: no script at all
    assert b"npm says: &lt;no way&gt;" in told.index
    assert without.files == told.files == {}
    assert set(NEEDED) == {path.name for path in (FOLDER / "vendor").glob("*.*s")}
