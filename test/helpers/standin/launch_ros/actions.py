from dataclasses import dataclass

from launch import boolean, text
from launch_ros.parameter_descriptions import ParameterValue


@dataclass(frozen=True)
class Started:
    """A process that the launch file would have started, everything evaluated."""

    package: str
    executable: str
    name: str | None
    namespace: str
    arguments: list[str]
    ros_arguments: list[str]
    remappings: dict[str, str]
    parameter_files: list[str]
    parameters: dict[str, object]
    respawn: bool
    output: str
    environment: dict[str, str]


class PushRosNamespace:
    def __init__(self, namespace) -> None:
        self.namespace = namespace

    def visit(self, context, started) -> None:
        configured = context.launch_configurations
        configured["ros_namespace"] = joined(
            configured.get("ros_namespace", "/"), text(self.namespace, context)
        )


class Node:
    """A ROS node; nothing runs until ``visit``, where the real one starts a process."""

    def __init__(
        self,
        *,
        executable,
        package=None,
        name=None,
        namespace=None,
        parameters=None,
        remappings=None,
        ros_arguments=None,
        arguments=None,
        condition=None,
        output="log",
        emulate_tty=False,
        respawn=False,
        respawn_delay=None,
        additional_env=None,
    ) -> None:
        self.condition = condition
        self._package = package
        self._executable = executable
        self._name = name
        self._namespace = namespace
        self._parameters = parameters or []
        self._remappings = remappings or []
        self._ros_arguments = ros_arguments or []
        self._arguments = arguments or []
        self._output = output
        self._respawn = respawn
        self._additional_env = additional_env or {}

    def visit(self, context, started) -> None:
        base = context.launch_configurations.get("ros_namespace", "/")
        files = [text(each, context) for each in self._parameters if not isinstance(each, dict)]
        values = [each for each in self._parameters if isinstance(each, dict)]
        started.append(
            Started(
                package=text(self._package, context),
                executable=text(self._executable, context),
                name=self._name and text(self._name, context),
                namespace=joined(base, text(self._namespace or "", context)),
                arguments=[text(each, context) for each in self._arguments],
                ros_arguments=[text(each, context) for each in self._ros_arguments],
                remappings={text(a, context): text(b, context) for a, b in self._remappings},
                parameter_files=files,
                parameters={k: evaluated(v, context) for each in values for k, v in each.items()},
                respawn=boolean(self._respawn, context),
                output=self._output,
                environment={**context.environment, **self._additional_env},
            )
        )


def evaluated(value, context):
    """A parameter's value; no bare string, whose type the real launch would guess."""
    if isinstance(value, ParameterValue):
        return value.evaluate(context)
    if isinstance(value, bool | int | float):
        return value
    raise TypeError(f"{value!r}: give a ParameterValue with a value_type")


def joined(base: str, namespace: str) -> str:
    if namespace.startswith("/"):
        return namespace
    return base.rstrip("/") + "/" + namespace if namespace else base
