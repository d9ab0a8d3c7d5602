"""The language of scenarios, and that what it says is done when it says so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from twsim import FaultPlan, Gateway, ManualClock, Scenario, ScenarioError
from twsim.scenario import LINES_MAX, shipped
from twsim_raw import RawClient, names, of, order_text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("set_price AAPL 1", "is not `at TIME: ACTION` or `on WHAT: ACTION`"),
        ("when 5: hold", "'when' is neither `at` nor `on`"),
        ("at noon: hold", "'noon' is no time: 2.5, 90s, 5m, 8h, 1d, or 23:45"),
        ("at 25:00: hold", "'25:00' is no time"),
        ("on: hold", "on what? There are: connect"),
        ("on sunday: hold", "on what"),
        ("on place NOPE: hold", "there is no symbol NOPE"),
        ("at 5: dance", "there is no action dance; there are: set_price"),
        ("at 5: set_price AAPL", "wants SYMBOL PRICE, not AAPL"),
        ("at 5: set_price NOPE 5", "there is no symbol NOPE"),
        ("at 5: set_price AAPL five", "'five' is no number"),
        ("at 5: set_price AAPL -5", "'-5' is below 0"),
        ("at 5: hold AAPL MSFT", "wants SYMBOL, not AAPL MSFT"),
        ("at 5: notify OK", "wants CODE TEXT"),
        ("at 5: notify 4711", "4711 needs words of yours"),
        ("at 5: inject", "inject needs the id of a fault"),
        ("at 5: inject Z1", "there is no fault Z1"),
        ("at 5: inject O03 delay", "'delay' is not name=value"),
        ("at 5: inject O03 size=5", "O03 has no parameter size"),
        ("at 5: resume now", "wants nothing, not now"),
    ],
)
def test_an_error_names_the_line(line: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=r"^line 3: ") as error:
        Scenario.parse(f"# a comment\n\n{line}\n")

    assert words in str(error.value)


def test_a_scenario_has_an_end() -> None:
    with pytest.raises(ScenarioError, match="more than 10000 lines"):
        Scenario.parse("\n" * (LINES_MAX + 1))


def test_time_is_moved_only_on_a_manual_clock() -> None:
    text = "on place: advance 5\n"

    assert Gateway(scenario=text, clock=ManualClock())
    with pytest.raises(ScenarioError, match="line 1: advance needs a ManualClock"):
        Gateway(scenario=text)


def test_a_scenario_is_a_text_a_file_or_one_that_is_shipped(tmp_path: Path) -> None:
    text = "at 5: hold\n"
    (tmp_path / "mine.txt").write_text(text)

    assert Scenario.load(tmp_path / "mine.txt") == Scenario.load(text)
    assert Scenario.load("nightly_restart").steps[0].words.startswith("inject A02")
    with pytest.raises(FileNotFoundError):
        Scenario.load("no_such_scenario")


def test_every_shipped_scenario_makes_sense() -> None:
    assert shipped() == [
        "connection_dead", "connection_kept", "connection_lost", "nightly_restart",
    ]  # fmt: skip
    assert all(Scenario.load(name).steps for name in shipped())


async def test_everything_happens_at_its_time() -> None:
    script = """
    at 1: set_price AAPL 140.00
    at 2.5s: hold AAPL
    at 1m: release AAPL
    at 1h: set_size AAPL 30
    at 2h: set_size AAPL 0
    at 1d: notify 2104 a day later
    """
    async with Gateway(clock=ManualClock(), scenario=script) as gateway:
        client = RawClient(gateway)
        await client.start()
        await client.later(1)

        assert of(await client.place(1), 11)[0][20].startswith("140.")

        await client.later(2)

        assert names(await client.place(2)) == ["open", "PreSubmitted"]
        assert names(await client.later(57))[-3:] == ["exec", "open", "Filled"]

        await client.later(3600)

        assert len(of(await client.place(3), 11)) == 4

        await client.later(3600)

        assert len(of(await client.place(4), 11)) == 1
        assert "2104" in names(await client.later(24 * 3600))
        client.close()


async def test_everything_happens_at_its_message() -> None:
    script = """
    on connect 1: notify 2104 nobody is here yet
    on start: set_price AAPL 150
    on place 2 AAPL: reject 201 Order rejected - reason:Not this one
    on place 3: inject O08
    on cancel 1: hold
    on query: notify 2106 somebody asks
    on fill 1: notify 2107 first fill
    on modify: inject O15
    """
    async with Gateway(clock=ManualClock(), scenario=script) as gateway:
        client = RawClient(gateway)
        await client.start()

        assert names(await client.place(1))[:1] == ["open"]
        assert names(await client.place(2)) == ["201", "open", "Inactive"]
        assert names(await client.place(3, limit="100")) == ["10349", "open", "Submitted"]
        assert names(await client.place(3, limit="101")) == ["open", "Submitted"]
        assert names(await client.ask("16|1|"))[0] == "2106"

        await client.ask("4|1|3||")

        assert names(await client.place(4)) == ["open", "PreSubmitted"]
        assert "first fill" in {frame.fields[4] for frame in gateway.frames("error")}
        client.close()


async def test_a_scenario_may_cut_freeze_heal_and_move_time() -> None:
    script = """
    at 5: disconnect
    at 10: silence
    at 20: resume
    at 30: inject O01 times=0
    at 40: clear_faults
    at 50: release
    on cancel: advance 60
    """
    async with Gateway(clock=ManualClock(), scenario=script) as gateway:
        client = RawClient(gateway)
        await client.start()
        gateway.advance(5)

        assert await client.rest() == b""

        await client.start()
        gateway.advance(5)
        client.send("49|1|")

        assert await client.heard() == []

        gateway.advance(10)

        assert names(await client.heard()) == ["49"]

        await client.later(10)

        assert await client.place(1) == []

        await client.later(10)

        assert names(await client.place(1))[-1] == "Filled"

        before = gateway.clock.now()
        await client.ask("4|1|1||")

        assert gateway.clock.now() == before + timedelta(seconds=60)
        client.close()


async def test_a_frozen_gateway_on_a_real_clock_is_thawed_by_its_scenario() -> None:
    script = "at 0.02: silence\nat 0.2: resume\n"
    async with Gateway(scenario=script) as gateway:
        client = RawClient(gateway)
        await client.start()
        await asyncio.sleep(0.05)
        client.send("49|1|")

        assert await client.heard() == []

        await asyncio.sleep(0.2)

        assert names(await client.heard()) == ["49"]
        client.close()


async def test_the_nightly_restart_comes_at_a_quarter_to_midnight() -> None:
    evening = ManualClock(datetime(2026, 3, 10, 3, 0, tzinfo=UTC))  # 23:00 in New York
    async with Gateway(clock=evening, scenario="nightly_restart") as gateway:
        client = RawClient(gateway)
        await client.start()
        for order_id in range(1, 9):
            await client.place(order_id)
        await client.later(44 * 60)
        gateway.advance(60)

        with pytest.raises(ConnectionRefusedError):
            await client.open()

        gateway.advance(90)
        await asyncio.sleep(0)

        assert of(await client.start(), 9) == [["9", "1", "5"]]
        client.close()


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("connection_kept", ["1100", "1102"]),
        ("connection_lost", ["1100", "1101"]),
        ("connection_dead", ["1100"]),
    ],
)
async def test_the_shipped_outages_say_their_codes(name: str, codes: list[str]) -> None:
    async with Gateway(clock=ManualClock(), scenario=name) as gateway:
        client = RawClient(gateway)
        await client.start()
        gateway.clear_transcript()
        gateway.advance(60)

        assert [frame.fields[3] for frame in gateway.frames("error")] == codes
        client.close()


async def test_a_plan_and_a_scenario_begin_once_and_with_the_gateway() -> None:
    plan = FaultPlan(once=("O01", "L14:delay=2"))
    async with Gateway(clock=ManualClock(), faults=plan, scenario="at 5: hold\n") as gateway:
        await gateway.stop()
        await gateway.start()
        client = RawClient(gateway)
        await client.start()
        await client.later(10)

        assert await client.ask(order_text(1)) == []
        assert [record.id for record in gateway.fault_log()] == ["L14", "O01"]
        client.close()
