"""Passing events on to a web hook, in the form of Standard Webhooks.

Owns: the headers with their signature, the secret that it is made with, how often a hook is tried,
and from where the next start goes on. Knows nothing of the stream.
"""

from __future__ import annotations

import hmac
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain, repeat
from time import sleep
from typing import TYPE_CHECKING, Final

from paperdesk.cli.output import plain, say
from paperdesk.clock import SystemClock
from paperdesk.errors import BadRequest, PaperdeskError
from paperdesk.whereabouts import HOME, key_in, write_key

if TYPE_CHECKING:
    from paperdesk.client.stream import Event

SECRET_VARIABLE: Final = "PAPERDESK_WEBHOOK_SECRET"  # noqa: S105 - its name
SECRET_FILE: Final = HOME / "webhook-secret"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - of every secret of Standard Webhooks
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64
SECRET_BYTES_MADE: Final = 32
PLACES: Final = HOME / "forwarded"
PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
PAUSE_MAX: Final = 30.0  # of whoever follows, and has time
POST_SECONDS: Final = 10.0
GONE: Final = 410  # Standard Webhooks: the receiver wants no more


class Hook:
    """An address to which events are posted in order, each until it is taken.

    `stream` says what is passed on from where: the place is kept for each. With `insists` an event
    is tried for ever.
    """

    def __init__(self, address: str, *, stream: str, insists: bool) -> None:
        import httpx  # noqa: PLC0415 - only who forwards pays for it

        if not address.startswith(("http://", "https://")):
            raise BadRequest(f"{address} is no address: write http://… or https://…")
        self._address = address
        self._insists = insists
        self._secret = secret()
        digest = sha256(f"{stream} {address}".encode()).hexdigest()
        self._place = PLACES / digest[:16]
        self._http = httpx.Client(timeout=POST_SECONDS)

    def last_id(self) -> int | None:
        """Return the event after which to go on, None where nothing is written down yet."""
        try:
            return int(self._place.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    def keep(self, event_id: int) -> None:
        """Write down that everything up to this event was taken, or is not wanted."""
        PLACES.mkdir(parents=True, exist_ok=True)
        written = self._place.with_suffix(".new")
        written.write_text(f"{event_id}\n", encoding="ascii")
        written.replace(self._place)

    def forward(self, event: Event) -> None:
        """Post an event until it is taken. Raises PaperdeskError that says how to go on."""
        assert event.id is not None, "a control event is for whoever reads the stream"
        body = json.dumps(plain(event)).encode()
        why = ""
        for pause in self._pauses():
            status, why = self._post(f"evt_{event.id}", body)
            if 200 <= status < 300:  # noqa: PLR2004 - what counts as taken
                self.keep(event.id)
                say(f"{event.id} {event.type} → {status}")
                return
            if status == GONE:
                break
            say(
                f"{event.id} {event.type} → {why}"
                + (f"; again in {pause:g} s" if pause else "")
            )
            sleep(pause)
        raise PaperdeskError(
            f"{self._address} did not take event {event.id} ({why})\n  → without --since-id "
            f"the next start goes on with it; --since-id {event.id} leaves it out"
        )

    def _pauses(self) -> Iterator[float]:
        return chain(PAUSES, repeat(PAUSE_MAX) if self._insists else (0.0,))

    def _post(self, message_id: str, body: bytes) -> tuple[int, str]:
        """Try once; return the status, 0 where there was no answer, and what to say of it."""
        import httpx  # noqa: PLC0415 - it has been imported

        at = int(SystemClock().now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": message_id,
            "Webhook-Timestamp": str(at),
            "Webhook-Signature": signature(self._secret, message_id, at, body),
        }
        try:
            status = self._http.post(self._address, content=body, headers=headers).status_code
        except httpx.TransportError as error:
            return 0, str(error) or type(error).__name__
        return status, f"HTTP {status}"


def signature(secret: bytes, message_id: str, at: int, body: bytes) -> str:
    """Return the signature of a message, by Standard Webhooks (v1, symmetric)."""
    signed = b".".join((message_id.encode(), str(at).encode(), body))
    return f"v1,{b64encode(hmac.digest(secret, signed, 'sha256')).decode()}"


def secret() -> bytes:
    """Return the secret of the environment, else of this folder: made once, shown to nobody else.

    Raises BadRequest where it is none.
    """
    text = os.environ.get(SECRET_VARIABLE) or _secret_of_folder()
    try:
        found = b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        found = b""
    if not (
        text.startswith(SECRET_PREFIX) and SECRET_BYTES_MIN <= len(found) <= SECRET_BYTES_MAX
    ):
        raise BadRequest(
            f"{SECRET_VARIABLE} or {SECRET_FILE} is no secret: {SECRET_PREFIX} and "
            f"{SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64"
        )
    return found


def _secret_of_folder() -> str:
    if not SECRET_FILE.exists():
        from paperdesk.runtime import SystemRandom  # noqa: PLC0415 - once in a folder's life

        chance = bytes.fromhex(SystemRandom().token_hex(2 * SECRET_BYTES_MADE))
        write_key(SECRET_FILE, f"{SECRET_PREFIX}{b64encode(chance).decode()}")
    say(f"Signed with the secret in {SECRET_FILE}.")
    return key_in(SECRET_FILE)
