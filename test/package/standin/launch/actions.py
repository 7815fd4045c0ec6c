from launch import LaunchContext, visit


class DeclareLaunchArgument:
    def __init__(self, name, *, default_value=None, description=None, choices=None) -> None:
        self.name = name
        self.default_value = default_value
        self.description = description
        self.choices = choices

    def visit(self, context, started) -> None:
        given = context.launch_configurations
        if self.name not in given:
            if self.default_value is None:
                raise RuntimeError(f"launch argument {self.name!r} is required")
            given[self.name] = self.default_value
        if self.choices is not None and given[self.name] not in self.choices:
            raise RuntimeError(f"{self.name}: {given[self.name]!r} is none of {self.choices}")


class OpaqueFunction:
    def __init__(self, *, function, args=(), kwargs=None) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs or {}

    def visit(self, context, started) -> None:
        visit(self.function(context, *self.args, **self.kwargs), context, started)


class GroupAction:
    """Scoped: what its actions configure ends with it."""

    def __init__(self, actions, *, condition=None) -> None:
        self.actions = actions
        self.condition = condition

    def visit(self, context, started) -> None:
        visit(self.actions, LaunchContext(dict(context.launch_configurations)), started)
