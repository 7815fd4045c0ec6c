"""Rooms that end their process in the middle, as a library with a broken heap does."""

import sys
from functools import partial
from importlib.util import find_spec

import pytest
from mortal import Hopeless, Mortal

from fourier_depth_ros.cli.main import main
from fourier_depth_ros.simulator import simulation
from fourier_depth_ros.simulator.dataset import Options, room_record, write_summary
from fourier_depth_ros.simulator.simulation import simulate_rooms

pytestmark = pytest.mark.usefixtures("egl", "embree")
TWICE = "its process died twice, with exit codes -6 and -6"


@pytest.mark.parametrize("renderer", ["gl", "cycles"])
def test_the_others_are_made_and_the_same_command_goes_on(assets, tmp_path, monkeypatch, renderer):
    if renderer == "cycles" and find_spec("bpy") is None:
        pytest.skip("Cycles takes bpy (the extra 'cycles', Python 3.11)")
    # what bpy adds, if another test imported it, would hide it from the processes
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "/bpy/" not in place])
    samples = 16 if renderer == "gl" else 1
    options = Options(views=2, width=96, height=72, renderer=renderer, samples=samples)
    rooms = partial(simulate_rooms, tmp_path, assets, options, range(4), 2)
    results = list(rooms(simulator=Mortal))
    assert set(results[:2]) == {(0, ""), (3, "")}
    assert sorted(results[2:]) == [(1, TWICE), (2, "")]
    assert write_summary(tmp_path, options).rooms == 3
    assert not list(tmp_path.rglob("*000001*"))

    made = {seed: room_record(tmp_path, seed) for seed in (0, 2, 3)}
    assert list(rooms(simulator=Mortal)) == [(0, ""), (2, ""), (3, ""), (1, TWICE)]
    assert list(rooms()) == [(0, ""), (2, ""), (3, ""), (1, "")]
    assert {seed: room_record(tmp_path, seed) for seed in (0, 2, 3)} == made
    assert write_summary(tmp_path, options).rooms == 4


@pytest.mark.parametrize(("simulator", "code"), [(Mortal, 0), (Hopeless, 1)])
def test_the_command_counts_what_is_left_out(
    furniture, tmp_path, monkeypatch, capsys, simulator, code
):
    dying = partial(simulate_rooms, simulator=simulator)
    monkeypatch.setattr(simulation, "simulate_rooms", dying)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    size = ("--views", "1", "--width", "80", "--height", "64", "--assets", str(furniture))
    command = ["fourier-depth", "simulate", str(tmp_path / "out"), "--rooms", "2", *size]
    monkeypatch.setattr(sys, "argv", [*command, "--workers", "2"])
    assert main() == code
    said, complaint = capsys.readouterr()
    assert f"room 1 left out: {TWICE}" in complaint
    if code == 0:
        assert "1 pictures of 1 rooms" in said
        assert "1 of 2 rooms could not be made; see above" in said
    else:
        assert "0 pictures of 0 rooms" in said
        assert "none of 2 rooms could be made; see above" in complaint
