"""Feed twsim nonsense for a while: python tests/fuzz/twsim_fuzz.py [SECONDS] [SEED].

Owns: the time budget, and what is printed: progress, and the seed of the case that did
harm, which run again alone with that seed does the same harm.
"""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from twsim_nonsense import Victim

SECONDS = 60.0
CASES_PER_VICTIM = 50  # then the world is a new one
REPORT_SECONDS = 10.0


def case(seed: int) -> None:
    """Let one world suffer one seed's worth of clients."""
    victim, random = Victim(), Random(seed)
    for _ in range(CASES_PER_VICTIM):
        victim.suffer(random)


def main(seconds: float = SECONDS, seed: int | None = None) -> int:
    """Return 0 where nothing was harmed until the time was up."""
    began = told = time.monotonic()
    first = seed if seed is not None else int(time.time())
    done = 0
    while not done or (seed is None and time.monotonic() - began < seconds):
        try:
            case(first + done)
        except Exception:  # noqa: BLE001 - whatever it is, it is the find
            traceback.print_exc()
            sys.stdout.write(f"harm done: python {sys.argv[0]} 0 {first + done}\n")
            return 1
        done += 1
        if time.monotonic() - told > REPORT_SECONDS:
            told = time.monotonic()
            sys.stdout.write(f"{told - began:6.0f} s  {done * CASES_PER_VICTIM} clients\n")
            sys.stdout.flush()
    took = time.monotonic() - began
    clients = done * CASES_PER_VICTIM
    sys.stdout.write(
        f"no harm: {clients} clients of nonsense in {took:.0f} s, from seed {first}\n"
    )
    return 0


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(float(given[0]) if given else SECONDS, int(given[1]) if given[1:] else None))
