"""Which answers are kept, how long they hold, and who gets them. No ledger, no socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makers import ACCOUNT, NOW
from paperdesk.api.kept import ENTRY_BYTES, KeptAnswers
from paperdesk.domain.batch import BatchHead
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import AccountId, BatchId, ClientName, Scope


class Version:
    """The version of a ledger, in the test's hand."""

    def __init__(self) -> None:
        self.now: int | None = 1

    def __call__(self) -> int | None:
        return self.now


def client(name: str = "me", scope: Scope = Scope.READ, account: str = ACCOUNT) -> Client:
    return Client(ClientName(name), frozenset({scope}), frozenset({AccountId(account)}))


def head(batch_id: str = "b1") -> BatchHead:
    return BatchHead(BatchId(batch_id), ACCOUNT, ClientName("me"), NOW)


def test_an_answer_holds_until_the_version_is_another_one() -> None:
    version = Version()
    kept = KeptAnswers(version)
    kept.keep(head(), b"{}", kept.version())

    assert kept.find("b1", client()) == b"{}"
    for other in (None, 2):
        version.now = other
        assert kept.find("b1", client()) is None


@pytest.mark.parametrize("later", [None, 2])
def test_what_was_read_while_the_version_changed_is_not_kept(later: int | None) -> None:
    version = Version()
    kept = KeptAnswers(version)
    before = kept.version()
    version.now = later
    kept.keep(head(), b"{}", before)

    assert kept.size == 0


def test_what_was_read_during_a_transaction_is_not_kept() -> None:
    version = Version()
    version.now = None
    kept = KeptAnswers(version)
    kept.keep(head(), b"{}", kept.version())
    version.now = 1

    assert kept.find("b1", client()) is None
    assert kept.size == 0


@pytest.mark.parametrize(
    ("caller", "sees"),
    [
        (client(), True),
        (client("other"), False),
        (client("other", Scope.TRADE), False),
        (client("other", Scope.AUDIT), True),
        (client("other", Scope.ADMIN), True),
        (client(account="DU1"), False),
        (client("other", Scope.ADMIN, "DU1"), False),
    ],
)
def test_an_answer_is_found_by_those_only_who_may_see_the_batch(
    caller: Client,
    sees: bool,  # noqa: FBT001
) -> None:
    kept = KeptAnswers(Version())
    kept.keep(head(), b"{}", 1)

    assert (kept.find("b1", caller) is not None) == sees


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["b1", "b2", "b3", "b4"]),
            st.integers(min_value=0, max_value=4_000),
            st.sampled_from(["keep", "find", "write"]),
        )
    )
)
def test_what_is_kept_is_bounded_and_what_is_found_is_what_was_read_last(
    steps: list[tuple[str, int, str]],
) -> None:
    version = Version()
    version.now = 0
    kept = KeptAnswers(version, bytes_max=3 * ENTRY_BYTES)
    ledger: dict[str, bytes] = {}
    for batch_id, size, step in steps:
        if step == "keep":
            ledger.setdefault(batch_id, b"x" * size)
            kept.keep(head(batch_id), ledger[batch_id], kept.version())
        elif step == "write":
            ledger.pop(batch_id, None)
            version.now += 1

        assert kept.size <= 3 * ENTRY_BYTES
        assert kept.find(batch_id, client()) in {None, ledger.get(batch_id)}


def test_the_answer_that_was_not_asked_for_longest_goes_first() -> None:
    kept = KeptAnswers(Version(), bytes_max=2 * ENTRY_BYTES)
    for name in ("b1", "b2"):
        kept.keep(head(name), b"", 1)
    kept.find("b1", client())
    kept.keep(head("b3"), b"", 1)

    assert [kept.find(name, client()) for name in ("b1", "b2", "b3")] == [b"", None, b""]
