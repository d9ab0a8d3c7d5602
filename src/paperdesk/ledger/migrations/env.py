"""How Alembic runs here.

Owns: nothing but the wiring: the connection is handed over by `paperdesk.ledger.engine`.
"""

from __future__ import annotations

from alembic import context

from paperdesk.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
