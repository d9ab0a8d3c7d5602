"""ib_async's own log lines, kept off the log.

Owns: how loud ib_async and eventkit may be. Knows nothing of what they mean: what matters of a
session is logged by `session`, and what they swallow is raised by `link`.
"""

from __future__ import annotations

import logging
from typing import Final

LOGGERS: Final = ("ib_async", "eventkit")


def silence_ib_async() -> None:
    """Drop ib_async's warnings and errors: it logs every order and refused connection."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
