"""What a run did, kept in SQLite: schema, the writer thread, the reader."""
