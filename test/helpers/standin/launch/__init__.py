"""What a launch file is made of, and ``run``, which says what it would start."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class LaunchContext:
    launch_configurations: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def copy(self) -> LaunchContext:
        return LaunchContext(dict(self.launch_configurations), dict(self.environment))


@dataclass(frozen=True)
class Process:
    """A command that is no ROS node's, and what its environment has more than launch's own."""

    command: list[str]
    environment: dict[str, str]


class LaunchDescription:
    def __init__(self, initial_entities=None) -> None:
        self.entities = list(initial_entities or [])


def text(value, context: LaunchContext) -> str:
    """A substitution, a string, or a list of them, as the string it stands for."""
    if isinstance(value, str):
        return value
    if hasattr(value, "perform"):
        return value.perform(context)
    if isinstance(value, list | tuple):
        return "".join(text(part, context) for part in value)
    raise TypeError(f"{value!r} is neither a string nor a substitution")


def boolean(value, context: LaunchContext) -> bool:
    if isinstance(value, bool):
        return value
    word = text(value, context).lower()
    if word not in ("true", "false", "1", "0"):
        raise ValueError(f"{word!r} is not a boolean")
    return word in ("true", "1")


def run(description: LaunchDescription, **arguments: str) -> list:
    """The processes that `ros2 launch FILE name:=value ...` starts."""
    context = LaunchContext(dict(arguments))
    started: list = []
    visit(description.entities, context, started)
    return started


def visit(entities, context: LaunchContext, started: list) -> None:
    for entity in entities or []:
        condition = getattr(entity, "condition", None)
        if condition is None or condition.evaluate(context):
            entity.visit(context, started)
