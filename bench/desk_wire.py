"""One order, from the request to its frame at the gateway.

Owns: the measurement, against a bare server that makes as many durable commits before it sends
(`_bare`). When a frame arrived is what twsim's trace says. The
orders are market orders of one share, bought and sold in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
from _desk import (
    Bare,
    Gateway,
    Service,
    at_market,
    bare,
    paperdesk,
    quartiles,
    ratios,
    say,
    timed,
    twsim,
    workshop,
)

ROUNDS = 200
WARM_UP = 20
SERVICE_CLIENT_ID, BARE_CLIENT_ID = 17, 2
ARRIVES_SECONDS = 5.0


def seconds_to_frame(
    gateway: Gateway, client_id: int, send: Callable[[], float]
) -> tuple[float, float]:
    """Return the seconds to the arrival of the placeOrder that `send` causes, and its own."""
    began = time.time()
    returned = send()
    while time.time() < began + ARRIVES_SECONDS:
        frames = gateway.frames(client_id, began)
        placed = [at for at, name in frames if name == "placeOrder"]
        if placed:
            return placed[0] - began, returned
        time.sleep(0.005)
    raise AssertionError("the frame never arrived")


def rounds(folder: Path) -> tuple[list[float], list[float], list[float]]:
    """Take turns. Return the seconds to the frame of both, and to the service's answer."""
    service_took, bare_took, answered = [], [], []
    with (
        twsim(folder, is_traced=True) as gateway,
        paperdesk(folder, gateway) as service,
        bare(folder, gateway_port=gateway.port) as base,
        httpx.Client(trust_env=False) as http,
    ):
        for number in range(WARM_UP + ROUNDS):
            send = partial(submit, service, 1 - number % 2)
            to_frame, to_answer = seconds_to_frame(gateway, SERVICE_CLIENT_ID, send)
            service_took.append(to_frame)
            answered.append(to_answer)
            send = partial(call_bare, http, base)
            bare_took.append(seconds_to_frame(gateway, BARE_CLIENT_ID, send)[0])
            gateway.forget()
    return service_took[WARM_UP:], bare_took[WARM_UP:], answered[WARM_UP:]


def submit(service: Service, quantity: int) -> float:
    """Trade one share; return the seconds to the answer."""
    took, answer = timed(lambda: service.submit(at_market(["AAPL"], quantity)))
    assert answer["results"][0]["qty"] == 1, answer
    service.batch(answer["batch_id"], 10)  # what it costs later is not of this order
    return took


def call_bare(http: httpx.Client, base: Bare) -> float:
    """Let the bare server do its least; return the seconds to the answer."""
    took, answer = timed(lambda: http.post(f"{base.url}/api/v1/orders"))
    assert answer.is_success
    return took


def main() -> None:
    """Measure."""
    with workshop() as folder:
        service, floor, answered = rounds(folder)
    milliseconds = [[1000 * each for each in took] for took in (service, floor, answered)]
    say("one order, request to the frame at the gateway, pacing off, the contract cached")
    say(f"  paperdesk             {quartiles(milliseconds[0], unit=' ms')}")
    say(f"  three commits, bare   {quartiles(milliseconds[1], unit=' ms')}")
    say(f"  ratio                 {quartiles(ratios(service, floor))}")
    say(f"  paperdesk, to answer  {quartiles(milliseconds[2], unit=' ms')}")


if __name__ == "__main__":
    main()
