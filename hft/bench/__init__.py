"""Measuring the engine: closed loop, message after message, loops in C, best of several rounds."""
