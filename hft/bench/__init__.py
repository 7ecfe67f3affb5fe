"""Benchmarks of the engine: closed loop, one message after another, loops in C, best of several rounds."""
