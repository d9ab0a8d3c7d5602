from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsim.wire.errors import ProtocolError
from twsim.wire.framing import FRAME_BYTES_MAX, FrameCutter, frame


def test_a_frame_is_its_length_and_its_payload() -> None:
    assert frame(b"49\x001\x00") == b"\x00\x00\x00\x0549\x001\x00"


@settings(deadline=None)
@given(payloads=st.lists(st.binary(min_size=1, max_size=40), max_size=8), data=st.data())
def test_frames_come_out_as_they_went_in_however_they_are_split(
    payloads: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(frame(payload) for payload in payloads)
    cutter = FrameCutter()
    found: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        cutter.feed(stream[:size])
        stream = stream[size:]
        while (payload := cutter.next_frame()) is not None:
            found.append(payload)

    assert found == payloads
    assert len(cutter) == 0


@pytest.mark.parametrize("length", [0, FRAME_BYTES_MAX + 1, 0xFFFFFFFF])
def test_an_impossible_length_is_an_error_as_soon_as_it_is_known(length: int) -> None:
    cutter = FrameCutter()
    cutter.feed(length.to_bytes(4, "big"))

    with pytest.raises(ProtocolError):
        cutter.next_frame()


def test_the_longest_frame_passes() -> None:
    payload = b"x" * FRAME_BYTES_MAX
    cutter = FrameCutter()
    cutter.feed(frame(payload))

    assert cutter.next_frame() == payload


def test_raw_bytes_wait_until_all_are_here_and_clear_forgets() -> None:
    cutter = FrameCutter()
    cutter.feed(b"AP")

    assert cutter.next_raw(4) is None

    cutter.feed(b"I\0rest")

    assert cutter.next_raw(4) == b"API\0"

    cutter.clear()

    assert len(cutter) == 0
