"""Answers: what each request of a client gets.

Owns: the way in, `answer` for requests that are served and `refuse_unserved` for the
others. The modules of this package hold the answers, by subject. Knows nothing of bytes.
"""

from twsim.answers import accounts, gateway, market, orders
from twsim.answers.table import answer
from twsim.answers.unserved import refuse_unserved

__all__ = ["accounts", "answer", "gateway", "market", "orders", "refuse_unserved"]
