"""What the figures have to reach, and whether they do: computed, never typed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fourier_depth_ros.benchmark.frames import Growth, Row, deviation_from_a_line

Verdict = Literal["met", "missed", "not measured"]


@dataclass(frozen=True)
class Target:
    """A figure and its bound; ``sense`` says on which side the figure has to be."""

    name: str
    bound: float
    sense: Literal["<=", ">="]
    figure: float | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the figure keeps the bound."""
        if self.figure is None:
            return "not measured"
        kept = self.figure <= self.bound if self.sense == "<=" else self.figure >= self.bound
        return "met" if kept else "missed"

    def as_json(self) -> dict[str, Any]:
        """With the verdict."""
        return {**asdict(self), "verdict": self.verdict}


@dataclass(frozen=True)
class Measured:
    """All that a run found; what is None or empty was not measured.

    node: by case, see `fourier_depth_ros.benchmark.node`. rmse: [m] on held-out pictures, by
    backend. best: the backend "name precision" that "auto" takes. expected: of the presets [m].
    """

    best: str
    rows: list[Row]
    growth: list[Growth]
    differences: dict[str, float]
    once: list[dict[str, Any]]
    node: dict[str, dict[str, Any]]
    rmse: dict[str, float]
    expected: dict[str, float | None]
    cloud_ms: float | None


def targets(found: Measured) -> list[Target]:
    """Every target, measured or not."""

    def row(trunk: str, preset: str, backend: str = found.best) -> Row | None:
        return _first(
            r for r in found.rows if (r.trunk, r.preset, r.backend) == (trunk, preset, backend)
        )

    large, small = row("resnet152", "paper"), row("resnet18", "fast")
    accurate = row("resnet152", "accurate")
    int8 = row("resnet152", "paper", "openvino int8")
    crops = _first(g for g in found.growth if g.by == "crops")
    fastest, vga, hd = (found.node.get(case, {}) for case in ("rate", "vga", "hd"))
    exact = {k: v for k, v in found.differences.items() if k.endswith("float32")}
    oracle, small_int8 = found.rmse.get("eager float32"), found.rmse.get("openvino int8")
    return [
        Target(
            "ResNet-152, paper, VGA: frame over pure network",
            1.05,
            "<=",
            _of(large, "frame_over_network"),
        ),
        Target(
            "ResNet-152, paper, VGA: naive over frame",
            2.7,
            ">=",
            _of(large, "naive_over_frame"),
        ),
        Target(
            "ResNet-152, paper, VGA, int8: naive over frame",
            2.7,
            ">=",
            _of(int8, "naive_over_frame"),
        ),
        Target(
            "int8 over float32: RMSE on held-out pictures", 1.01, "<=", _over(small_int8, oracle)
        ),
        Target(
            "ResNet-18, fast, VGA: frame less pure network [ms]",
            3.0,
            "<=",
            _of(small, "overhead_ms"),
        ),
        Target(
            "accurate over paper: expected RMSE",
            1.01,
            "<=",
            _over(found.expected.get("accurate"), found.expected.get("paper")),
        ),
        Target(
            "ResNet-152, accurate over paper: time",
            0.25,
            "<=",
            _over(_of(accurate, "frame_ms"), _of(large, "frame_ms")),
        ),
        Target("ResNet-18, fast, VGA: depth end to end [Hz]", 30.0, ">=", fastest.get("rate_hz")),
        Target(
            "float32 backends: largest relative difference to the network",
            1e-3,
            "<=",
            max(exact.values(), default=None),
        ),
        Target(
            "ResNet-18: start of the node to the first depth, warm cache [s]",
            5.0,
            "<=",
            vga.get("first_depth_s"),
        ),
        Target(
            "ResNet-18, fast: memory gained over 5,000 frames [MB]",
            10.0,
            "<=",
            found.node.get("long", {}).get("rss_gained_mb"),
        ),
        Target(
            "cost by crops: largest distance from a line, of the largest cost",
            0.05,
            "<=",
            crops and deviation_from_a_line(crops),
        ),
        Target("node beside predict, VGA [ms]", 3.0, "<=", vga.get("beside_predict_ms")),
        Target("node beside predict, 1080p [ms]", 8.0, "<=", hd.get("beside_predict_ms")),
        Target("cloud of 307,200 points [ms]", 12.0, "<=", found.cloud_ms),
    ]


def _of(row: Row | None, name: str) -> float | None:
    return None if row is None else getattr(row, name)


def _first(rows: Iterable[Any]) -> Any:
    return next(iter(rows), None)


def _over(numerator: float | None, denominator: float | None) -> float | None:
    return numerator / denominator if numerator and denominator else None
