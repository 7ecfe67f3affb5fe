"""One file for each stage, and one for the whole tick; `asv run --quick --python=same` in the folder above.

Every loop is in C, every benchmark checks its result, and a figure is the least of several rounds in the thread's
processor time, since other work on the machine only adds time. Units are nanoseconds of one operation unless said otherwise.
"""
