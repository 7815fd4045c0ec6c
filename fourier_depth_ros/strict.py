"""What every settings model is: frozen, strict in its keys, and explained in plain sentences."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

#: What pydantic puts into the name of a setting that may be one of several models.
_TAGS = ("own", "adapted")


class Settings(BaseModel):
    """A frozen, strict-keyed model: a misspelt key is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def explain(error: ValidationError) -> str:
    """A plain sentence of each mistake: the setting's name, what was given, what is accepted."""
    # to pydantic, a list whose items are wrong is also too short
    mistakes = [m for m in error.errors() if m["type"] != "too_short" or not m["input"]]
    return "; ".join(_explain(mistake) for mistake in mistakes)


def _explain(mistake: Any) -> str:
    name = ".".join(str(part) for part in mistake["loc"] if part not in _TAGS)
    message = str(mistake["msg"])
    if mistake["type"].startswith("missing"):
        return f"{name} is missing"
    if mistake["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{name} is no key that is known here"
    if mistake["type"] == "value_error":  # one of this package's own sentences
        sentence = message.removeprefix("Value error, ")
        return f"{name}: {sentence}" if name else sentence
    if mistake["type"] in ("model_type", "dataclass_type"):
        message = "It should be a mapping of keys to values"
    expected = re.sub(r"^\w+ should ", "it should ", message)
    return f"{name or 'the whole'} is {mistake['input']!r:.60}; {expected}"
