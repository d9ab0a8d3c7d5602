"""Paperdesk: post target positions, get them traded in an IBKR paper account.

Owns: the package's version, and the names of the SDK that are found here too. They are imported
when they are asked for: the service, and most commands, want none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paperdesk.client import AsyncClient, Client, simulator

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "__version__", "simulator"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("paperdesk.client"), name)
    if name[:1].isupper() and hasattr(errors := import_module("paperdesk.errors"), name):
        return getattr(errors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return what is found here: a notebook completes names by it."""
    errors = vars(import_module("paperdesk.errors"))
    return [
        *globals(),
        *__all__,
        *(name for name, kind in errors.items() if _is_error(kind)),
    ]


def _is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)
