"""What describes the API: `/openapi.json`, and `/docs` rendered from it.

Owns: how the table of endpoints becomes an OpenAPI document, and the document a page, which is
whole without any script and has room for the forms of `dashboard/docs.js`. Routes are made of the
same table, so that neither can know more than the other. Knows nothing of what an endpoint does.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final, cast

import msgspec

from paperdesk import __version__
from paperdesk.api.dashboard import CONTENT_SECURITY_POLICY, Site, site
from paperdesk.api.endpoint import HTML, JSON, Answer, Call, Endpoint
from paperdesk.api.envelope import REQUEST_ID
from paperdesk.api.page import STYLE_SOURCE, page, prose
from paperdesk.api.problems import PROBLEM_JSON, problem_page
from paperdesk.errors import (
    BadRequest,
    Forbidden,
    InternalError,
    LedgerUnavailable,
    NotFound,
    PaperdeskError,
    PayloadTooLarge,
    RateLimited,
    RequestTimeout,
    Unauthorized,
)
from paperdesk.wire.bodies import ProblemBody
from paperdesk.wire.events import Form
from paperdesk.wire.query import EVENT_ID_PATTERN, PARAMETERS, name_of
from paperdesk.wire.values import BATCH_ID_PATTERN

Node = dict[str, object]

_PATH_PARAMETERS: Final[Mapping[str, Node]] = {
    "account_id": {"type": "string"},
    "batch_id": {"type": "string", "pattern": BATCH_ID_PATTERN},
    "build": {"type": "string"},
    "code": {"type": "string"},
    "key_id": {"type": "string"},
    "name": {"type": "string"},
}
_IDEMPOTENCY_KEY: Final[Node] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body replays the first answer, byte for byte.",
    # What is printable in ASCII; HTTP takes the spaces off both ends.
    "schema": {"type": "string", "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}
_STREAM: Final = (
    "OK. The answer does not end by itself, unless `until` is given. Each event is one "
    "`EventBody`: the `data` of a server-sent event, or a line of `application/x-ndjson`."
)
_LAST_EVENT_ID: Final[Node] = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "Go on behind this event, as a browser's EventSource asks for it.",
    "schema": {"type": "string", "pattern": EVENT_ID_PATTERN},
}


def documented(endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """Return `endpoints` and the ones that describe them, themselves included."""

    async def openapi(_: Call) -> Answer:
        """Return this document."""
        return Answer(json.dumps(document, indent=1).encode())

    async def docs(_: Call) -> Answer:
        """Show every endpoint on one page, each with a form to try it."""
        return docs_page(document, site())

    every = (
        *endpoints,
        Endpoint("GET", "/openapi.json", openapi, media_type=JSON),
        Endpoint("GET", "/docs", docs),
        Endpoint("GET", "/problems/{code:str}", problem_page, errors=(NotFound,)),
    )
    document = openapi_document(every)
    return every


# ── The document ──────────────────────────────────────────────────────────────────────────────


def openapi_document(endpoints: Iterable[Endpoint]) -> Node:
    """Return the OpenAPI document of `endpoints`; its 3.2 can say what an item of a stream is."""
    endpoints = tuple(endpoints)
    paths: defaultdict[str, Node] = defaultdict(dict)
    for endpoint in endpoints:
        paths[endpoint.template][endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.2.0",
        "info": {
            "title": "Paperdesk",
            "version": __version__,
            "description": "Post target positions; the difference is traded in a paper account.",
        },
        "security": [{"ApiKey": []}, {"Bearer": []}],
        "paths": dict(paths),
        "components": {
            "schemas": _schemas(endpoints),
            "securitySchemes": {
                "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "Bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _schemas(endpoints: tuple[Endpoint, ...]) -> Node:
    types = {kind for entry in endpoints for kind in (entry.answer, *entry.bodies) if kind}
    _, components = msgspec.json.schema_components(
        sorted({*types, ProblemBody}, key=lambda kind: kind.__name__),
        ref_template="#/components/schemas/{name}",
    )
    return cast("Node", _numbers(components))


def _numbers(node: object) -> object:
    """Replace msgspec's idea of a Decimal, which is text, by ours, which is a number."""
    if isinstance(node, list):
        return [_numbers(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    replaced = {name: _numbers(value) for name, value in node.items()}
    if replaced.get("format") == "decimal":
        del replaced["format"]
        replaced["type"] = "number"
    return replaced


def _operation(endpoint: Endpoint) -> Node:
    operation: Node = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "responses": _responses(endpoint),
    }
    parameters = _parameters(endpoint)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.scope is None:
        operation["security"] = []
    else:
        operation["description"] = f"Needs the scope `{endpoint.scope}`."
    if endpoint.bodies:
        references = [_reference(kind) for kind in endpoint.bodies]
        schema = references[0] if len(references) == 1 else {"oneOf": references}
        content = {JSON: {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _operation_id(endpoint: Endpoint) -> str:
    words = re.findall(r"[A-Za-z]\w*", endpoint.path.replace(":str", "").replace("-", "_"))
    return "_".join([endpoint.method.lower(), *(word for word in words if word != "v1")])


def _parameters(endpoint: Endpoint) -> list[Node]:
    in_path: list[Node] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_PARAMETERS[name]}
        for name in endpoint.parameters
    ]
    in_query: list[Node] = [
        {
            "name": name_of(key),
            "in": "query",
            "required": False,
            "description": PARAMETERS[key].description,
            "schema": dict(PARAMETERS[key].schema),
        }
        for key in endpoint.query
    ]
    in_header = [_IDEMPOTENCY_KEY] if endpoint.takes_idempotency_key else []
    in_header += [_LAST_EVENT_ID] if endpoint.is_stream else []
    return [*in_path, *in_query, *in_header]


def _responses(endpoint: Endpoint) -> Node:
    by_status: defaultdict[int, list[type[PaperdeskError]]] = defaultdict(list)
    # The endpoint's own errors first: of a 500 they are the ones a caller can act on.
    for kind in dict.fromkeys((*endpoint.errors, *_errors_of_all(endpoint))):
        by_status[kind.status].append(kind)
    problems: Node = {str(status): _problem(by_status[status]) for status in sorted(by_status)}
    return {"200": _success(endpoint), **problems}


def _errors_of_all(endpoint: Endpoint) -> tuple[type[PaperdeskError], ...]:
    """Return what every endpoint of this kind can end in."""
    if endpoint.scope is None:
        return (BadRequest, RequestTimeout, PayloadTooLarge, InternalError)
    # What has a scope reads the ledger.
    return (
        BadRequest, Unauthorized, Forbidden, RequestTimeout, PayloadTooLarge, RateLimited,
        LedgerUnavailable, InternalError,
    )  # fmt: skip


def _success(endpoint: Endpoint) -> Node:
    headers = _headers(REQUEST_ID)
    if endpoint.takes_idempotency_key:
        headers |= _headers("Idempotency-Replayed")
    if endpoint.is_stream:
        return {"description": _STREAM, "headers": headers, "content": _forms(endpoint)}
    if endpoint.answer is not None:
        schema = _reference(endpoint.answer)
        return {"description": "OK", "headers": headers, "content": {JSON: {"schema": schema}}}
    return {"description": "OK", "headers": headers, "content": {endpoint.media_type: {}}}


def _forms(endpoint: Endpoint) -> Node:
    """Return the ways in which a stream is written; each of its items has one `answer`."""
    assert endpoint.answer is not None
    item = _reference(endpoint.answer)
    text: Node = {"type": "string"}
    data = {**text, "contentMediaType": JSON, "contentSchema": item}
    sent = {"id": text, "event": text, "data": data}
    return {
        Form.SSE.value: {
            "itemSchema": {"type": "object", "properties": sent, "required": ["event", "data"]}
        },
        Form.LINES.value: {"itemSchema": item},
    }


def _problem(kinds: list[type[PaperdeskError]]) -> Node:
    headers = _headers(REQUEST_ID)
    if any(kind.retryable for kind in kinds):
        headers |= _headers("Retry-After")
    return {
        "description": "; ".join(f"{kind.title} (`{kind.code}`)" for kind in kinds),
        "headers": headers,
        "content": {PROBLEM_JSON: {"schema": _reference(ProblemBody)}},
    }


def _headers(name: str) -> Node:
    return {name: {"schema": {"type": "string"}}}


def _reference(kind: type[msgspec.Struct]) -> Node:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


# ── The page ──────────────────────────────────────────────────────────────────────────────────

# What the dashboard may do, and the style in the page.
_POLICY: Final = CONTENT_SECURITY_POLICY.replace(
    "style-src 'self'", f"style-src 'self' {STYLE_SOURCE}"
)


def docs_page(document: Node, whole: Site) -> Answer:
    """Return the page, with the scripts of the site where it has them."""
    title, body = "Paperdesk API", _page_body(document)
    if whole.missing is not None:
        why = f"<p>Nothing can be tried from this page. {escape(whole.missing)}</p>"
        return Answer(page(title, why + body), HTML)
    files = f"/assets/{whole.build}"
    head = (
        f'<link rel="icon" href="{files}/icon.svg">'
        f'<link rel="stylesheet" href="{files}/docs.css">'
        f'<script type="module" src="{files}/docs.js"></script>'
    )
    headers = (("Content-Security-Policy", _POLICY),)
    return Answer(page(title, f'<div id="key"></div>{body}', head), HTML, headers=headers)


def _page_body(document: Node) -> str:
    paths = cast("Mapping[str, Mapping[str, Node]]", document["paths"])
    components = cast("Mapping[str, Mapping[str, Node]]", document["components"])
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]
    contents = "".join(
        f'<li><a href="#{operation["operationId"]}">{escape(title)}</a></li>'
        for title, operation in operations
    )
    sections = "".join(_operation_section(*each) for each in operations)
    schemas = "".join(
        f'<h3 id="{escape(name)}">{escape(name)}</h3>{_pre(schema)}'
        for name, schema in components["schemas"].items()
    )
    return (
        "<p>Send your API key in the header <code>X-API-Key</code>. The same as a document: "
        '<a href="/openapi.json">/openapi.json</a>. <a href="/">Dashboard</a></p>'
        f'<nav aria-label="Endpoints"><ul>{contents}</ul></nav>{sections}<h2>Bodies</h2>{schemas}'
    )


def _operation_section(title: str, operation: Node) -> str:
    parts = [
        f'<section id="{operation["operationId"]}"><h2><code>{escape(title)}</code></h2>',
        f"<p>{prose(str(operation['summary']))}</p>",
    ]
    if "description" in operation:
        parts.append(f"<p>{prose(str(operation['description']))}</p>")
    parameters = cast("list[Node]", operation.get("parameters", []))
    if parameters:
        rows = [
            (str(entry["name"]), str(entry["in"]), str(entry.get("description", "")))
            for entry in parameters
        ]
        parts.append(_table(("Parameter", "In", "Meaning"), rows))
    if "requestBody" in operation:
        parts.append(f"<p>Body: {_links(operation['requestBody'])}</p>")
    parts.append('<div class="try"></div>')
    responses = cast("Mapping[str, Node]", operation["responses"])
    parts.append(
        "<table><tr><th>Status</th><th>Meaning</th><th>Body</th></tr>"
        + "".join(
            f"<tr><td>{status}</td><td>{prose(str(entry['description']))}</td>"
            f"<td>{_links(entry)}</td></tr>"
            for status, entry in responses.items()
        )
        + "</table></section>"
    )
    return "".join(parts)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{prose(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _links(node: object) -> str:
    """Return links to every schema that is referred to below `node`."""
    names = re.findall(r"#/components/schemas/(\w+)", json.dumps(node))
    return ", ".join(f'<a href="#{name}">{name}</a>' for name in dict.fromkeys(names))


def _pre(node: object) -> str:
    return f"<pre>{escape(json.dumps(node, indent=2))}</pre>"
