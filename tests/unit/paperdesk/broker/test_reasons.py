from __future__ import annotations

from dataclasses import replace

import pytest

from paperdesk.broker.reasons import COMPETING, Connecting, closed, connecting_failed, id_in_use
from paperdesk.desk.ports import NotSent

READ_ONLY = "The API interface is currently in Read-Only mode."
REFUSED = ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 4002)")
ATTEMPT = Connecting("gateway:4002", 1.0, READ_ONLY)
RESET = "[Errno 104] Connection reset by peer"
TWICE = OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 111] Connect")


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (TimeoutError(), "no answer from gateway:4002 within 1 s"),
        (REFUSED, "connection refused at gateway:4002: is IB Gateway running"),
        (TWICE, "connection refused at gateway:4002: is IB Gateway running"),
        (ConnectionError(["open orders request timed out"]), "open orders request timed out; "),
        (OSError(113, "No route to host"), "cannot reach gateway:4002: No route to host"),
        (ConnectionError("Socket connection broken"), "cannot reach gateway:4002: Socket"),
        (NotSent("the connection is closing"), "cannot reach gateway:4002: the connection"),
    ],
)
def test_why_connecting_failed_is_said_in_words(problem: OSError | NotSent, words: str) -> None:
    assert words in connecting_failed(ATTEMPT, problem)


def test_a_gateways_own_complaint_is_named() -> None:
    words = connecting_failed(ATTEMPT, ConnectionError(["positions request timed out"]))

    assert words.endswith(f"it says: {READ_ONLY}")


def test_a_refusal_after_a_session_was_up_is_most_likely_a_restart() -> None:
    words = connecting_failed(replace(ATTEMPT, was_up=True), REFUSED)

    assert words.startswith("connection refused at gateway:4002: it restarts")


@pytest.mark.parametrize(
    ("said", "hint", "was_up", "words"),
    [
        ("", None, False, "gateway:4002 closed the connection"),
        (
            RESET,
            None,
            False,
            "gateway:4002 closed the connection: [Errno 104] Connection reset",
        ),
        (
            RESET,
            None,
            True,
            "gateway:4002 closed the connection: it restarts, as it does every",
        ),
        ("[Errno 110] timed out", None, True, "closed the connection: [Errno 110] timed out"),
        ("", None, True, "gateway:4002 closed the connection: it restarts, as it does every"),
        (RESET, COMPETING, True, "closed the connection: another session took its"),
    ],
)
def test_a_closed_connection_is_explained_by_what_is_known(
    said: str, hint: str | None, *, was_up: bool, words: str
) -> None:
    assert words in closed("gateway:4002", said, hint, was_up=was_up)


def test_a_client_id_in_use_is_named_with_what_to_do() -> None:
    assert "client id 17 is in use at gateway:4002: stop" in id_in_use("gateway:4002", 17)
