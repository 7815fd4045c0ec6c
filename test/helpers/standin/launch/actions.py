from launch import Process, text, visit


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
        visit(self.actions, context.copy(), started)


class IncludeLaunchDescription:
    """As the real one: what it configures stays, unless a group ends it."""

    def __init__(self, launch_description_source, *, launch_arguments=None) -> None:
        self.source = launch_description_source
        self.launch_arguments = list(launch_arguments or [])

    def visit(self, context, started) -> None:
        for name, value in self.launch_arguments:
            context.launch_configurations[name] = text(value, context)
        visit(self.source.load().entities, context, started)


class SetEnvironmentVariable:
    def __init__(self, name, value) -> None:
        self.name = name
        self.value = value

    def visit(self, context, started) -> None:
        context.environment[text(self.name, context)] = text(self.value, context)


class ExecuteProcess:
    def __init__(self, *, cmd, output="log", additional_env=None) -> None:
        self.cmd = cmd
        self.additional_env = additional_env or {}

    def visit(self, context, started) -> None:
        command = [text(part, context) for part in self.cmd]
        started.append(Process(command, {**context.environment, **self.additional_env}))
