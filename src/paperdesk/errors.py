"""Every error that is raised on purpose.

Owns: the tree below; of each error its `code` (stable, for programs), its HTTP `status`, and
whether the same request may be sent again (`retryable`). A broken invariant of our own is an
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
    """The request is not understood; nothing was stored or sent. Mend it, then send it again."""

    code = "bad-request"
    title = "The request is not valid"
    status = 400

    @classmethod
    def of(cls, field: str, words: str) -> Self:
        """Return the error of one field; `words` say what is wrong with it, without a full stop."""
        return cls(f"{field}: {words}.", errors=(FieldError(field, words),))


class Unauthorized(PaperdeskError):
    """The API key is missing or unknown. Send it in the header `X-API-Key`."""

    code = "unauthorized"
    title = "API key missing or unknown"
    status = 401


class Forbidden(PaperdeskError):
    """The API key is known but lacks the scope that this call needs."""

    code = "forbidden"
    title = "The API key lacks the scope"
    status = 403


class NotFound(PaperdeskError):
    """There is no such thing, or it belongs to another client."""

    code = "not-found"
    title = "Not found"
    status = 404


class MethodNotAllowed(PaperdeskError):
    """The path exists, but not with this method."""

    code = "method-not-allowed"
    title = "Method not allowed"
    status = 405


class RequestTimeout(PaperdeskError):
    """The request took too long to arrive. Nothing was stored or sent; send it again, faster."""

    code = "request-timeout"
    title = "The request took too long to arrive"
    status = 408


class Halted(PaperdeskError):
    """New orders are halted: the detail says by whom and why. Nothing was stored or sent.

    `/api/v1/accounts` shows every halt; an admin ends it with `resume` and a reason.
    """

    code = "halted"
    title = "Trading is halted"
    status = 409


class IdempotencyInProgress(PaperdeskError):
    """The first request with this Idempotency-Key is still running. Send it again later."""

    code = "idempotency-in-progress"
    title = "The first request with this key is still running"
    status = 409
    retryable = True


class PreviewStale(PaperdeskError):
    """The preview is unknown, used, older than 10 minutes, or would no longer be the same.

    Nothing was stored or sent. Preview the batch again, look at it, and send the new id.
    """

    code = "preview-stale"
    title = "The preview is no longer good"
    status = 409


class PayloadTooLarge(PaperdeskError):
    """The body is larger than 1 MiB. Send fewer orders in one batch."""

    code = "payload-too-large"
    title = "The body is too large"
    status = 413


class IdempotencyMismatch(PaperdeskError):
    """The Idempotency-Key was used with another body. Use a new key for a new request."""

    code = "idempotency-mismatch"
    title = "The idempotency key was used with another body"
    status = 422


class RateLimited(PaperdeskError):
    """More came than this client, its address, or all clients may send; nothing was looked at.

    Send it again after the seconds of the header `Retry-After`.
    """

    code = "rate-limited"
    title = "Too many requests a second"
    status = 429
    retryable = True


class TooManyRequests(PaperdeskError):
    """More is queued than can be sent in time; nothing was stored. Send it again later."""

    code = "too-many-requests"
    title = "Too many requests"
    status = 429
    retryable = True


class BrokerUnavailable(PaperdeskError):
    """The broker session is down: nothing of the batch was placed and nothing will be."""

    code = "broker-unavailable"
    title = "Broker connection error"
    status = 500
    retryable = True


class InternalError(PaperdeskError):
    """A defect of Paperdesk. The log has the details under the request's id."""

    code = "internal-error"
    title = "Internal error"
    status = 500


class LedgerUnavailable(PaperdeskError):
    """The ledger cannot be written; nothing was stored or sent."""

    code = "ledger-unavailable"
    title = "The ledger is not writable"
    status = 503
    retryable = True


class NotReady(PaperdeskError):
    """The ledger is not writable yet, or no account is up. Send traffic here later."""

    code = "not-ready"
    title = "Not ready"
    status = 503
    retryable = True


class OutcomeUnknown(PaperdeskError):
    """The accepting commit could not be read back. Ask again with the same Idempotency-Key."""

    code = "outcome-unknown"
    title = "The outcome is not known"
    status = 503
    retryable = True


ANSWERED: Final[Mapping[str, type[PaperdeskError]]] = {
    kind.code: kind for kind in PaperdeskError.__subclasses__() if kind is not LocalError
}  # by code, whatever a service may answer with
