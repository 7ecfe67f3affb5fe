"""The run database in SQLite: schema, writer thread, reader."""
