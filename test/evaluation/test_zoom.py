"""The zoom rule's figures, worked out by hand."""

import math

import pytest
import torch

from fourier_depth_ros.data.processes import Processes
from fourier_depth_ros.evaluation.zoom import ZoomRecorder, zoom_ratios


def test_the_median_over_all_cells_of_each_candidate_over_the_first():
    candidates = torch.full((3, 72, 96), 2.0)
    candidates[1] = 3.0
    candidates[1, :30] = 50.0  # under half of the cells
    candidates[2] = 1.0
    candidates[2, :37] = 5.0  # over half
    assert zoom_ratios(candidates).tolist() == [1.5, 2.5]


def test_a_depth_that_is_none_counts_as_a_millimetre():
    candidates = torch.tensor([0.001, -1.0]).reshape(2, 1, 1).expand(2, 72, 96)
    assert zoom_ratios(candidates).tolist() == [1.0]


def record(pictures):
    """A recorder that was given r = 1 and 0.8, plain and mirrored, of (number, room, factor)."""
    recorder = ZoomRecorder((1.0, 0.8), "corners")
    for number, room, factor in pictures:
        plain = torch.full((2, 72, 96), 3.0)
        plain[1] *= factor
        mirrored = torch.full((2, 72, 96), 7.0)  # not looked at
        recorder.add(torch.cat((plain, mirrored)), number, room)
    return recorder.rule("c", Processes())


def test_geometric_mean_and_spread_between_pictures():
    """Factors 2 and 1/2 in room 0, 2 and 2 in room 1: logarithms are l, -l, l, l."""
    rule = record([(2, 1, 2.0), (0, 0, 2.0), (1, 0, 0.5), (3, 1, 2.0)])
    assert rule.rooms.tolist() == [0, 0, 1, 1]
    (found,) = rule.figures()
    one = math.log(2)
    assert found.crop_ratio == 0.8
    assert found.ratio == pytest.approx(math.exp(one / 2))
    assert found.spread == pytest.approx(one * math.sqrt(3) / 2)
    # a quarter of the draws has room 0 twice, a quarter room 1 twice
    assert found.ratio_interval == pytest.approx((1.0, 2.0))
    assert found.spread_interval == pytest.approx((0.0, one))


def test_one_room_has_no_interval():
    (found,) = record([(0, 0, 1.0), (1, 0, 1.0)]).figures()
    assert (found.ratio, found.spread) == (1.0, 0.0)
    assert found.ratio_interval is found.spread_interval is None
