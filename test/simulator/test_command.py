"""fourier-depth simulate, as typed."""

import sys

import pytest

from fourier_depth_ros.cli.main import main


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs it in a cache of its own; the exit code, stdout and stderr."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["fourier-depth", "simulate", *map(str, args)])
        code = main()
        return code, *capsys.readouterr()

    return run


@pytest.mark.usefixtures("egl", "embree")
def test_rooms_and_what_was_dropped(run, furniture, tmp_path):
    out = tmp_path / "rooms"
    size = ("--width", 80, "--height", 64, "--assets", furniture, "--workers", 1)
    code, said, _ = run(out, "--rooms", 2, "--views", 2, "--seed", 40, *size)
    assert code == 0
    assert f"{out}: 4 pictures of 2 rooms" in said
    assert sorted(file.stem for file in (out / "rooms").iterdir()) == ["000040", "000041"]
    code, said, _ = run(out, "--rooms", 3, "--views", 2, "--seed", 40, *size, "--contact-sheet")
    assert code == 0
    assert "6 pictures of 3 rooms" in said
    assert (out / "contact_sheet.jpg").is_file()
    code, _, complaint = run(out, "--rooms", 3, "--views", 5, "--seed", 40, *size)
    assert code == 1
    assert "holds rooms made with options" in complaint


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--rooms", 0), "rooms is 0, expected 1 or more"),
        (("--seed", -1), "seed is -1, expected 0 to"),
        (("--views", 0), "views is 0, expected 1 to 999"),
        (("--assets", "/nowhere"), "apt install sweethome3d-furniture"),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, options, complaint):
    code, _, said = run(tmp_path / "rooms", *options)
    assert code == 1
    assert complaint in said
    assert said.count("\n") == 1
    assert not (tmp_path / "rooms").exists()
