"""What a frame costs on this machine, against what its network passes cost.

Whatever is compared is timed by turns in one process, so that the machine's other load falls on
all alike; the ratios hold where the milliseconds don't.
"""
