"""Checkpoints: one safetensors file with the weights, the statistics and a JSON configuration.

No pickle anywhere: a checkpoint from a stranger can be wrong, but it cannot run code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fourier_depth_ros.config import (
    CheckpointConfig,
    CombinationSettings,
    CropsName,
    FitConfig,
    Hierarchy,
    NetworkConfig,
    Preset,
    explain,
)
from fourier_depth_ros.core.adapted import AdaptedNetwork
from fourier_depth_ros.core.fourier import FourierCombiner
from fourier_depth_ros.core.networks import DepthNetwork, build_network
from fourier_depth_ros.core.statistics import CombinerStatistics, Weights
from fourier_depth_ros.files import whole_file

FORMAT_VERSION = 2
_KEY = "fourier_depth"


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the text says which file, why, and what to do."""


@dataclass(frozen=True)
class Fit:
    """What a checkpoint knows of combining the candidates of one way of making crops.

    ratios: before a fit, all that there are to fit. statistics, held_out: of the pictures fitted
    on, and of those held out; None before.
    """

    crops: CropsName
    ratios: tuple[float, ...]
    hierarchy: Hierarchy
    presets: dict[str, Preset]
    statistics: CombinerStatistics | None
    held_out: CombinerStatistics | None

    def solve(self, settings: CombinationSettings) -> Weights:
        """The weights of a subset of the candidates; see CombinerStatistics.solve.

        Raises:
            ValueError: nothing was fitted, or one of the ratios was not.
        """
        if self.statistics is None:
            how = "" if self.crops == "corners" else f" --crops {self.crops}"
            raise ValueError(
                f"combination: '{settings.combination}' needs a checkpoint fitted for crops "
                f"'{self.crops}', and this one is not; set 'mean', or fit it with "
                f"'fourier-depth fit{how}'"
            )
        return self.statistics.solve(settings, self.hierarchy)

    def combiner(self, settings: CombinationSettings) -> FourierCombiner:
        """What combines a subset of the candidates; their mean takes no fit.

        Raises:
            ValueError: see solve.
        """
        if settings.combination == "mean":
            return FourierCombiner.mean(settings.candidates)
        return self.solve(settings).combiner()


class FitStatistics(NamedTuple):
    """The tensors of a fit: of the pictures fitted on, and of those held out."""

    fit: CombinerStatistics | None = None
    held_out: CombinerStatistics | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A network with its configuration and, once fitted, the statistics of its combination."""

    config: CheckpointConfig
    network: DepthNetwork | AdaptedNetwork
    statistics: Mapping[CropsName, FitStatistics] = field(default_factory=dict)

    @property
    def own_network(self) -> DepthNetwork:
        """The network, for what somebody else's cannot do.

        Raises:
            ValueError: it is an adapted one.
        """
        if isinstance(self.network, AdaptedNetwork):
            raise ValueError(
                f"{self.config.network.trunk} is an adapted network, a file of somebody else's; "
                f"this takes a checkpoint of this package's own (.safetensors)"
            )
        return self.network

    def fit_of(self, crops: CropsName) -> Fit:
        """All about the combination for one way of making crops."""
        chosen = self.config.fit_config(crops)
        return Fit(
            crops,
            self.config.ratios_of(crops),
            chosen.hierarchy,
            chosen.presets,
            *self.statistics.get(crops, FitStatistics()),
        )

    def with_fit(self, fit: Fit) -> Checkpoint:
        """This checkpoint with ``fit`` in place of what it had for that way of making crops."""
        chosen = FitConfig(fitted_ratios=fit.ratios, hierarchy=fit.hierarchy, presets=fit.presets)
        fits = {**self.config.fits, fit.crops: chosen}
        parts = FitStatistics(fit.statistics, fit.held_out)
        return replace(
            self,
            config=self.config.model_copy(update={"fits": fits}),
            statistics={**self.statistics, fit.crops: parts},
        )


def save_checkpoint(
    path: str | Path, checkpoint: Checkpoint, dtype: torch.dtype = torch.float16
) -> None:
    """Write a checkpoint, the weights as ``dtype``, the fit's statistics as they are (float64).

    Those of held-out pictures, which are never solved, only asked for an error, are float32.
    The file appears whole or not at all. The inverse of load_checkpoint.
    """
    tensors = {}
    for name, tensor in checkpoint.network.state_dict().items():
        stored = tensor.to(dtype) if tensor.is_floating_point() else tensor
        tensors[f"network.{name}"] = stored.detach().cpu().contiguous()
    for crops, parts in checkpoint.statistics.items():
        for part, statistics in parts._asdict().items():
            for name, tensor in statistics.tensors().items() if statistics else ():
                smaller = part == "held_out" and tensor.is_floating_point()
                tensors[f"{crops}.{part}.{name}"] = tensor.float() if smaller else tensor
    header = {"format_version": FORMAT_VERSION, "config": checkpoint.config.model_dump(mode="json")}
    content = save(tensors, metadata={_KEY: json.dumps(header)})
    with whole_file(Path(path)) as partial:
        # save_file's would be for its owner alone; a robot's node may run as somebody else
        partial.write_bytes(content)


def load_checkpoint(path: str | Path, adapted: AdaptedNetwork | None = None) -> Checkpoint:
    """Read a checkpoint; the weights become float32, on the CPU, in eval mode.

    That of an ``adapted`` network has no weights in it: this is the network then.

    Raises:
        CheckpointError: the file is missing, truncated, of another format or version, or its
            tensors are not those of the network that its configuration names.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({error}); copy or download it again"
        ) from error
    config, tensors = _parse_config(path, metadata, tensors)
    network: DepthNetwork | AdaptedNetwork
    if isinstance(config.network, NetworkConfig):
        network = _load_network(path, config.network, _part(tensors, "network"))
    elif adapted is not None:
        network = adapted
    else:
        raise CheckpointError(
            f"{path}: the fit of an adapted network; give its YAML, which lies beside it"
        )
    parts = {(crops, part) for crops in config.fits for part in FitStatistics._fields}
    known = ("network.", *(f"{crops}.{part}." for crops, part in parts))
    unknown = [name for name in tensors if not name.startswith(known)]
    if unknown:
        raise CheckpointError(f"{path}: unexpected tensors {_some(unknown)}")
    statistics = {
        crops: FitStatistics(
            *(
                _load_statistics(path, chosen, _part(tensors, f"{crops}.{part}"))
                for part in FitStatistics._fields
            )
        )
        for crops, chosen in config.fits.items()
    }
    return Checkpoint(config, network, statistics)


def file_digest(path: str | Path) -> str:
    """The first twelve hexadecimal digits of a file's SHA-256: which weights these are."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def _parse_config(
    path: Path, metadata: dict[str, str], tensors: dict[str, Tensor]
) -> tuple[CheckpointConfig, dict[str, Tensor]]:
    """A file's configuration and its tensors, by the names of this version."""
    if _KEY not in metadata:
        raise CheckpointError(
            f"{path}: a safetensors file, but not a fourier_depth checkpoint (no '{_KEY}' entry in "
            f"its metadata); convert it first"
        )
    try:
        header: dict[str, Any] = json.loads(metadata[_KEY])
        version, config = header["format_version"], header["config"]
        if not isinstance(version, int):
            raise TypeError(f"format_version is {version!r}, expected a number")
        if version == 1:
            config, tensors = _from_version_1(config, tensors)
        elif version != FORMAT_VERSION:
            raise CheckpointError(
                f"{path}: format version {version}, this program reads versions 1 to "
                f"{FORMAT_VERSION}; update fourier_depth_ros"
            )
        return CheckpointConfig.model_validate(config), tensors
    except CheckpointError:
        raise
    except ValidationError as error:
        raise CheckpointError(f"{path}: its configuration is broken: {explain(error)}") from error
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: its configuration is broken: {error}") from error


def _from_version_1(
    config: dict[str, Any], tensors: dict[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Version 1 had the corners' fit at the top, and a preset's cost under the name crops."""
    config = dict(config)
    corners = {key: config.pop(key) for key in FitConfig.model_fields if key in config}
    given = {"corners": corners, "shared": config.pop("shared", None)}
    fits = {}
    for crops, fit in given.items():
        if not fit:
            continue
        presets = fit.get("presets", {})
        renamed = {
            name: {"cost" if key == "crops" else key: value for key, value in preset.items()}
            for name, preset in presets.items()
        }
        fits[crops] = {**fit, "presets": renamed}
    names = {"fit.": "corners.fit.", "held_out.": "corners.held_out."}
    names |= {f"shared_{old}": f"shared.{old}" for old in ("fit.", "held_out.")}

    def new_name(name: str) -> str:
        part = f"{name.partition('.')[0]}."
        return names.get(part, part) + name.removeprefix(part)

    return {**config, "fits": fits}, {new_name(n): tensor for n, tensor in tensors.items()}


def _load_network(path: Path, config: NetworkConfig, tensors: dict[str, Tensor]) -> DepthNetwork:
    with torch.device("meta"):  # no time spent on initial values
        network = build_network(config)
    expected = network.state_dict()
    missing, extra = sorted(expected.keys() - tensors), sorted(tensors.keys() - expected)
    if missing or extra:
        stage = f" with modified={config.modified}"
        raise CheckpointError(
            f"{path}: not the tensors of a {config.trunk}"
            f"{stage if config.family == 'resnet' else ''}: missing {_some(missing)}; "
            f"extra {_some(extra)}"
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise CheckpointError(
                f"{path}: network.{name} has shape {tuple(tensor.shape)}, expected "
                f"{tuple(expected[name].shape)}"
            )
    full = {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    network.load_state_dict(full, assign=True)
    return network.eval().requires_grad_(False)


def _load_statistics(
    path: Path, config: FitConfig, tensors: dict[str, Tensor]
) -> CombinerStatistics | None:
    if not tensors:
        return None
    try:
        return CombinerStatistics.from_tensors(config.fitted_ratios, tensors)
    except (ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: {error}") from error


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}."
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _some(names: list[str]) -> str:
    """At most three names, and how many more."""
    if not names:
        return "none"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
