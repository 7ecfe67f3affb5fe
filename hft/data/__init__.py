"""Recorded data of every kind, in and out: captures, recordings, event files, and formats of other projects."""
