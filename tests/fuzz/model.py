"""What a careful reader of the contract expects, and nothing else.

Owns: Model: which batches were accepted, what each key answered, which target of a symbol is the
newest, and whether the account is halted. Knows nothing of orders, of the gateway or of how the
service works.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(slots=True)
class Post:
    """A request for one target, under a key of its own.

    `answer` is None while nobody has seen one: nothing was stored, or the service died meanwhile.
    """

    key: str
    symbol: str
    quantity: int
    limit_price: float | None = None
    answer: bytes | None = None
    batch_id: str | None = None
    is_refused: bool = False  # accepted, and its row is an error: the target changes nothing
    is_withdrawn: bool = False

    @property
    def body(self) -> Body:
        """What is sent."""
        row: Body = {"symbol": self.symbol, "quantity": self.quantity}
        if self.limit_price is not None:
            row["limit_price"] = self.limit_price
        return {"orders": [row]}


@dataclass(slots=True)
class Model:
    """The state of the world by the contract."""

    posts: list[Post] = field(default_factory=list)
    accepted: list[Post] = field(default_factory=list)  # in the order of acceptance
    halt: str | None = None
    corrected: set[str] = field(default_factory=set)  # symbols of which an execution changed
    corrected_refs: set[str] = field(default_factory=set)

    def accept(self, post: Post, answer: bytes, body: Body) -> None:
        """Note the first answer of a post."""
        (row,) = body["results"]
        post.answer, post.batch_id = answer, body["batch_id"]
        post.is_refused = row["status"] == "error"
        self.accepted.append(post)

    def newest(self, symbol: str) -> Post | None:
        """Return the post whose target counts."""
        counting = [p for p in self.accepted if p.symbol == symbol and not p.is_refused]
        return counting[-1] if counting else None

    def hull(self, symbol: str) -> tuple[int, int]:
        """Return between which positions every way to the targets lies."""
        targets = [p.quantity for p in self.accepted if p.symbol == symbol]
        return min(0, *targets, 0), max(0, *targets, 0)
