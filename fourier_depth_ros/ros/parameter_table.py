"""The table of parameters in docs/parameters.md, made from NodeParameters.

python -m fourier_depth_ros.ros.parameter_table
"""

from __future__ import annotations

from fourier_depth_ros.ros.settings import NodeParameters


def parameter_table() -> str:
    """One row of Markdown a parameter: name, default, unit, live or at start, meaning."""
    rows = ["| parameter | default | unit | change | meaning |", "|---|---|---|---|---|"]
    for name, field in NodeParameters.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        default = "''" if field.default in ((), "") else str(field.default)
        default = default.lower() if isinstance(field.default, bool) else default
        when = "live" if extra["live"] else "at start"
        rows.append(f"| `{name}` | {default} | {extra['unit']} | {when} | {field.description} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(parameter_table())
