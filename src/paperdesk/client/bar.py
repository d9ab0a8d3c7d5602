"""A bar in a notebook, while a batch is waited for.

Owns: whether a notebook is there to show it, and what it says. IPython is imported only where it
runs already. Knows nothing of how the batch is waited for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from paperdesk.client.batch import BatchView
from paperdesk.client.results import BatchState


def bar() -> Callable[[BatchState], None] | None:
    """Return what shows each state in the same place of the output; None outside a notebook."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if getattr(shell, "kernel", None) is None:  # a terminal has IPython, but no kernel
        return None
    from IPython.display import DisplayHandle  # noqa: PLC0415 - see above

    handle = DisplayHandle()
    show = handle.display

    def seen(state: BatchState) -> None:
        nonlocal show
        show(_bundle(BatchView(state)), raw=True)
        show = handle.update

    return seen


def _bundle(batch: BatchView) -> dict[str, str]:
    """Return the bar in the forms that a notebook chooses from: the shares that filled."""
    wanted = sum(order.qty or 0 for order in batch)
    filled = sum(order.filled_qty or 0 for order in batch)
    words = f"{batch.words} · {filled:,} of {wanted:,} shares"
    value, of = (filled, wanted) if wanted else (int(batch.is_final), 1)
    return {
        "text/plain": words,
        "text/html": f'<progress value="{value}" max="{of}"></progress> {words}',
    }
