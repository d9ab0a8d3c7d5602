"""500 orders at 45 frames a second: how close to the pace, and with how many frames.

Owns: the measurement, against 500/45 seconds, and the count of frames in twsim's trace between
a request and its answer. The orders are market orders of one share, bought and sold in turn;
contracts are cached.
"""

from __future__ import annotations

import time
from collections import Counter
from functools import partial

from _desk import at_market, paperdesk, say, spread, symbols, timed, twsim, workshop

ORDERS = 500
PER_SECOND = 45
ROUNDS = 4
GOAL = 1.02
FRAMES_GOAL = 1.00
CLIENT_ID = 17


def main() -> None:
    """Measure."""
    names = symbols(ORDERS)
    took, until_last, frames = [], [], []
    others: Counter[str] = Counter()
    with (
        workshop() as folder,
        twsim(folder, is_traced=True) as gateway,
        paperdesk(folder, gateway, per_second=PER_SECOND) as service,
    ):
        service.cache_contracts(names)
        for number in range(ROUNDS):
            time.sleep(1.1)  # nothing of before is in the window of a second
            gateway.forget()
            began = time.time()
            seconds, answer = timed(partial(service.submit, at_market(names, 1 - number % 2)))
            sent = gateway.frames(CLIENT_ID, began)
            took.append(seconds)
            until_last.append(max(at for at, name in sent if name == "placeOrder") - began)
            frames.append(len(sent) / ORDERS)
            others += Counter(name for _, name in sent if name != "placeOrder")
            service.batch(answer["batch_id"], 60)
    pace = ORDERS / PER_SECOND
    say(f"{ORDERS} orders, paced at {PER_SECOND} a second, {pace:.2f} s by that pace")
    say(f"  to the answer          {spread(took, unit=' s')}")
    say(f"  to the last frame      {spread(until_last, unit=' s')}")
    say(f"  answer against pace    {spread([s / pace for s in took], 3)}   goal {GOAL} at most")
    say(f"  last frame against it  {spread([s / pace for s in until_last], 3)}")
    say(f"  frames an order        {spread(frames, 3)}   goal {FRAMES_GOAL:.2f}")
    say(f"  frames of other kinds  {dict(others) or 'none'}")


if __name__ == "__main__":
    main()
