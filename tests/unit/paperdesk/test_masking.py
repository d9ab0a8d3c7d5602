"""Secrets in text: each shape is masked, everything else is left, and it never takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperdesk.masking import MASK, is_secret_name, looks_like_key, masked, told, worth_masking

CANARY = "c4naryc4naryc4nary"
KEY = "pdk_0123456789abcdef0123456789abcdef01234567"
# Each carries the canary, or the key, in a shape that a line of a log may have.
SHAPES = (
    KEY,
    KEY.upper(),
    KEY.replace("_", "%5F"),
    f"X-API-Key: {CANARY}",
    f"x-api-key={CANARY}",
    f"[('x-api-key', '{CANARY}')]",
    f"[(b'authorization', b'Bearer {CANARY}')]",
    f'{{"Authorization": "Basic {CANARY}"}}',
    f'{{\\"authorization\\": \\"{CANARY}\\"}}',
    f"Cookie: a=1; session={CANARY}",
    f"bearer {CANARY}",
    f"authorization=Bearer%20{CANARY}",
    f"password={CANARY} host=db",
    f"password%3D{CANARY}",
    f"PASSWORD: '{CANARY} with blanks'",
    f"sslpassword={CANARY}&x=1",
    f"?api_key={CANARY}&limit=5",
    f"?key={CANARY}",
    f"{{'client_secret': '{CANARY}'}}",
    f"token = {CANARY}",
    f"postgresql://user:{CANARY}@host/db",
    f"postgresql://user:a@b:{CANARY}/c@host/db",
    f"postgresql://user:%2F{CANARY}%40@/db?host=/run",
    f"url=postgresql%3A%2F%2Fuser%3A{CANARY}%40host%2Fdb",
    f"(postgres://u:p@h,redis://:{CANARY}@h)",
    f"PDK_{CANARY}{CANARY}",
)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "frame", ["{}", "a line\n{}\nmore", "see {} there", '"{}"', "{{'a': {}}}"]
)
def test_a_secret_is_masked_wherever_it_stands(shape: str, frame: str) -> None:
    shown = masked(frame.format(shape))

    assert CANARY not in shown
    assert KEY[4:].lower() not in shown.lower()
    assert MASK in shown


@given(st.text(), st.sampled_from(SHAPES), st.text())
def test_no_text_around_it_lets_a_secret_through(before: str, shape: str, after: str) -> None:
    shown = masked(f"{before} {shape} {after}", [CANARY])

    assert CANARY not in shown
    assert KEY[4:].lower() not in shown.lower()


@given(st.text())
def test_a_key_is_masked_whatever_touches_it(around: str) -> None:
    shown = masked(f"{around}{KEY}{around}")

    assert KEY not in shown
    assert KEY not in told(f"{around}{KEY}{around}")


@given(st.text(alphabet="abcxyz 0123456789./{}[]()'\"\n-_=:@%&?,;ÄßÄ"))
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert masked(text) == text or "://" in text


@pytest.mark.parametrize(
    "text",
    [
        "paperdesk serves on http://127.0.0.1:8000 (the dashboard; docs: http://127.0.0.1:8000/docs)",
        "postgresql://user@host/db",
        "the ledger test on /run cannot be opened: no password supplied",
        "This Idempotency-Key was used with another body: use a new key.",
        "GET /api/v1/orders/a1b2c3d4e5f67890 by client1",
    ],
)
def test_what_only_speaks_of_secrets_is_left_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_a_sentence_of_ours_names_headers_and_never_a_key() -> None:
    words = "Send your API key in the header X-API-Key: once."

    assert told(words) == words
    assert told(f"{words} {KEY}") == f"{words} {MASK}"
    assert CANARY not in told(f"cannot open postgresql://u:{CANARY}@h/d")


def test_a_known_secret_is_masked_though_it_looks_like_nothing() -> None:
    known = worth_masking(["open/sesame", "open%2Fsesame", "", "abc"])

    assert known == ("open%2Fsesame", "open/sesame")
    assert (
        masked("it said open/sesame, or open%2Fsesame", known) == f"it said {MASK}, or {MASK}"
    )


@pytest.mark.parametrize("piece", [
    "://:", "a://b:", "pdk_", "pdk", "authorization", "authorization:", "bearer ", "password",
    "password=", '"', "'", "\\", " ", "@", "%40", "://@", 'x-api-key: "', "token='", "%3a%2f%2f:",
])  # fmt: skip
def test_a_long_text_takes_time_in_proportion(piece: str) -> None:
    """A pattern that goes back over what it read would take hours for this."""
    text = piece * (1_000_000 // len(piece))
    began = time.perf_counter()
    masked(text)

    assert time.perf_counter() - began < 3


@pytest.mark.parametrize(
    "name",
    ["key", "api_key", "X-API-Key", "apiKey", "password", "PGPASSWORD", "db_password_file",
     "secret", "client_secret_id", "token", "access_token", "Authorization", "Set-Cookie"],
)  # fmt: skip
def test_a_name_tells_that_its_value_is_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["key_id", "client", "path", "reason", "tokens", "symbol", "at"]
)
def test_other_names_do_not(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(("text", "is_key"), [(KEY, True), (f"a{KEY.upper()}", True),
                                              ("pdk_short", False), ("PDK", False)])  # fmt: skip
def test_a_key_of_ours_is_known_by_its_look(text: str, is_key: bool) -> None:  # noqa: FBT001
    assert looks_like_key(text) is is_key
