"""The page of the event stream, written from its tables.

Owns: docs/events.md, made of `paperdesk.wire.events`. Prints the page; `scripts/docs` says where
it goes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import fields

from paperdesk.domain.events import OF_BATCH
from paperdesk.wire.events import CONTROLS, EVENTS

HEAD = """\
# Events

Written from the tables in `src/paperdesk/wire/events.py`; `make docs` writes it anew.

`GET /api/v1/events` tells what happens as it happens, and what was missed before it. It needs an API
key of scope `read`. The answer does not end by itself:

```sh
curl -sN "http://127.0.0.1:8000/api/v1/events?types=order.*,fill.*" -H "X-API-Key: $KEY"
```

It is a stream of [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html),
or, for whoever sends `Accept: application/x-ndjson`, of JSON lines. Each event is one object:

```json
{"id": 812049, "type": "order.filled", "timestamp": "2026-03-09T14:30:00+00:00", "environment": "paper",
 "account_id": "DU8730189", "batch_id": "a1b2c3d4e5f67890", "data": {"symbol": "AAPL", "filled_qty": 50}}
```

| ask for | and |
|---|---|
| `types=order.*,batch.final` | only these are told; `order.*` is each that begins so |
| `account_id=` | only what concerns this account |
| `batch_id=` | only what concerns this batch; another client's is 404 |
| `since_id=812049`, or the header `Last-Event-ID`, which wins | it goes on behind this event; `0` is the beginning of the ledger. Without either only what comes is told |
| `until=batch.final` with `batch_id` | the answer ends by itself behind the last event of the batch, at once where that has ended; without an id it begins with the batch |

## What one may rely on

- **An id is the ledger's own number**, and the numbers have no gaps: a key of scope `audit` for every
  account that asks for no filter sees each of them. Another key sees the events of its own batches, and of
  its accounts whatever is of no one batch: fills, positions, targets, halts, connections. What would
  name another client's batch is null there.
- **An event is written in the transaction that it tells of.** None is lost or told twice, whenever the
  service is killed, and none is told before it is so. Whoever comes back with the last id it has read
  misses nothing, also over a restart.
- `data` is **how it was at that moment**, whenever it is read. What changed several times in one
  transaction is told as it ended: an order may be told as filled and never as acknowledged.
- What happened before the ledger had a stream (schema 0005) is not told.
- A listener costs the sending of orders nothing. One that does not read its socket for 10 s is told
  `stream.lagged` and let go, after 30 s its line is cut. 500 streams may be open at once, of one
  client half as many.
- A key that is revoked hears nothing from the next event on, and its stream ends within some seconds.
"""


TAIL = """\
## Passed on to a web hook

`paperdesk events --follow --forward-to http://localhost:3000/hook` posts each event to an address of
yours, in the order of the ids, in the form of [Standard Webhooks](https://www.standardwebhooks.com): the
object above as the body, and the headers `webhook-id` (`evt_` and the id, the same at each attempt),
`webhook-timestamp` and `webhook-signature`; its libraries verify them. The secret is
`PAPERDESK_WEBHOOK_SECRET`, `whsec_` and 24 to 64 bytes in base64, else the one in
`.paperdesk/webhook-secret`, which is made where none is.

An event is tried until the answer is 2xx, and the next one waits for it: after 0.5, 1, 2 and 4 s, with
`--follow` then every 30 s for ever; otherwise the command ends with 1, as it does at once on a 410. Which
event was taken last is kept in `.paperdesk/forwarded/`, for each service, filter and address, so the next
start goes on with the one behind it; `--since-id` says otherwise. An event may come twice where the
command was killed between the answer and that note: the id tells.
"""

ROWS = """\
A row of an order is the one of `GET /api/v1/orders/{batch_id}`, a fill an item of
`GET /api/v1/executions`, a mismatch a lock of `GET /api/v1/accounts`.
"""


def main() -> None:
    """Print the page."""
    of_batch = {kind: told for kind, told in EVENTS.items() if kind in OF_BATCH}
    of_account = {kind: told for kind, told in EVENTS.items() if kind not in OF_BATCH}
    parts = [
        HEAD,
        "## What happens\n",
        "Of these another client is told those of its own batches only:\n",
        *table(of_batch),
        "\nAnd these everybody who may use the account:\n",
        *table(of_account),
        "\n## What the stream says of itself\n",
        "These have no id, are sent whatever `types` names, and are in no ledger.\n",
        *table(CONTROLS),
        f"\n{ROWS}",
        TAIL.rstrip("\n") + "\n",
    ]
    sys.stdout.write("\n".join(parts))


def table(told: Mapping[StrEnum, tuple[str, type[Struct]]]) -> Iterator[str]:
    """Return the rows of some types."""
    yield "| type | when | `data` |"
    yield "|---|---|---|"
    for kind, (words, body) in told.items():
        yield f"| `{kind}` | {words} | {members(body)} |"


def members(body: type[Struct]) -> str:
    """Return the names of what is in a body; of a long one what it is."""
    names = [f"`{field.encode_name}`" for field in fields(body)]
    long = {"OrderRow": "the row of the order", "ExecutionBody": "the fill"}
    return long.get(body.__name__, ", ".join(names))


main()
