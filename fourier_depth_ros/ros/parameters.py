"""NodeParameters <-> ROS parameters: declaring, coercing every spelling, changing as a whole.

ROS keeps a mirror; the frozen NodeParameters is the truth. All of a change is valid, or none of it
happens.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from fourier_depth_ros.config import PRESETS, CheckpointConfig, Preset
from fourier_depth_ros.ros.settings import NodeParameters

#: Parameters that rclpy itself declares.
_FOREIGN = ("use_sim_time", "start_type_description_service", "qos_overrides.")
_KINDS = {str: "text", int: "an integer", float: "a number", bool: "true or false"}
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


#: Why there is no standard deviation, and what to do.
NOT_CALIBRATED = (
    "the checkpoint has no calibrated standard deviation; calibrate it with 'fourier-depth fit'"
)


class ParameterError(ValueError):
    """A parameter has a wrong value; the text names it, and says what is accepted."""


def declare(node: Node) -> NodeParameters:
    """Declare every parameter on ``node``; the settings that the overrides (YAML, -p) ask for.

    Typed dynamically, because `ros2 param set` sends "[1, 0.8]" as a string and 8 as an integer;
    NodeParameters is stricter than ROS types could be.

    Raises:
        ParameterError: an override is invalid.
    """
    for name, field in NodeParameters.model_fields.items():
        try:
            node.declare_parameter(name, to_ros(field.default), _descriptor(name))
        except InvalidParameterValueException as error:  # rclpy checks the descriptor's ranges
            raise ParameterError(str(error)) from error
    given = {name: node.get_parameter(name).value for name in NodeParameters.model_fields}
    changes = {name: coerce(name, value) for name, value in given.items()}
    if isinstance(changes["crop_ratios"], str):  # a preset's name
        changes["preset"], changes["crop_ratios"] = changes["crop_ratios"], ()
    return _validated(changes)


def misspelt(node: Node) -> list[str]:
    """One sentence for each override that nobody declared: ROS ignores those silently."""
    overrides: Mapping[str, Any] = getattr(node, "_parameter_overrides", {})
    sentences = []
    for name in overrides:
        if name in NodeParameters.model_fields or name.startswith(_FOREIGN):
            continue
        close = difflib.get_close_matches(name, NodeParameters.model_fields, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        sentences.append(f"parameter '{name}' does not exist and is ignored{hint}")
    return sentences


def resolve(settings: NodeParameters, config: CheckpointConfig, automatic: str) -> NodeParameters:
    """Settings with actual crop ratios, once the checkpoint's presets are known.

    Ratios given at start win over 'auto'; with a preset's name they have to agree. 'auto' and ''
    without ratios mean the preset ``automatic``.

    Raises:
        ParameterError: preset and crop_ratios contradict each other, crops 'shared' cannot have
            the ratios, or max_relative_std asks for a standard deviation that the checkpoint does
            not have.
    """
    presets = config.presets_of(settings.crops)
    _check_gate(settings, presets)
    name = settings.preset if settings.preset not in ("", "auto") else automatic
    preset = _preset(name, presets)
    if not settings.crop_ratios:
        # use_flips: true is a wish; false is the default and follows the preset
        flips = settings.use_flips or preset.use_flips
        kept = name if flips == preset.use_flips else ""
        return settings.model_copy(
            update={"preset": kept, "crop_ratios": preset.crop_ratios, "use_flips": flips}
        )
    settings = _possible(settings, config)
    matches = _matches(settings, preset)
    if name == settings.preset and not matches:
        raise ParameterError(_contradiction(settings.preset, preset))
    return settings.model_copy(update={"preset": settings.preset if matches else ""})


def change(
    settings: NodeParameters, changes: Mapping[str, Any], config: CheckpointConfig | None
) -> NodeParameters:
    """``settings`` with all of ``changes`` (ROS values), or an error and nothing changed.

    A preset brings its ratios and flips; ratios or flips set by hand clear the preset's name unless
    they are that preset's. A preset or ratios take the choice back from target_rate. Other crops
    bring the ratios and flips that the preset has there.
    ``config`` is the checkpoint's, None before one is loaded.

    Raises:
        ParameterError: a value is invalid, a startup parameter would change, preset and ratios
            contradict each other, crops 'shared' cannot have the ratios, or max_relative_std needs
            a calibrated checkpoint.
    """
    wanted = {name: coerce(name, value) for name, value in changes.items()}
    for name, value in wanted.items():
        if not is_live(name) and value != getattr(settings, name):
            raise ParameterError(f"{name}: is read at start only; restart the node to change it")
    if isinstance(wanted.get("crop_ratios"), str):
        wanted["preset"] = wanted.pop("crop_ratios")
    if {"preset", "crop_ratios"} & wanted.keys():
        wanted.setdefault("target_rate", 0.0)
    if config is not None and wanted.get("crop_ratios") == ():
        raise ParameterError(f"crop_ratios: is empty; {_ACCEPTED}")
    new = _validated({**settings.model_dump(), **wanted})
    if config is None:
        return _changed_before_load(new, wanted)
    presets = config.presets_of(new.crops)
    _check_gate(new, presets)
    if wanted.get("preset") == "auto":
        raise ParameterError(f"preset: 'auto' is for the start; choose one of {', '.join(PRESETS)}")
    if new.crops != settings.crops and not {"crop_ratios", "use_flips"} & wanted.keys():
        wanted.setdefault("preset", new.preset)
    if wanted.get("preset"):
        preset = _preset(new.preset, presets)
        implied = {"crop_ratios": preset.crop_ratios, "use_flips": preset.use_flips}
        given = wanted
        if wanted.get("crop_ratios"):
            given = {**wanted, "crop_ratios": _possible(new, config).crop_ratios}
        if any(given.get(name, value) != value for name, value in implied.items()):
            raise ParameterError(_contradiction(new.preset, preset))
        return new.model_copy(update=implied)
    new = _possible(new, config)
    if new.preset and not _matches(new, _preset(new.preset, presets)):
        return new.model_copy(update={"preset": ""})
    return new


def _changed_before_load(new: NodeParameters, wanted: Mapping[str, Any]) -> NodeParameters:
    """The later of preset and ratios wins; given together, resolve will compare them."""
    if "preset" in wanted and not wanted.get("crop_ratios"):
        return new.model_copy(update={"crop_ratios": ()})
    if wanted.get("crop_ratios") and "preset" not in wanted:
        return new.model_copy(update={"preset": ""})
    return new


def _possible(settings: NodeParameters, config: CheckpointConfig) -> NodeParameters:
    """Settings with the ratios that these crops can have; see CombinationSettings.possible."""
    try:
        chosen = settings.combination_settings.possible(config.network.input_size)
    except ValueError as error:
        raise ParameterError(str(error)) from error
    return settings.model_copy(update={"crop_ratios": chosen.crop_ratios})


def _check_gate(settings: NodeParameters, presets: Mapping[str, Preset]) -> None:
    """A gate that could not hold anything back is refused, not ignored: depth would look safe."""
    if settings.max_relative_std > 0 and not any(p.uncertainty for p in presets.values()):
        raise ParameterError(
            f"max_relative_std: {settings.max_relative_std:g} cannot be kept, {NOT_CALIBRATED}, or "
            f"set 0"
        )


def _preset(name: str, presets: Mapping[str, Preset]) -> Preset:
    if name not in presets:
        known = ", ".join(presets)
        raise ParameterError(f"preset: '{name}' is not in this checkpoint, which has {known}")
    return presets[name]


def is_live(name: str) -> bool:
    """Whether the running node may change this parameter."""
    extra = NodeParameters.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and bool(extra["live"])


def coerce(name: str, value: Any) -> Any:
    """The Python value that a ROS value means: its spellings of lists, and integers for doubles.

    Raises:
        ParameterError: the text of crop_ratios is no list of numbers, or the parameter was deleted.
    """
    if value is None:
        raise ParameterError(f"{name}: cannot be deleted or unset")
    kind = type(NodeParameters.model_fields[name].default)
    if kind is tuple:
        return _ratios(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is str and isinstance(value, float) and not math.isfinite(value):
        return str(value)  # YAML reads an unquoted nan or inf, as `ros2 param dump` writes it
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ParameterError(f"{name}: {value!r} is not {_KINDS[kind]}")
    return value


def to_ros(value: Any) -> Any:
    """What the parameter server shows: doubles for ratios, '' while there are none yet."""
    if isinstance(value, tuple):
        return list(value) if value else ""
    return value


_ACCEPTED = 'give numbers in (0.5, 1], such as "[1.0, 0.8]" or "1 .8", or one of ' + ", ".join(
    PRESETS
)


def _ratios(value: Any) -> tuple[float, ...] | str:
    if isinstance(value, str):
        text = value.strip()
        if text in PRESETS:
            return text
        items = text.strip("[]()").replace(",", " ").split()
        if not all(re.fullmatch(_NUMBER, item) for item in items):
            raise ParameterError(f"crop_ratios: {value!r} is no list of numbers; {_ACCEPTED}")
        return tuple(float(item) for item in items)
    if isinstance(value, (bool, bytes)):
        raise ParameterError(f"crop_ratios: {value!r} is no list of numbers; {_ACCEPTED}")
    items = list(value) if hasattr(value, "__iter__") else [value]
    if not all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in items):
        raise ParameterError(f"crop_ratios: {value!r} is no list of numbers; {_ACCEPTED}")
    return tuple(float(item) for item in items)


def _validated(values: Mapping[str, Any]) -> NodeParameters:
    try:
        return NodeParameters.model_validate(values)
    except ValidationError as error:
        raise ParameterError("; ".join(_sentence(e) for e in error.errors())) from error


def _sentence(error: Any) -> str:
    """'max_depth: -1.0: Input should be greater than 0', from pydantic's own words."""
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return str(message)
    name = error["loc"][0]
    given = "" if error["type"] == "value_error" else f"{error['input']!r}: "
    return f"{name}: {given}{message}"


def _matches(settings: NodeParameters, preset: Preset) -> bool:
    return (settings.crop_ratios, settings.use_flips) == (preset.crop_ratios, preset.use_flips)


def _contradiction(name: str, preset: Preset) -> str:
    return (
        f"preset: '{name}' means crop_ratios {list(preset.crop_ratios)} with use_flips "
        f"{str(preset.use_flips).lower()}; set the preset or the ratios, not both"
    )


def _descriptor(name: str) -> ParameterDescriptor:
    field = NodeParameters.model_fields[name]
    extra = field.json_schema_extra
    unit = f" [{extra['unit']}]" if isinstance(extra, dict) and extra["unit"] else ""
    descriptor = ParameterDescriptor(
        name=name,
        description=f"{field.description}{unit}",
        dynamic_typing=True,
        read_only=not is_live(name),
    )
    lower, upper = (_bound(field.metadata, kind) for kind in (("ge", "gt"), ("le", "lt")))
    if lower is not None and upper is not None:
        if isinstance(field.default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(lower), to_value=int(upper))]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(lower), to_value=float(upper))
            ]
    return descriptor


def _bound(metadata: list[Any], kinds: tuple[str, ...]) -> float | None:
    values = [getattr(item, kind) for item in metadata for kind in kinds if hasattr(item, kind)]
    return values[0] if values else None


def describe(settings: NodeParameters) -> str:
    """What a frame will be computed from, for the log."""
    shared = ", shared crops" if settings.crops == "shared" else ""
    if settings.target_rate:
        return f"what there is time for at {settings.target_rate:g} Hz{shared}"
    chosen = settings.combination_settings
    name = f"preset {settings.preset}: " if settings.preset else ""
    crops = "1 crop" if chosen.cost == 1 else f"{chosen.cost:g} crops"
    ratios = ", ".join(f"{ratio:.4g}" for ratio in chosen.crop_ratios)
    flips = " and flips" if chosen.use_flips else ""
    return f"{name}{crops} a frame (ratios {ratios}{flips}{shared}), {chosen.combination}"


def mirror(node: Node, settings: NodeParameters) -> list[Parameter]:
    """The ROS parameters whose shown value or type is not the settings' canonical one."""
    stale = []
    for name in NodeParameters.model_fields:
        wanted = Parameter(name, value=to_ros(getattr(settings, name)))
        shown = node.get_parameter(name).get_parameter_value()  # has a type: [1] is not [1.0]
        # rclpy describes a parameter by the type of the last value tried, also of a refused one
        described = node.describe_parameter(name).type
        if shown != wanted.get_parameter_value() or described != wanted.type_.value:
            stale.append(wanted)
    return stale
