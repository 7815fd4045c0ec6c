"""The documents keep their length, their links lead somewhere, and what they show is the code's."""

import re
from pathlib import Path

import pytest

from fourier_depth_ros.ros.parameter_table import parameter_table

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CARDS = sorted((ROOT / "models").glob("*.md"))
FOLDERS = ("benchmarks", "docs", "experiments", "models", "test")  # never what a build leaves
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
)


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def anchors_of(path: Path) -> set[str]:
    """Of a document's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_readme_and_cards_are_short():
    assert lines_of(README) <= 130
    assert {card.stem for card in CARDS} == {
        p.stem for p in README.parent.glob("models/*.safetensors")
    }
    for card in CARDS:
        assert lines_of(card) <= 80, card.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors_of(target), f"{link}: no such heading"


def test_every_picture_is_shown_somewhere():
    shown = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    for picture in (ROOT / "docs" / "pictures").iterdir():
        assert f"pictures/{picture.name}" in shown, f"{picture.name} is in no document"


def test_parameter_table_is_current():
    page = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    between = re.search(r"<!-- parameters: .* -->\n(.*)\n<!-- /parameters -->", page, re.DOTALL)
    assert between is not None
    assert between[1] == parameter_table()


def test_python_example_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    scope: dict = {}
    exec(example, scope)
    assert scope["prediction"].depth.shape == (480, 640)
    assert scope["prediction"].candidates.shape[1:] == (72, 96)
