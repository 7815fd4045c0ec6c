"""A terminal of 100 columns, to be a program's stderr."""

from __future__ import annotations

import fcntl
import os
import struct
import termios


def open_terminal() -> tuple[int, int]:
    """File descriptors: where to read what is shown, and the terminal."""
    reader, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    return reader, terminal
