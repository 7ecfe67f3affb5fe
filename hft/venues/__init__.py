"""Venues: one package each, with a venue's messages, addresses and limits."""
