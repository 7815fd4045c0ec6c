"""The node's parameters: the one table behind ROS, config/depth.yaml and the documents.

Each has its type, default, unit, bounds, and whether the running node may change it; the others can
be set until the node is configured, and again once it is cleaned up.
"""

from __future__ import annotations

import math
import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from fourier_depth_ros.config import (
    PRESETS,
    BackendName,
    CombinationName,
    CombinationSettings,
    CropsName,
    DeviceName,
    PrecisionName,
    Settings,
)
from fourier_depth_ros.core.point_filter import NEIGHBOURS
from fourier_depth_ros.core.scale_filter import Smoothing

#: A min_height of -NO_HEIGHT and a max_height of NO_HEIGHT [m] are no limits.
NO_HEIGHT = 100.0


def _live(default: Any, unit: str, description: str, **bounds: Any) -> Any:
    return Field(
        default, description=description, json_schema_extra={"live": True, "unit": unit}, **bounds
    )


def _startup(default: Any, unit: str, description: str, **bounds: Any) -> Any:
    return Field(
        default, description=description, json_schema_extra={"live": False, "unit": unit}, **bounds
    )


class NodeParameters(Settings):
    """What the node is told; see the module."""

    checkpoint: str = _startup(
        "auto",
        "",
        "path or name of a checkpoint; 'auto', of those in models/: on CUDA a resnet152, else, and "
        "on a CPU, a vits, else a resnet18; the log says which and why",
    )
    device: DeviceName = _startup("auto", "", "auto, cpu, cuda or cuda:N")
    precision: PrecisionName = _startup(
        "auto",
        "",
        "auto (float16 on CUDA, bfloat16 on a CPU with AMX or AVX512-BF16, else float32), one of "
        "these, or int8, which takes the model that 'fourier-depth export' calibrates",
    )
    backend: BackendName = _startup(
        "auto",
        "",
        "what runs the network: auto (a CUDA graph; openvino on a CPU if installed, else eager), "
        "eager, graph, compiled, openvino or onnxruntime",
    )
    max_batch: int = _startup(
        66, "crops", "crops in one network pass; lower it to save memory", ge=1, le=4096
    )
    image_transport: Literal["raw", "compressed"] = _startup(
        "raw", "", "subscribe to image, or to image/compressed"
    )
    autostart: bool = _startup(
        True, "", "configure and activate at start; false: wait for lifecycle calls"
    )

    # before preset: `ros2 param load` of config/depth.yaml sets one after the other, and a preset
    # brings its flips
    use_flips: bool = _live(
        False, "", "also run each crop mirrored; follows the preset until set by hand"
    )
    preset: str = _live(
        "auto",
        "",
        "fast, balanced, accurate or paper; '' while other ratios run; 'auto': fast on CPU, "
        "accurate on CUDA",
    )
    crops: CropsName = _live(
        "corners",
        "",
        "corners: every crop passes the network by itself; shared: one pass of a zoomed picture a "
        "ratio, faster, with ratios and presets of its own",
    )
    crop_ratios: tuple[float, ...] = _live(
        (), "of H and W", "crop ratios, a subset of the fitted ones; empty: the preset's"
    )
    target_rate: float = _live(
        0.0,
        "Hz",
        "choose those ratios and flips, among the fitted ones, that compute a frame within "
        "1/target_rate; 0: those that run stay",
        ge=0,
        le=1000,
    )
    combination: CombinationName = _live(
        "hierarchical", "", "hierarchical, paper (plain least squares) or mean"
    )
    ridge: float = _live(
        -1.0,
        "relative",
        "shrinkage of the combination weights; -1: as chosen by the fit",
        ge=-1,
        le=1e6,
    )

    min_depth: float = _live(0.1, "m", "nearer is NaN", ge=0, le=1e4)
    max_depth: float = _live(10.0, "m", "farther is NaN, or inf by far_policy", gt=0, le=1e4)
    far_policy: Literal["nan", "inf"] = _live(
        "nan", "", "what stands for depth beyond max_depth (REP 117)"
    )
    max_relative_std: float = _live(
        0.0, "", "depth is NaN where depth/std over depth is larger; 0: never", ge=0, le=10
    )
    depth_scale: float = _live(
        1.0,
        "",
        "metric depth is multiplied by this; with scale_from, until there is a live scale",
        gt=0,
        le=1e3,
    )
    focal_correction: bool = _live(
        True, "", "scale depth by the camera's fx / width over the training camera's"
    )
    camera_height: float = _live(
        0.0,
        "m",
        "that of the camera over the floor, for scale_from height; 0: not known",
        ge=0,
        le=100,
    )
    scale_from: Literal["none", "scan", "points", "height", "depth"] = _live(
        "none",
        "",
        "what measures the live scale that stands for depth_scale: a LaserScan on ~/scan, a "
        "PointCloud2 on ~/scale_points, a depth image on ~/scale_depth, or camera_height, with "
        "~/imu if there is one",
    )
    scale_transform: str = _live(
        "",
        "m, rad",
        "pose of the picture's optical frame in the sensor's: x y z roll pitch yaw, or x y z qx qy "
        "qz qw; '': from TF",
    )
    scale_tolerance: float = _live(
        0.15, "relative", "depths that differ by more do not agree on a scale", ge=0.001, le=1
    )
    scale_max_delay: float = _live(
        0.1, "s", "between the stamps of a picture and of what measures its scale", ge=0, le=60
    )
    scale_time_constant: float = _live(
        1.0, "s", "of the live scale's average; 0: each picture has its own", ge=0, le=3600
    )
    scale_max_jump: float = _live(
        0.3, "relative", "a scale that differs by more is refused until it persists", gt=0, le=100
    )
    scale_patience: float = _live(
        2.0,
        "s",
        "a refused scale that persists for so long is taken, one that nothing supports is reported",
        ge=0,
        le=3600,
    )
    output_size: str = _live(
        "",
        "px",
        "WIDTHxHEIGHT of the outputs, such as 320x240; '': the image's",
    )
    depth_encoding: Literal["32FC1", "16UC1"] = _live(
        "32FC1", "", "32FC1: metres, NaN invalid; 16UC1: millimetres, 0 invalid (REP 118)"
    )
    publish_points: bool = _live(False, "", "publish depth/points even while nobody subscribes")
    points_stride: int = _live(2, "px", "every N-th row and column becomes a point", ge=1, le=64)
    min_height: float = _live(
        -NO_HEIGHT,
        "m",
        "lower points are left out of depth/points, by their z in height_frame; -100: no limit",
        ge=-NO_HEIGHT,
        le=NO_HEIGHT,
    )
    max_height: float = _live(
        NO_HEIGHT, "m", "likewise higher ones; 100: no limit", ge=-NO_HEIGHT, le=NO_HEIGHT
    )
    height_frame: str = _live(
        "base_footprint", "", "frame with z up and its origin on the floor, as TF knows it"
    )
    height_transform: str = _live(
        "",
        "m, rad",
        "pose of the picture's optical frame in height_frame: x y z roll pitch yaw, or x y z qx qy "
        "qz qw; '': from TF",
    )
    outlier_neighbours: int = _live(
        0,
        "points",
        "a point stays in depth/points if so many of the 24 around it are about as deep; 0: all do",
        ge=0,
        le=NEIGHBOURS,
    )
    outlier_distance: float = _live(
        0.05, "relative", "depths that differ by more are no neighbours", ge=0.001, le=1
    )
    scan_height: int = _live(
        10, "px", "rows of depth/image whose nearest depths are depth/laserscan", ge=1, le=4320
    )
    scan_row: int = _live(
        -1, "px", "row in their middle; -1: that of the principal point", ge=-1, le=4319
    )
    scan_frame: str = _live(
        "",
        "",
        "frame_id of depth/laserscan, at the camera with x forward and z up; '': the image's, "
        "without its _optical",
    )
    compressed_depth_format: Literal["png", "rvl"] = _live(
        "png", "", "of depth/image/compressedDepth: png, or rvl, which Humble and Iron cannot read"
    )
    diagnostics_period: float = _live(
        1.0, "s", "time between two messages on /diagnostics; 0: none", ge=0, le=3600
    )

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, name: str) -> str:
        if name not in ("", "auto", *PRESETS):
            raise ValueError(f"{name!r} is none of {', '.join(PRESETS)}, 'auto' or ''")
        return name

    @field_validator("output_size")
    @classmethod
    def _size(cls, size: str) -> str:
        if not re.fullmatch(r"([1-9]\d{0,3}x[1-9]\d{0,3})?", size):
            raise ValueError(f"{size!r} is not WIDTHxHEIGHT; give a size such as 320x240, or ''")
        width, _, height = size.partition("x")
        if size and int(width) * int(height) > 7680 * 4320:
            raise ValueError(f"{size} is more than 8K; give at most 7680x4320")
        return size

    @field_validator("scale_transform", "height_transform")
    @classmethod
    def _pose(cls, text: str) -> str:
        numbers = _numbers(text)
        if text and (numbers is None or not math.hypot(*numbers[3:], len(numbers) == 6) > 1e-3):
            raise ValueError(
                f"{text!r} is no pose; give x y z roll pitch yaw, or x y z qx qy qz qw, such as "
                f"'0.1 0 0.2 -1.5708 0 -1.5708', or ''"
            )
        return text

    @field_validator("crop_ratios")
    @classmethod
    def _ratios(cls, ratios: tuple[float, ...]) -> tuple[float, ...]:
        return CombinationSettings(crop_ratios=ratios).crop_ratios if ratios else ()

    @field_validator("ridge")
    @classmethod
    def _ridge(cls, ridge: float) -> float:
        if ridge < 0 and ridge != -1:
            raise ValueError(f"{ridge:g} is negative; give 0 or more, or -1 for the fit's own")
        return ridge

    @model_validator(mode="after")
    def _range(self) -> NodeParameters:
        if self.min_depth >= self.max_depth:
            raise ValueError(
                f"min_depth {self.min_depth:g} m is not below max_depth {self.max_depth:g} m"
            )
        if self.min_height >= self.max_height:
            raise ValueError(
                f"min_height {self.min_height:g} m is not below max_height {self.max_height:g} m"
            )
        return self

    @property
    def limits_height(self) -> bool:
        """Whether points are left out by their height."""
        return self.min_height > -NO_HEIGHT or self.max_height < NO_HEIGHT

    @property
    def height_range(self) -> tuple[float, float]:
        """Lowest and highest point [m]; infinite for no limit."""
        lowest = self.min_height if self.min_height > -NO_HEIGHT else -math.inf
        highest = self.max_height if self.max_height < NO_HEIGHT else math.inf
        return lowest, highest

    @property
    def height_pose(self) -> tuple[float, ...]:
        """Six or seven numbers of height_transform; empty: from TF."""
        return _numbers(self.height_transform) or ()

    @property
    def scale_pose(self) -> tuple[float, ...]:
        """Six or seven numbers of scale_transform; empty: from TF."""
        return _numbers(self.scale_transform) or ()

    @property
    def scale_smoothing(self) -> Smoothing:
        """The part of the parameters that the live scale's filter takes."""
        return Smoothing(self.scale_time_constant, self.scale_max_jump, self.scale_patience)

    @property
    def output_shape(self) -> tuple[int, int] | None:
        """(height, width) of the outputs [px]; None: the image's."""
        if not self.output_size:
            return None
        width, height = map(int, self.output_size.split("x"))
        return height, width

    @property
    def combination_settings(self) -> CombinationSettings:
        """The part of the parameters that the estimator solves for."""
        return CombinationSettings(
            crops=self.crops,
            crop_ratios=self.crop_ratios,
            use_flips=self.use_flips,
            combination=self.combination,
            ridge=None if self.ridge < 0 else self.ridge,
        )


def _numbers(text: str) -> tuple[float, ...] | None:
    """The six or seven finite numbers of a pose; None where it is none."""
    try:
        numbers = tuple(float(word) for word in text.replace(",", " ").split())
    except ValueError:
        return None
    return numbers if len(numbers) in (6, 7) and all(map(math.isfinite, numbers)) else None
