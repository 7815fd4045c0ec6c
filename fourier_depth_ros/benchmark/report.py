"""The figures as Markdown, and as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fourier_depth_ros.benchmark.targets import on_avx2
from fourier_depth_ros.config import PRESETS

_NODE_COLUMNS = (
    "node",
    "depth [Hz]",
    "age p50 [ms]",
    "p95",
    "p99",
    "CPU [%]",
    "memory [MB]",
    "beside predict [ms]",
)
_ONCE_COLUMNS = ("trunk", "preset", "backend", "peak memory [MB]", "first depth after [s]")

_JUDGED_BY = {
    False: "Judged by the first bound: this machine computes in 16 bits.",
    True: "Judged by the bound for AVX2: these cores do not compute in bfloat16.",
}


def markdown(report: dict[str, Any]) -> str:
    """The report's tables."""
    machine = report["machine"]
    load = report["load"]
    head = [
        f"Measured {report['when']} on {machine['cpu']}, {machine['cores']} cores"
        f"{', ' + machine['gpu'] if machine['gpu'] else ''}, torch {machine['torch']}"
        f"{' (quick)' if report['quick'] else ''}. Other processes kept {load['others_cores']:.2f} "
        f"cores busy meanwhile. ResNet-152 has random weights: its times are right, its depth is "
        f"not.",
        "",
        _JUDGED_BY[on_avx2(report["best"])],
        "",
        *_table(
            ("target", "figure", "bound", "bound, AVX2", "verdict"),
            (
                (
                    t["name"],
                    _figure(t["figure"]),
                    f"{t['sense']} {t['bound']:g}",
                    "" if t["bound_avx2"] is None else f"{t['sense']} {t['bound_avx2']:g}",
                    t["verdict"],
                )
                for t in report["targets"]
            ),
        ),
        "",
        *_table(
            (
                "trunk",
                "preset",
                "crops",
                "backend",
                "frame [ms]",
                "network [ms]",
                "frame / network",
                "naive / frame",
                "median depth error [m]",
            ),
            (
                (
                    r["trunk"],
                    r["preset"],
                    f"{r['crops']:g}",
                    r["backend"],
                    f"{r['frame_ms']:.1f}",
                    f"{r['network_ms']:.1f}",
                    f"{r['frame_over_network']:.3f}",
                    _figure(r["naive_over_frame"]),
                    f"{r['error_m']:.4f}",
                )
                for r in report["frames"]
            ),
        ),
    ]
    node = [
        (
            name,
            c["rate_hz"],
            c["age_ms_p50"],
            c["age_ms_p95"],
            c["age_ms_p99"],
            c["cpu_percent"],
            c["rss_mb"],
            c["beside_predict_ms"],
        )
        for name, c in report["node"].items()
        if "rate_hz" in c
    ]
    if node:
        head += ["", *_table(_NODE_COLUMNS, node)]
    once = [
        (o["trunk"], o["preset"], o["backend"], o["peak_rss_mb"], o["first_depth_s"])
        for o in report["once"]
    ]
    if once:
        head += ["", *_table(_ONCE_COLUMNS, once)]
    skipped = [f"- not run: {name}: {why}" for name, why in report["skipped"].items()]
    return "\n".join([*head, "", *skipped] if skipped else head) + "\n"


def plot(report: dict[str, Any], path: Path) -> None:
    """Frame against network and naive way by crops; cost by crops, pixels and batch.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for trunk, marker in (("resnet18", "o"), ("resnet152", "s")):
        rows = [
            r
            for r in report["frames"]
            if (r["trunk"], r["backend"]) == (trunk, report["best"]) and r["preset"] in PRESETS
        ]
        rows.sort(key=lambda r: r["crops"])
        if not rows:
            continue
        crops = [r["crops"] for r in rows]
        label = trunk.replace("resnet", "ResNet-")
        left.plot(crops, [r["frame_ms"] for r in rows], marker=marker, label=f"{label}, frame")
        left.plot(crops, [r["network_ms"] for r in rows], ":k", label=f"{label}, network alone")
        naive = [(r["crops"], r["naive_ms"]) for r in rows if r["naive_ms"]]
        if naive:
            left.plot(*zip(*naive, strict=True), marker=marker, ls="--", label=f"{label}, naive")
    left.set(xscale="log", yscale="log", xlabel="crops a frame", ylabel="milliseconds")
    left.set_title(f"One VGA frame, {report['best']}")
    left.legend(fontsize=8)
    for growth in report["growth"]:
        largest_x, largest = growth["x"][-1], growth["milliseconds"][-1]
        x = [each / largest_x for each in growth["x"]]
        y = [each / largest for each in growth["milliseconds"]]
        name = f"{growth['by']} (1 = {largest_x:,}: {largest:.0f} ms)"
        right.plot(x, y, marker=".", label=name)
    right.plot((0, 1), (0, 1), ":", color="grey", label="proportional")
    right.set(xlabel="share of the largest", ylabel="share of its cost")
    right.set_title("How the cost grows, ResNet-18")
    right.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _table(names: tuple[str, ...], rows: Any) -> list[str]:
    lines = [names, tuple("---" for _ in names), *rows]
    return [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
