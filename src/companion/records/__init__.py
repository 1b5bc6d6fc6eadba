"""Durable files: the record store, and where a record comes from."""
