"""The durable record.

Owns: everything that is SQL: the schema, its migrations, and `SqlLedger`, which implements the
desk's Ledger port. Knows nothing of brokers or of HTTP.
"""
