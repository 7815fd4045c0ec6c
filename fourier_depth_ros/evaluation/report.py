"""What an evaluation says: figures with intervals as JSON, and Markdown tables of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from fourier_depth_ros.evaluation.bootstrap import DRAWS, interval, room_draws
from fourier_depth_ros.evaluation.evaluate import Evaluation, Subject
from fourier_depth_ros.evaluation.metrics import RANGES
from fourier_depth_ros.evaluation.protocols import Protocol
from fourier_depth_ros.evaluation.zoom import ZoomRule
from fourier_depth_ros.fitting.rows import PAIR

#: Figures are rounded to so many digits after the point, in JSON and tables alike.
DIGITS = 4
#: Keys of the metrics, and their names in tables.
HEADINGS = {
    "abs_rel": "AbsRel",
    "sq_rel": "SqRel",
    "rmse": "RMSE",
    "rmse_log": "RMSE(log)",
    "log10": "log10",
    "si_log": "SI log",
    "delta1": "δ<1.25",
    "delta2": "δ<1.25²",
    "delta3": "δ<1.25³",
    "abs_rel_scaled": "AbsRel, median-scaled",
    "spearman": "Spearman",
}
#: The same of what is measured at depth boundaries.
BOUNDARY_HEADINGS = {
    "edge/abs_rel": "boundary AbsRel",
    "edge/rmse": "boundary RMSE",
    "edge/f1": "boundary F1",
    "edge/precision": "precision",
    "edge/recall": "recall",
}
_COMPARED = ("rmse", "abs_rel", "abs_rel_scaled", "edge/abs_rel", "edge/f1")
_WITH_INTERVAL = ("rmse", "edge/abs_rel", "edge/f1")
#: Quoted, never measured by this project.
PUBLISHED_RMSE = 0.572

Figures = dict[str, Any]


def report(evaluation: Evaluation) -> Figures:
    """All figures: each row in both protocols, differences of rows and checkpoints, NYUv2's table.

    Differences and their intervals are over the same drawn rooms: positive means a larger error,
    or a larger boundary F1.
    """
    rooms = next(iter(evaluation.sums.values())).groups
    sections = {p.name: _section(evaluation, p) for p in evaluation.protocols}
    cut = evaluation.interrupted
    return {
        **({"interrupted": f"after {cut.seen} of {cut.pictures} pictures"} if cut else {}),
        "pictures": len(rooms),
        "rooms": len(set(rooms.tolist())),
        "without_truth": evaluation.without_truth,
        "unreadable": evaluation.unreadable,
        "checkpoints": {s.name: {"loss": s.loss, "best_row": s.best} for s in evaluation.subjects},
        "bootstrap": f"{DRAWS} draws of rooms, 95 % intervals; null: a single room",
        "protocols": sections,
        "zoom_rule": [_zoom(rule) for rule in evaluation.zooms],
        "nyu_depth_v2": _nyu_table(evaluation, sections),
    }


def _section(evaluation: Evaluation, protocol: Protocol) -> Figures:
    """One protocol's figures."""
    sums = evaluation.sums[protocol.name]
    values = {k: v[0] for k, v in protocol.metrics(sums).items()}
    draws = room_draws(sums.groups)
    drawn = None if draws is None else protocol.metrics(sums, draws)
    ends = {} if drawn is None else {name: interval(v) for name, v in drawn.items()}
    rows: dict[str, Figures] = {subject.name: {} for subject in evaluation.subjects}
    for column, method in enumerate(evaluation.methods):
        rows[method.checkpoint][method.row] = {
            **{name: _rounded(value[column]) for name, value in values.items()},
            "interval": {n: [_rounded(e) for e in end[:, column]] for n, end in ends.items()}
            or None,
        }
    differences = [
        {
            "of": list(of),
            "minus": list(minus),
            **{
                metric: _difference(
                    values[metric], None if drawn is None else drawn[metric], columns
                )
                for metric in _COMPARED
            },
        }
        for of, minus, columns in _comparisons(evaluation)
    ]
    return {"label": protocol.label, "rows": rows, "differences": differences}


def _comparisons(
    evaluation: Evaluation,
) -> Iterator[tuple[tuple[str, str], tuple[str, str], tuple[int, int]]]:
    """Each checkpoint's best rows against r = 1 and the means; the checkpoints' best rows."""

    def pair(a: Subject, row_a: str, b: Subject, row_b: str) -> Any:
        columns = (evaluation.column(a, row_a), evaluation.column(b, row_b))
        return (a.name, row_a), (b.name, row_b), columns

    for subject in evaluation.subjects:
        for row in (subject.network_only, PAIR, subject.mean):
            if row != subject.best:
                yield pair(subject, subject.best, subject, row)
        if subject.shared_best is not None:
            for row in (subject.network_only, subject.mean, subject.best):
                yield pair(subject, subject.shared_best, subject, row)
    first = evaluation.subjects[0]
    for other in evaluation.subjects[1:]:
        for a, b in ((other.best, first.best), (other.network_only, first.network_only)):
            yield pair(other, a, first, b)


def _difference(values: Tensor, drawn: Tensor | None, columns: tuple[int, int]) -> Figures:
    a, b = columns
    ends = None
    if drawn is not None:
        ends = [_rounded(end) for end in interval(drawn[:, a] - drawn[:, b])]
    return {"value": _rounded(values[a] - values[b]), "interval": ends}


def _zoom(rule: ZoomRule) -> Figures:
    """The zoom rule of one checkpoint and way of making crops."""

    def ends(given: tuple[float, float] | None) -> list[float | None] | None:
        return None if given is None else [_rounded(end) for end in given]

    by_ratio = {
        f"{found.crop_ratio:g}": {
            "ratio": _rounded(found.ratio),
            "spread": _rounded(found.spread),
            "interval": found.ratio_interval
            and {"ratio": ends(found.ratio_interval), "spread": ends(found.spread_interval)},
        }
        for found in rule.figures()
    }
    largest = rule.ratios[0]
    return {"checkpoint": rule.checkpoint, "crops": rule.crops, "over": largest, "of": by_ratio}


def _nyu_table(evaluation: Evaluation, sections: dict[str, Figures]) -> list[Figures]:
    """The paper's figure as others quote it, and ours only where it was measured."""
    rows: list[Figures] = [
        {
            "method": "Lee et al. 2018",
            "rmse": PUBLISHED_RMSE,
            "source": "quoted by others; not measured by this project",
        }
    ]
    for subject in evaluation.subjects:
        measured = sections["authors"]["rows"][subject.name][subject.best]["rmse"]
        rows.append(
            {
                "method": f"{subject.name}: {subject.best}",
                "rmse": measured if evaluation.nyu else None,
                "source": "measured here" if evaluation.nyu else "not measured here",
            }
        )
    return rows


def markdown(figures: Figures) -> str:
    """The report as tables, for a README or a model card."""
    parts = [f"interrupted {figures['interrupted']}"] if "interrupted" in figures else []
    parts.append(
        f"{figures['pictures']} pictures of {figures['rooms']} rooms; "
        f"{figures['without_truth']} without true depth, {figures['unreadable']} unreadable. "
        f"Depth in m; in brackets 95 % intervals of a bootstrap over rooms."
    )
    for section in figures["protocols"].values():
        parts.append(f"## {section['label']}")
        for name, rows in section["rows"].items():
            loss = figures["checkpoints"][name]["loss"]
            parts += [
                f"### {name} ({loss} loss)",
                _metrics_table(rows, HEADINGS),
                _metrics_table(rows, BOUNDARY_HEADINGS),
                _parts_table(rows),
            ]
        parts.append(_differences_table(section["differences"]))
    if figures["zoom_rule"]:
        parts += [
            "## Zoom rule: candidate of r over candidate of 1; 1.00 where the rule holds",
            "Geometric mean over pictures of the median over the grid; spread: standard deviation "
            "of its logarithm between pictures.",
            _zoom_markdown(figures["zoom_rule"]),
        ]
    parts += ["## NYU Depth v2, test split, authors' protocol", _nyu_markdown(figures)]
    return "\n\n".join(parts)


def _zoom_markdown(rules: list[Figures]) -> str:
    lines = [
        [
            rule["checkpoint"],
            rule["crops"],
            crop_ratio,
            *(_cell(of, name) for name in ("ratio", "spread")),
        ]
        for rule in rules
        for crop_ratio, of in rule["of"].items()
    ]
    return _table(["checkpoint", "crops", "r", "ratio", "spread"], lines)


def _cell(figures: Figures, name: str) -> str:
    """A figure with its interval, where there is one."""
    shown = _shown(figures[name])
    ends = figures["interval"] and figures["interval"][name]
    if not ends or None in ends:
        return shown
    return f"{shown} [{_shown(ends[0])}, {_shown(ends[1])}]"


def _metrics_table(rows: dict[str, Figures], headings: dict[str, str]) -> str:
    def cell(row: Figures, metric: str) -> str:
        return _cell(row, metric) if metric in _WITH_INTERVAL else _shown(row[metric])

    lines = [[name, *(cell(row, metric) for metric in headings)] for name, row in rows.items()]
    return _table(["method", *headings.values()], lines)


def _parts_table(rows: dict[str, Figures]) -> str:
    """AbsRel and RMSE by true depth."""
    lines = [
        [
            name,
            *(f"{_shown(row[f'{p}/abs_rel'])} / {_shown(row[f'{p}/rmse'])}" for p in RANGES),
        ]
        for name, row in rows.items()
    ]
    return _table(["AbsRel / RMSE", *RANGES], lines)


def _differences_table(differences: list[Figures]) -> str:
    headings = HEADINGS | BOUNDARY_HEADINGS

    def cell(figure: Figures) -> str:
        ends = figure["interval"]
        if figure["value"] is None:
            return "-"
        bracket = ""
        if ends and None not in ends:
            bracket = f" [{ends[0]:+.{DIGITS}f}, {ends[1]:+.{DIGITS}f}]"
        return f"{figure['value']:+.{DIGITS}f}{bracket}"

    lines = []
    for d in differences:
        (ours, row), (theirs, other) = d["of"], d["minus"]
        name = f"{row} - {other}" if ours == theirs else f"{ours}: {row} - {theirs}: {other}"
        lines.append([name, *(cell(d[metric]) for metric in _COMPARED)])
    return _table(["difference", *(headings[metric] for metric in _COMPARED)], lines)


def _nyu_markdown(figures: Figures) -> str:
    lines = [
        [
            row["method"],
            row["source"] if row["rmse"] is None else f"{row['rmse']} ({row['source']})",
        ]
        for row in figures["nyu_depth_v2"]
    ]
    return _table(["method", "RMSE [m]"], lines)


def _table(heads: list[str], lines: list[list[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _rounded(value: Tensor | float) -> float | None:
    """None for NaN, which JSON doesn't have."""
    number = float(value)
    return round(number, DIGITS) + 0.0 if math.isfinite(number) else None


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.{DIGITS}f}"
