"""What the figures have to reach, and whether they do: computed, never typed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fourier_depth_ros.benchmark.frames import Growth, Row, deviation_from_a_line

Verdict = Literal["met", "missed", "not measured", "no bound"]
#: Pixels of a 1080p picture.
_HD = 1080 * 1920


@dataclass(frozen=True)
class Target:
    """A figure and its bounds; ``sense`` says on which side the figure has to be.

    bound: of machines that compute in 16 bits: GPUs, and cores with AVX512-BF16 or AMX.
    bound_avx2: of cores that have no more than AVX2; None: none was set. on_avx2: which one judges.
    """

    name: str
    bound: float
    bound_avx2: float | None
    sense: Literal["<=", ">="]
    figure: float | None = None
    on_avx2: bool = False

    @property
    def verdict(self) -> Verdict:
        """Whether the figure keeps the bound of this machine."""
        bound = self.bound_avx2 if self.on_avx2 else self.bound
        if bound is None:
            return "no bound"
        if self.figure is None:
            return "not measured"
        kept = self.figure <= bound if self.sense == "<=" else self.figure >= bound
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
    crops, pixels = (_first(g for g in found.growth if g.by == by) for by in ("crops", "pixels"))
    fastest, vga, hd = (found.node.get(case, {}) for case in ("rate", "vga", "hd"))
    exact = {k: v for k, v in found.differences.items() if k.endswith("float32")}
    oracle, small_int8 = found.rmse.get("eager float32"), found.rmse.get("openvino int8")
    figures: list[tuple[str, float, float | None, Literal["<=", ">="], float | None]] = [
        (
            "ResNet-152, paper, VGA: frame over pure network",
            *(1.05, 1.05, "<="),
            _of(large, "frame_over_network"),
        ),
        (
            "ResNet-152, paper, VGA: naive over frame",
            *(2.7, 1.4, ">="),  # float32 is what both compute in
            _of(large, "naive_over_frame"),
        ),
        (
            "ResNet-152, paper, VGA, int8: naive over frame",
            *(2.7, None, ">="),
            _of(int8, "naive_over_frame"),
        ),
        (
            "int8 over float32: RMSE on held-out pictures",
            *(1.01, 1.01, "<="),
            _over(small_int8, oracle),
        ),
        (
            "ResNet-18, fast, VGA: frame less pure network [ms]",
            *(3.0, 3.0, "<="),
            _of(small, "overhead_ms"),
        ),
        (
            "ResNet-18, one crop, 1080p: frame less pure network [ms]",
            *(5.0, 5.0, "<="),
            _less(_at(pixels, _HD), _of(small, "network_ms")),
        ),
        (
            "accurate over paper: expected RMSE",
            *(1.01, 1.01, "<="),
            _over(found.expected.get("accurate"), found.expected.get("paper")),
        ),
        (
            "ResNet-152, accurate over paper: time",
            *(0.25, 0.25, "<="),
            _over(_of(accurate, "frame_ms"), _of(large, "frame_ms")),
        ),
        (
            "ResNet-18, fast, VGA: depth end to end [Hz]",
            *(30.0, 20.0, ">="),
            fastest.get("rate_hz"),
        ),
        (
            "float32 backends: largest relative difference to the network",
            *(1e-3, 1e-3, "<="),
            max(exact.values(), default=None),
        ),
        (
            "ResNet-18: start of the node to the first depth, warm cache [s]",
            *(5.0, 8.0, "<="),
            vga.get("first_depth_s"),
        ),
        (
            "ResNet-18, fast: memory gained over 5,000 frames [MB]",
            *(10.0, 10.0, "<="),
            found.node.get("long", {}).get("rss_gained_mb"),
        ),
        (
            "cost by crops: largest distance from a line, of the largest cost",
            *(0.05, 0.05, "<="),
            crops and deviation_from_a_line(crops),
        ),
        ("node beside predict, VGA [ms]", *(3.0, 3.0, "<="), vga.get("beside_predict_ms")),
        ("node beside predict, 1080p [ms]", *(5.0, 5.0, "<="), hd.get("beside_predict_ms")),
        ("cloud of 307,200 points [ms]", *(12.0, 12.0, "<="), found.cloud_ms),
    ]
    return [Target(*each, on_avx2=on_avx2(found.best)) for each in figures]


def on_avx2(best: str) -> bool:
    """Whether the bounds for AVX2 judge a machine on which "auto" takes ``best``."""
    return not best.endswith("16")


def _of(row: Row | None, name: str) -> float | None:
    return None if row is None else getattr(row, name)


def _first(rows: Iterable[Any]) -> Any:
    return next(iter(rows), None)


def _over(numerator: float | None, denominator: float | None) -> float | None:
    return numerator / denominator if numerator and denominator else None


def _less(minuend: float | None, subtrahend: float | None) -> float | None:
    return None if minuend is None or subtrahend is None else minuend - subtrahend


def _at(growth: Growth | None, x: int) -> float | None:
    """The cost at ``x`` [ms]."""
    return None if growth is None else dict(zip(growth.x, growth.milliseconds, strict=True)).get(x)
