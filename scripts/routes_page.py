"""The page of the routes, written from the table of endpoints.

Owns: docs/routes.md, made of the OpenAPI document of `paperdesk.api.app.ENDPOINTS`. Prints the page;
`scripts/docs` says where it goes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from paperdesk.api.app import ENDPOINTS
from paperdesk.api.docs import openapi_document
from paperdesk.api.endpoint import Endpoint

HEAD = """\
# Routes

Written from the table of endpoints; `make docs` writes it anew. The service says the same at
<http://127.0.0.1:8000/docs>, and to programs at `/openapi.json`.

A key is sent in the header `X-API-Key`, or as `Authorization: Bearer`. `trade` includes `read`, `admin`
includes all. Every success is 200 with a JSON body, but for streams, pages and figures; every other
answer is [a problem](problems.md). Times are RFC 3339 in UTC, prices and money JSON numbers, shares
integers. A trailing slash is the same path; an unknown field or query parameter is 400.
"""
DOCUMENT: Any = openapi_document(ENDPOINTS)
CODE = re.compile(r"\(`([a-z-]+)`\)")


def main() -> None:
    """Print the page."""
    parts = [HEAD, *(line for endpoint in ENDPOINTS for line in section(endpoint))]
    parts += ["## Bodies\n", "In a body `?` behind a name means that it may be left out.\n"]
    for name, schema in DOCUMENT["components"]["schemas"].items():
        parts += [f"### {name}\n", *body(schema), ""]
    sys.stdout.write("\n".join(parts).rstrip("\n") + "\n")


def section(endpoint: Endpoint) -> Iterator[str]:
    """Return what stands of one endpoint."""
    operation = DOCUMENT["paths"][endpoint.template][endpoint.method.lower()]
    yield f"## {endpoint.method} {endpoint.template}\n"
    yield f"{endpoint.summary}\n"
    yield f"- Scope: {f'`{endpoint.scope}`' if endpoint.scope else 'none, and no key'}"
    for entry in operation.get("parameters", ()):
        said = entry.get("description", "")
        kind = kind_of(entry["schema"])
        yield f"- `{entry['name']}` (in the {entry['in']}, {kind}){f': {said}' if said else ''}"
    if endpoint.bodies:
        yield f"- Body: {' or '.join(link(kind.__name__) for kind in endpoint.bodies)}"
    if endpoint.answer is not None:
        many = ", one after the other" if endpoint.is_stream else ""
        yield f"- Answer: {link(endpoint.answer.__name__)}{many}"
    else:
        yield f"- Answer: `{endpoint.media_type}`"
    problems = [
        f"[`{code}`](problems.md#{code})"
        for answer in operation["responses"].values()
        for code in CODE.findall(answer["description"])
    ]
    yield f"- Problems: {', '.join(problems)}\n"


def body(schema: Any) -> Iterator[str]:
    """Return the members of a body."""
    if "properties" not in schema:
        yield kind_of(schema)
        return
    required = set(schema.get("required", ()))
    yield "| member | is |"
    yield "|---|---|"
    for name, member in schema["properties"].items():
        yield f"| `{name}`{'' if name in required else '?'} | {kind_of(member)} |"


def kind_of(schema: Any) -> str:
    """Return what a value is, in a few words."""
    if "$ref" in schema:
        return link(schema["$ref"].rpartition("/")[2])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(kind_of(one) for one in schema[several])
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(word)}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    kind = schema.get("type", "anything")
    if kind == "array" and isinstance(schema.get("items"), dict):
        return f"list of {kind_of(schema['items'])}"
    return {"date-time": "time"}.get(schema.get("format", ""), kind)


def link(name: str) -> str:
    """Return a link to a body."""
    return f"[{name}](#{name.lower()})"


main()
