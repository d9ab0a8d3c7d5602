"""Print the coverage of each package and hold the floors.

Owns: the floors. A floor may only rise.
"""

from __future__ import annotations

import sys

import coverage

# What the tests of a unit run by themselves, and what the integration tests add to it.
OF_UNITS_PCT = {
    "src/paperdesk/domain": 100.0,
    "src/twsim/wire": 100.0,
    "src/twsim/exchange": 100.0,
}
OF_ALL_PCT = {"src": 96.0}


def main() -> int:
    """Return 0 where every package holds its floor (lines and branches together)."""
    data = coverage.Coverage()
    data.load()
    failed = False
    floors = OF_UNITS_PCT if sys.argv[1:] == ["units"] else OF_UNITS_PCT | OF_ALL_PCT
    for package, floor in floors.items():
        print(f"\n{package} (floor {floor:g} %)")
        total = data.report(include=[f"{package}/*"], file=sys.stdout)
        failed |= total < floor
    if failed:
        print("\ncoverage: below a floor", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
