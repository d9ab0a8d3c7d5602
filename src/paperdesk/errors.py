"""Every error that is raised on purpose.

Owns: the tree below; of each error its `code` (stable, for programs), its HTTP `status`,
whether the same request may be sent again (`retryable`), what mends it (`fix`), and an `example`
of its detail; the docstring says what it means. A broken invariant of our own is an
`assert`, never one of these. The SDK raises the same ones, with what the service answered.
Knows nothing of HTTP frameworks, brokers or databases.

    PaperdeskError
    ├── LocalError             what no service answers with
    │   ├── ConfigError        the configuration cannot be used; stops the start
    │   ├── BackupRefused      a backup cannot be made, or not be restored; a command's error
    │   ├── Unreachable        no service answers; the SDK's, as the next two
    │   ├── BatchFailed        a batch ended short of a target
    │   └── StillWorking       a batch has not ended yet
    ├── BadRequest             400  bad-request
    ├── Unauthorized           401  unauthorized
    ├── Forbidden              403  forbidden
    ├── NotFound               404  not-found
    ├── MethodNotAllowed       405  method-not-allowed
    ├── RequestTimeout         408  request-timeout
    ├── Halted                 409  halted
    ├── IdempotencyInProgress  409  idempotency-in-progress
    ├── PreviewStale           409  preview-stale
    ├── PayloadTooLarge        413  payload-too-large
    ├── IdempotencyMismatch    422  idempotency-mismatch
    ├── RateLimited            429  rate-limited
    ├── TooManyRequests        429  too-many-requests
    ├── BrokerUnavailable      500  broker-unavailable
    ├── InternalError          500  internal-error
    ├── LedgerUnavailable      503  ledger-unavailable
    ├── NotReady               503  not-ready
    └── OutcomeUnknown         503  outcome-unknown
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a request: where, and what to do about it."""

    field: str
    message: str


class PaperdeskError(Exception):
    """The root of the tree. `detail` is a sentence for a person that says what to do.

    What the SDK raises also has `problem`, the document that the service answered with, and
    `request_id`, under which its log has more; of its own errors both are None.
    """

    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    fix: ClassVar[str]
    example: ClassVar[str]

    def __init__(
        self,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds
        self.problem: Mapping[str, Any] | None = None
        self.request_id: str | None = None


class LocalError(PaperdeskError):
    """What no service answers with: it is said where it is noticed."""


class ConfigError(LocalError):
    """The configuration cannot be used. Mend the file or the environment and start again."""

    code = "config"
    title = "The configuration cannot be used"


class BackupRefused(LocalError):
    """The backup cannot be made, or not be restored; the ledger is as it was."""

    code = "backup"
    title = "The backup cannot be used"


class Unreachable(LocalError):
    """No service answered at the address, or what did is none of ours."""

    code = "unreachable"
    title = "The service cannot be reached"
    retryable = True


class BatchFailed(LocalError):
    """A batch ended short of a target: the detail names the symbols and why."""

    code = "batch-failed"
    title = "The batch ended short of its targets"


class StillWorking(LocalError):
    """A batch has not ended yet. Wait on; sending it again would change nothing."""

    code = "still-working"
    title = "The batch is still working"


class BadRequest(PaperdeskError):
    """The request is not understood; nothing was stored or sent. Every breach is named at once."""

    code = "bad-request"
    title = "The request is not valid"
    status = 400
    fix = "Mend what `errors` names, each with its field, and send it again."
    example = "orders[0].quantity must be a JSON number, not a string."

    @classmethod
    def of(cls, field: str, words: str) -> Self:
        """Return the error of one field; `words` say what is wrong with it, without a full stop."""
        return cls(f"{field}: {words}.", errors=(FieldError(field, words),))


class Unauthorized(PaperdeskError):
    """The API key is missing, unknown, revoked, or expired. Nothing else was looked at."""

    code = "unauthorized"
    title = "API key missing or unknown"
    status = 401
    fix = (
        "Send a key in the header `X-API-Key`. `.paperdesk/key` has the service's own; "
        "`paperdesk keys create NAME` makes another."
    )
    example = "Send your API key in the header X-API-Key, once."


class Forbidden(PaperdeskError):
    """The API key is known but lacks the scope, or an account, that this call needs."""

    code = "forbidden"
    title = "The API key lacks the scope"
    status = 403
    fix = (
        "Use a key with that scope; an administrator makes one with `paperdesk keys "
        "create NAME --scope SCOPE`."
    )
    example = "This call needs the scope admin; the API key of trader does not include it."


class NotFound(PaperdeskError):
    """There is no such thing, or it belongs to another client."""

    code = "not-found"
    title = "Not found"
    status = 404
    fix = (
        "Check the id and the path. `GET /api/v1/orders` lists the batches of the key, "
        "`/docs` every path."
    )
    example = "there is no batch 0000000000000000"


class MethodNotAllowed(PaperdeskError):
    """The path exists, but not with this method."""

    code = "method-not-allowed"
    title = "Method not allowed"
    status = 405
    fix = "Use a method that the header `Allow` names."
    example = "PUT is not allowed here; use GET, HEAD, OPTIONS, POST."


class RequestTimeout(PaperdeskError):
    """The request took too long to arrive. Nothing was stored or sent."""

    code = "request-timeout"
    title = "The request took too long to arrive"
    status = 408
    fix = "Send it again, whole: something on the way held it up."
    example = "The body did not arrive within 30 s; nothing was stored or sent."


class Halted(PaperdeskError):
    """New orders are halted: the detail says by whom and why. Nothing was stored or sent."""

    code = "halted"
    title = "Trading is halted"
    status = 409
    fix = (
        "`/api/v1/accounts` shows every halt. When its reason has gone, an admin ends it "
        "with `paperdesk resume --reason WHY`; then send the request again."
    )
    example = (
        "account DU8730189 is halted by trader: prices look wrong; nothing was stored: "
        "resume first"
    )


class IdempotencyInProgress(PaperdeskError):
    """The first request with this Idempotency-Key is still running; this one changed nothing."""

    code = "idempotency-in-progress"
    title = "The first request with this key is still running"
    status = 409
    retryable = True
    fix = (
        "Send the same again after the seconds of the header `Retry-After`: it is "
        "answered with the first answer."
    )
    example = "the first request with this Idempotency-Key is still running: ask again"


class PreviewStale(PaperdeskError):
    """The preview is unknown, used, older than 10 minutes, or would no longer be the same.

    Nothing was stored or sent.
    """

    code = "preview-stale"
    title = "The preview is no longer good"
    status = 409
    fix = "Preview the batch again, look at it, and send the new id."
    example = (
        "there is no such preview, or it was used or is older than ten minutes: preview "
        "the batch again"
    )


class PayloadTooLarge(PaperdeskError):
    """The body is larger than 1 MiB. Nothing of it was looked at."""

    code = "payload-too-large"
    title = "The body is too large"
    status = 413
    fix = "Send fewer orders in one batch; 1,000 fit."
    example = "The body is larger than 1 MiB (1,048,576 bytes): send fewer orders in one batch."


class IdempotencyMismatch(PaperdeskError):
    """The Idempotency-Key was used with another body. Nothing was stored or sent."""

    code = "idempotency-mismatch"
    title = "The idempotency key was used with another body"
    status = 422
    fix = "Use a new key for a new request. Keep a key with the request that it was made for."
    example = "this Idempotency-Key was used with another body: use a new key"


class RateLimited(PaperdeskError):
    """More came than this client, its address, or all clients may send; nothing was looked at."""

    code = "rate-limited"
    title = "Too many requests a second"
    status = 429
    retryable = True
    fix = (
        "Send it again after the seconds of the header `Retry-After`. `RateLimit-Policy` "
        "on every answer says how much may come; `[rates]` in `paperdesk.toml` sets it."
    )
    example = (
        "The client of this API key sends more requests than it may (200 a second): slow "
        "down, and put more targets into one batch. Nothing of this request was looked "
        "at."
    )


class TooManyRequests(PaperdeskError):
    """More is queued for the gateway than can be sent in time; nothing was stored."""

    code = "too-many-requests"
    title = "Too many requests"
    status = 429
    retryable = True
    fix = "Send it again after the seconds of the header `Retry-After`, or smaller batches."
    example = (
        "the orders queued already take 65 s to send at 45 a second: send the batch again later"
    )


class BrokerUnavailable(PaperdeskError):
    """The broker session is down: nothing of the batch was placed and nothing will be."""

    code = "broker-unavailable"
    title = "Broker connection error"
    status = 500
    retryable = True
    fix = (
        "Ask `/api/v1/accounts` for the reason, or `paperdesk doctor` for what to do; the"
        " service connects again by itself. Send the request again when `/health` shows "
        "the account true."
    )
    example = (
        "account DU8730189 has no broker session (connection refused at 127.0.0.1:4002: is IB Gateway running and its API port open?):"
        " nothing was placed and nothing will be; send the batch again when /health shows"
        " the account true"
    )


class InternalError(PaperdeskError):
    """A defect of Paperdesk. What was accepted before it is in the ledger all the same."""

    code = "internal-error"
    title = "Internal error"
    status = 500
    fix = (
        "Look in the log under the `X-Request-ID` of the answer. Whether a batch was "
        "accepted, `GET /api/v1/orders` tells; a POST with an `Idempotency-Key` may be "
        "sent again."
    )
    example = (
        "Something went wrong inside Paperdesk. The log has the details under the "
        "X-Request-ID of this answer."
    )


class LedgerUnavailable(PaperdeskError):
    """The ledger cannot be written; nothing was stored or sent."""

    code = "ledger-unavailable"
    title = "The ledger is not writable"
    status = 503
    retryable = True
    fix = (
        "Free the disk, or bring the database back; `paperdesk doctor` says which it is. "
        "Then send the request again."
    )
    example = "the ledger cannot be used: database or disk is full"


class NotReady(PaperdeskError):
    """The ledger is not writable yet, or no account is up."""

    code = "not-ready"
    title = "Not ready"
    status = 503
    retryable = True
    fix = (
        "Send no traffic here until `/readyz` answers 200; `/api/v1/accounts` has the "
        "reason of each account."
    )
    example = "Not ready: no account is up."


class OutcomeUnknown(PaperdeskError):
    """The accepting commit could not be read back: the batch is stored, or it is not."""

    code = "outcome-unknown"
    title = "The outcome is not known"
    status = 503
    retryable = True
    fix = (
        "Send the same request with the same Idempotency-Key: it is answered with the "
        "batch, or accepted now. Without a key look at `GET /api/v1/orders` first."
    )
    example = (
        "the ledger was lost while it stored this, and cannot be asked whether it did: "
        "ask again with the same Idempotency-Key"
    )


ANSWERED: Final[Mapping[str, type[PaperdeskError]]] = {
    kind.code: kind for kind in PaperdeskError.__subclasses__() if kind is not LocalError
}  # by code, whatever a service may answer with
