"""Any split and any corruption of the bytes ends at most the line that they came on."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.wire.framing import FRAME_BYTES_MAX, frame
from twsim_nonsense import NASTY, FarEnd, Victim, corpus, payload, pieces


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_nonsense_harms_nobody(random: Random) -> None:
    victim = Victim()
    for _ in range(2):
        victim.suffer(random)


def test_a_hundred_clients_full_of_nonsense_harm_nobody() -> None:
    victim, random = Victim(), Random(20260309)
    for _ in range(100):
        victim.suffer(random)


@given(st.randoms(use_true_random=False), st.binary(max_size=500))
def test_pieces_are_the_whole(random: Random, data: bytes) -> None:
    assert b"".join(pieces(random, data)) == data


@pytest.mark.parametrize("nasty", NASTY)
def test_no_field_of_any_message_takes_twsim_down(nasty: str) -> None:
    victim = Victim()
    session, line = victim.newcomer(1)
    for decent in {message[0]: message for message in corpus(178)}.values():
        for place in range(len(decent)):
            fields = [*decent[:place], nasty, *decent[place + 1 :]]
            victim.simulator.receive(session, frame(payload(fields)))
            line.heard()
            if line.closed:
                victim.simulator.lost(session)
                session, line = victim.newcomer(1)


def test_a_promise_of_much_is_kept_in_mind_only_up_to_one_frame() -> None:
    victim, line = Victim(), FarEnd()
    session = victim.simulator.connect(line)
    assert session is not None
    victim.simulator.receive(session, b"API\0" + FRAME_BYTES_MAX.to_bytes(4, "big"))
    for _ in range(40):
        victim.simulator.receive(session, bytes(1 << 19))
        assert len(session.connection._cutter) <= FRAME_BYTES_MAX + 4

    assert line.closed
    assert len(session.connection._cutter) == 0
