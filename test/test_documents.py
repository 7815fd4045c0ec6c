"""The README's table is the one source's, and its Python runs."""

import re
from pathlib import Path

import pytest

from fourier_depth_ros.ros.parameter_table import parameter_table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_parameter_table_is_current():
    between = re.search(r"<!-- parameters: .* -->\n(.*)\n<!-- /parameters -->", README, re.DOTALL)
    assert between is not None
    assert between[1] == parameter_table()


def test_python_example_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    scope: dict = {}
    exec(example, scope)
    assert scope["prediction"].depth.shape == (480, 640)
    assert scope["prediction"].candidates.shape[1:] == (72, 96)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()
