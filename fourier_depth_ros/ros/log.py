"""How often the log speaks, and at what length."""

from __future__ import annotations

#: Seconds between two log lines of the same kind.
THROTTLE = 5.0
#: Characters of a log line that quotes what came in: a name in a message may be megabytes long.
LINE = 1000


def brief(text: str) -> str:
    """``text`` without its middle if it is longer than a log line should be."""
    return text if len(text) <= LINE else f"{text[: LINE // 2]} ... {text[-LINE // 2 :]}"
