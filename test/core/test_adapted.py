"""What an adapter does to crops before a session, and to its answers after: by hand."""

import pytest
import torch

from fourier_depth_ros.adapter import AdapterConfig
from fourier_depth_ros.core.adapted import (
    AdaptedRunner,
    AnswerError,
    camera_matrices,
    pixel_rays,
    recovered_shift,
)

CPU = torch.device("cpu")


def config(output=None, **given):
    return AdapterConfig.model_validate(
        {
            "model": "net",
            "input": {"name": "image", "size": [40, 60], **given},
            "output": {"name": "z", "kind": "metric", "direction": "farther", **(output or {})},
        }
    )


def fed(**given):
    """What a session is given of two crops, the first all (0, 51, 255), the second all 102."""
    seen = {}

    def session(inputs):
        seen.update(inputs)
        return {"z": torch.ones(2, 40, 60)}

    runner = AdaptedRunner(config(**given), session, CPU)
    size = runner.config.input.content_size((100, 100))
    crops = torch.full((2, 3, *size), 102, dtype=torch.uint8)
    crops[0] = torch.tensor([0, 51, 255])[:, None, None]
    runner(crops)
    return seen["image"]


def test_pixels_are_normalised_in_their_range():
    x = fed(mean=[0.5, 0.1, 0.0], std=[0.5, 0.2, 2.0])
    assert x.shape == (2, 3, 40, 60)
    # (0 - 0.5) / 0.5, (51 / 255 - 0.1) / 0.2, 1 / 2; 102 / 255 = 0.4
    torch.testing.assert_close(x[0, :, 0, 0], torch.tensor([-1.0, 0.5, 0.5]))
    torch.testing.assert_close(x[1, :, 0, 0], torch.tensor([-0.2, 1.5, 0.2]))
    torch.testing.assert_close(fed(range=255)[0, :, 0, 0], torch.tensor([0.0, 51.0, 255.0]))
    x = fed(range=255, mean=[1, 1, 55], std=[1, 2, 100], layout="NHWC")
    assert x.shape == (2, 40, 60, 3)
    torch.testing.assert_close(x[0, 0, 0], torch.tensor([-1.0, 25.0, 2.0]))


def test_padding_is_around_and_has_its_colour():
    # 100 x 100 in 40 x 60: 40 x 40, with 10 columns on either side
    x = fed(resize="pad", mean=[0.5, 0.5, 0.5], padding=[0.5, 0.6, 0.0])
    for columns in (slice(0, 10), slice(50, 60)):
        torch.testing.assert_close(
            x[..., columns], torch.tensor([0.0, 0.1, -0.5])[:, None, None].expand(2, 3, 40, 10)
        )
    torch.testing.assert_close(x[0, 0, :, 10:50], torch.full((40, 40), -0.5))
    assert (fed(resize="pad", mean=[0.3, 0.3, 0.3])[..., :10] == 0).all()  # the mean itself


@pytest.mark.parametrize("shape", [(2, 40, 60), (2, 1, 40, 60), (2, 40, 60, 1), (2, 20, 30)])
def test_answers_of_any_rank_and_size(shape):
    runner = AdaptedRunner(config(), lambda _: {"z": torch.full(shape, 3.0)}, CPU)
    maps = runner(torch.zeros(2, 3, 40, 60, dtype=torch.uint8))
    torch.testing.assert_close(maps, torch.full((2, 72, 96), 3.0))


def test_answers_that_are_no_maps_are_refused():
    crops = torch.zeros(2, 3, 40, 60, dtype=torch.uint8)
    for output, answers, match in (
        ({}, {"z": torch.ones(1, 40, 60)}, r"'z' has shape \(1, 40, 60\) for 2 crops, expected"),
        ({}, {"y": torch.ones(2, 40, 60)}, "no output 'z', it has y"),
        ({"kind": "point-map"}, {"z": torch.ones(2, 40, 60)}, r"expected points \(n, h, w, 3\)"),
        (
            {"scale": "s"},
            {"z": torch.ones(2, 40, 60), "s": torch.ones(3)},
            "holds 3 numbers for 2 crops",
        ),
    ):
        with pytest.raises(AnswerError, match=match):
            AdaptedRunner(config(output), lambda _, a=answers: a, CPU)(crops)


def test_what_is_not_finite_is_not_known_and_does_not_spread():
    answer = torch.full((1, 72, 96), 2.0)
    answer[:, :, 48:] = torch.inf
    maps = AdaptedRunner(config(), lambda _: {"z": answer}, CPU)(
        torch.zeros(1, 3, 40, 60, dtype=torch.uint8)
    )
    torch.testing.assert_close(maps[..., :48], torch.full((1, 72, 48), 2.0))
    assert maps[..., 48:].isnan().all()


def test_the_shift_of_points_is_found_with_the_focal_length_unknown():
    generator = torch.Generator().manual_seed(0)
    z = 2 + torch.rand(2, 30, 40, generator=generator)
    v, u = torch.meshgrid(torch.arange(30.0) - 14.5, torch.arange(40.0) - 19.5, indexing="ij")
    points = torch.stack((u * z / 35, v * z / 35, z - torch.tensor([0.7, -1.2])[:, None, None]), 1)
    known = torch.ones(2, 30, 40, dtype=torch.bool)
    known[0, :10] = False
    points[0, :, :10] = torch.nan
    torch.testing.assert_close(recovered_shift(points, known), torch.tensor([0.7, -1.2]))
    assert recovered_shift(points, torch.zeros_like(known)).tolist() == [0.0, 0.0]


def test_cameras_as_matrices_and_rays():
    camera = torch.tensor([[2.0, 4.0, 1.0, 3.0]])
    expected = [[[2.0, 0.0, 1.0], [0.0, 4.0, 3.0], [0.0, 0.0, 1.0]]]
    assert camera_matrices(camera, (5, 6)).tolist() == expected
    rays = pixel_rays(camera, (8, 6))
    assert rays.shape == (1, 3, 8, 6)
    assert rays[0, :, 3, 1].tolist() == [0.0, 0.0, 1.0]
    # pixel u = 3, v = 7: ((3 - 1) / 2, (7 - 3) / 4, 1) = (1, 1, 1)
    torch.testing.assert_close(rays[0, :, 7, 3], torch.full((3,), 3**-0.5))
