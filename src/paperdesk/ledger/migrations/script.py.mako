"""${message}.

Owns: the step from ${down_revision or "nothing"} to ${up_revision}.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from paperdesk.ledger.columns import Instant, Money

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step. There is no way back: restore a backup instead."""
    ${upgrades if upgrades else "pass"}
