"""Alembic's migrations of the schema; run by `storage.database.migrate`."""
