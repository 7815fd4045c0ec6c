"""NodeParameters <-> ROS parameters: declaring, changing as a whole, showing.

ROS keeps a mirror; the frozen NodeParameters is the truth. All of a change is valid, or none of it
happens.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from fourier_depth_ros.config import CheckpointConfig, CombinationSettings, Preset
from fourier_depth_ros.ros.settings import NodeParameters
from fourier_depth_ros.ros.spellings import ParameterError, accepted, coerce, to_ros

#: Parameters that rclpy itself declares.
_FOREIGN = ("use_sim_time", "start_type_description_service", "qos_overrides.")
#: When a startup parameter can be set.
_UNCONFIGURED = "while the node is not configured"
#: What follows a preset until it is set by hand, and its value at start.
_FOLLOWING = {"crop_ratios": (), "use_flips": False}

#: Why there is no standard deviation, and what to do.
NOT_CALIBRATED = (
    "the checkpoint has no calibrated standard deviation; calibrate it with 'fourier-depth fit'"
)


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
    _check_crops(settings, config)
    _check_gate(settings, config)
    name = settings.preset if settings.preset not in ("", "auto") else automatic
    preset = _preset(settings, name, config)
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


def unresolved(settings: NodeParameters) -> NodeParameters:
    """What settings that ran ask of another fit: a preset by its name, without its ratios here."""
    if not settings.preset:
        return settings
    return settings.model_copy(update={"crop_ratios": (), "use_flips": False})


def running(
    settings: NodeParameters, chosen: CombinationSettings, config: CheckpointConfig
) -> NodeParameters:
    """``settings`` with what target_rate has ``chosen``: ratios, flips, their preset's name if any.

    Without a target_rate the settings themselves are what runs.
    """
    if not settings.target_rate:
        return settings
    new = settings.model_copy(
        update={"crop_ratios": chosen.crop_ratios, "use_flips": chosen.use_flips}
    )
    presets = config.presets_of(settings.crops)
    name = next((name for name, preset in presets.items() if _matches(new, preset)), "")
    return new.model_copy(update={"preset": name})


def change(
    settings: NodeParameters,
    changes: Mapping[str, Any],
    config: CheckpointConfig | None,
    automatic: str,
) -> NodeParameters:
    """``settings`` with all of ``changes`` (ROS values), or an error and nothing changed.

    A preset brings its ratios and flips; ratios or flips set by hand clear the preset's name unless
    they are that preset's. A preset or ratios take the choice back from target_rate, flips do not:
    `ros2 param load` sets those of a dump after its target_rate. Other crops bring the ratios and
    flips that the preset has there. 'auto' and empty ratios mean what they do at start.
    ``config`` is the checkpoint's, None before one is loaded; ``automatic`` as in `resolve`.

    Raises:
        ParameterError: a value is invalid, a startup parameter would change though a checkpoint is
            loaded, preset and ratios contradict each other, crops 'shared' cannot have the ratios,
            or max_relative_std needs a calibrated checkpoint.
    """
    wanted = {name: coerce(name, value) for name, value in changes.items()}
    if isinstance(wanted.get("crop_ratios"), str):
        wanted["preset"] = wanted.pop("crop_ratios")
    by_hand = bool({"preset", "crop_ratios"} & wanted.keys())
    if by_hand:
        wanted.setdefault("target_rate", 0.0)
    new = _validated({**settings.model_dump(), **wanted})
    if config is None:
        return _changed_before_load(new, wanted)
    _check_startup(settings, new)
    _check_crops(new, config)
    _check_gate(new, config)
    if new.target_rate and not by_hand:
        chosen = ("preset", "crop_ratios", "use_flips")
        return new.model_copy(update={name: getattr(settings, name) for name in chosen})
    if wanted.get("preset") == "auto" or wanted.get("crop_ratios") == ():
        given = {name: wanted.get(name, default) for name, default in _FOLLOWING.items()}
        return resolve(new.model_copy(update=given), config, automatic)
    if new.crops != settings.crops and not {"crop_ratios", "use_flips"} & wanted.keys():
        wanted.setdefault("preset", new.preset)
    if wanted.get("preset"):
        preset = _preset(new, new.preset, config)
        implied = {"crop_ratios": preset.crop_ratios, "use_flips": preset.use_flips}
        given = wanted
        if wanted.get("crop_ratios"):
            given = {**wanted, "crop_ratios": _possible(new, config).crop_ratios}
        if any(given.get(name, value) != value for name, value in implied.items()):
            raise ParameterError(_contradiction(new.preset, preset))
        return new.model_copy(update=implied)
    new = _possible(new, config)
    if new.preset and not _matches(new, _preset(new, new.preset, config)):
        return new.model_copy(update={"preset": ""})
    return new


def _changed_before_load(new: NodeParameters, wanted: Mapping[str, Any]) -> NodeParameters:
    """The later of preset and ratios wins; given together, resolve will compare them."""
    if wanted.get("preset") and not wanted.get("crop_ratios"):
        return new.model_copy(update={"crop_ratios": ()})
    if wanted.get("crop_ratios") and "preset" not in wanted:
        return new.model_copy(update={"preset": ""})
    return new


def _possible(settings: NodeParameters, config: CheckpointConfig) -> NodeParameters:
    """Settings with the ratios that these crops can have; see CombinationSettings.possible."""
    try:
        chosen = settings.combination_settings.possible(config.network)
    except ValueError as error:
        raise ParameterError(str(error)) from error
    return settings.model_copy(update={"crop_ratios": chosen.crop_ratios})


def _check_startup(settings: NodeParameters, new: NodeParameters) -> None:
    for name in NodeParameters.model_fields:
        if not is_live(name) and getattr(new, name) != (present := getattr(settings, name)):
            raise ParameterError(
                f"{name}: is {to_ros(present)!r} and can be changed only {_UNCONFIGURED}: "
                f"deactivate and clean it up (ros2 lifecycle set NODE ...), set this, configure "
                f"and activate"
            )


def _check_crops(settings: NodeParameters, config: CheckpointConfig) -> None:
    try:
        config.network.check_crops(settings.crops)
    except ValueError as error:
        raise ParameterError(str(error)) from error


def _check_gate(settings: NodeParameters, config: CheckpointConfig) -> None:
    """A gate that could not hold anything back is refused, not ignored: depth would look safe."""
    presets = config.presets_of(settings.crops)
    if settings.max_relative_std > 0 and not any(p.uncertainty for p in presets.values()):
        raise ParameterError(
            f"max_relative_std: {settings.max_relative_std:g} cannot be kept, {NOT_CALIBRATED}, or "
            f"set 0"
        )


def _preset(settings: NodeParameters, name: str, config: CheckpointConfig) -> Preset:
    """The preset of that name, for the settings' way of making crops."""
    try:
        return config.preset(name, settings.crops)
    except ValueError as error:
        raise ParameterError(str(error)) from error


def is_live(name: str) -> bool:
    """Whether the running node may change this parameter."""
    extra = NodeParameters.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and bool(extra["live"])


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
    if error["type"] == "string_pattern_mismatch":
        return f"{name}: {error['input']!r} is none of {accepted(name)}"
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
    when = "" if is_live(name) else f"can be changed only {_UNCONFIGURED}"  # hence not read_only
    descriptor = ParameterDescriptor(
        name=name,
        description=f"{field.description}{unit}",
        additional_constraints="; ".join(filter(None, (accepted(name), when))),
        dynamic_typing=True,
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
    """What a frame is computed from, for the log; with a target_rate, for the time being."""
    shared = ", shared crops" if settings.crops == "shared" else ""
    chosen = settings.combination_settings
    name = f"preset {settings.preset}: " if settings.preset else ""
    if settings.target_rate:
        name = f"target_rate {settings.target_rate:g} Hz, now {name}"
    crops = "1 crop" if chosen.cost == 1 else f"{chosen.cost:g} crops"
    ratios = ", ".join(f"{ratio:.4g}" for ratio in chosen.crop_ratios)
    flips = " and flips" if chosen.use_flips else ""
    return f"{name}{crops} a frame (ratios {ratios}{flips}{shared}), {chosen.combination}"


def difference(before: NodeParameters, after: NodeParameters) -> str:
    """What a change did, for the log; '' if nothing."""
    values = {name: to_ros(getattr(after, name)) for name in NodeParameters.model_fields}
    old = {name: to_ros(getattr(before, name)) for name in NodeParameters.model_fields}
    return ", ".join(f"{name}: {value!r}" for name, value in values.items() if value != old[name])


def overruled(settings: NodeParameters, asked: Mapping[str, Any]) -> str:
    """Why what was asked for is not so though it was accepted; '' if it is."""
    if not settings.target_rate or asked.get("use_flips", settings.use_flips) == settings.use_flips:
        return ""
    return (
        f"use_flips: target_rate chooses it, {str(settings.use_flips).lower()} for now; to set it "
        f"by hand, set target_rate 0 first"
    )


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
