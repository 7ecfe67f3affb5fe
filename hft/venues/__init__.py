"""Venues: one package each, with what a venue sends and asks of a client."""
