"""One file for each stage, and one for the whole tick; `asv run --quick --python=same` in the folder above.

Every loop is in C, every benchmark checks its own answer, and a figure is the least of several rounds by the thread's
processor time: the machine's other work only adds. Units are nanoseconds of one operation unless said otherwise.
"""
