"""The version of this package, once."""

VERSION = "0.1.0"

STATE = 3
"""What state hashes are taken of, by number: another one wherever the engine's structs change. A recording says which its hashes
are, and hashes of two kinds are not compared."""
