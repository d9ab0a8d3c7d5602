from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.exchange.exchange import Exchange
from twsim.exchange.settlement import COMMISSION_DELAY
from twsim.journal import Journal
from twsim_makers import ACCOUNT, NOW, contract, contracts, make_exchange, make_ticket

AAPL = contract("AAPL")


def journal_of(path: Path, exchange: Exchange) -> Journal:
    journal = Journal(path)
    journal.start(exchange.everything)
    return journal


def keep(journal: Journal, exchange: Exchange) -> None:
    changes = exchange.take_changes()
    assert changes is not None
    journal.keep(changes)


def reread(path: Path) -> Exchange:
    kept = Journal(path).read()
    assert kept[0].opening is not None
    exchange = Exchange(contracts(), kept[0].opening)
    exchange.restore(kept, NOW)
    return exchange


def test_there_is_nothing_before_the_first_start(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none.jsonl").read() == []


def test_what_was_kept_is_read_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.jsonl"
    exchange = make_exchange()
    journal = journal_of(path, exchange)
    exchange.place(make_ticket(limit="149.00"), NOW)
    exchange.place(make_ticket(order_id=2, quantity="7"), NOW)
    exchange.set_price(AAPL, Decimal("148.1234"), NOW)
    keep(journal, exchange)
    exchange.advance(NOW + COMMISSION_DELAY)
    keep(journal, exchange)

    assert reread(path).everything() == exchange.everything()
    journal.close()


def test_every_line_is_with_the_operating_system_before_keep_returns(tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    exchange = make_exchange()
    journal = journal_of(path, exchange)
    exchange.place(make_ticket(), NOW)
    keep(journal, exchange)

    assert reread(path).position(ACCOUNT, AAPL.con_id).quantity == 100
    journal.close()


@settings(deadline=None, max_examples=50)
@given(cut=st.integers(1, 200))
def test_a_torn_last_line_is_dropped(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "state.jsonl"
    exchange = make_exchange()
    journal = journal_of(path, exchange)
    exchange.place(make_ticket(), NOW)
    keep(journal, exchange)
    journal.close()
    path.write_bytes(path.read_bytes()[:-cut])

    assert reread(path).position(ACCOUNT, AAPL.con_id).quantity == 0


def test_a_start_leaves_one_line_that_holds_everything(tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    exchange = make_exchange()
    journal = journal_of(path, exchange)
    for order_id in range(1, 20):
        exchange.place(make_ticket(order_id=order_id), NOW + timedelta(seconds=order_id))
        keep(journal, exchange)
    journal.close()
    before = reread(path).everything()
    journal_of(path, reread(path)).close()

    assert path.read_bytes().count(b"\n") == 1
    assert reread(path).everything() == before
    assert [each.name for each in tmp_path.iterdir()] == ["state.jsonl"]


def test_another_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary\nnothing happened\n")

    with pytest.raises(ValueError, match="not a journal of twsim"):
        Journal(path).read()

    assert path.read_text().startswith("dear diary")


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "state.jsonl", make_exchange())
    journal.close()
    journal.close()


def test_two_journals_cannot_have_one_file(tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    first = journal_of(path, make_exchange())
    second = Journal(path)

    with pytest.raises(ValueError, match=r"state\.jsonl is in use by another gateway"):
        second.lock()

    first.close()
    second.lock()
    with pytest.raises(ValueError, match="in use"):
        journal_of(path, make_exchange())
    second.close()


def test_a_file_that_is_replaced_while_it_is_locked_is_locked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.jsonl"
    answers = [False, True]
    monkeypatch.setattr("os.path.samestat", lambda *_: answers.pop(0))
    journal = Journal(path)
    journal.lock()

    assert answers == []
    journal.close()

    answers += [False] * 10
    with pytest.raises(ValueError, match="does not hold still"):
        journal.lock()


def test_a_file_that_grew_too_long_is_started_anew_while_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twsim.journal.COMPACT_BYTES_MIN", 8_000)
    path = tmp_path / "state.jsonl"
    exchange = make_exchange()
    journal = journal_of(path, exchange)
    longest = 0
    for order_id in range(1, 301):
        at = NOW + timedelta(hours=order_id)
        exchange.advance(at)
        exchange.place(make_ticket(order_id=order_id, side=["BUY", "SELL"][order_id % 2]), at)
        keep(journal, exchange)
        longest = max(longest, path.stat().st_size)

    assert longest < 100_000
    kept = Journal(path).read()
    other = Exchange(contracts(), exchange.opening)
    other.restore(kept, NOW + timedelta(hours=300))
    assert other.everything() == exchange.everything()
    with pytest.raises(ValueError, match="in use"):
        Journal(path).lock()
    journal.close()
