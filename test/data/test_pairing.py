import pytest

from fourier_depth_ros.data.pairing import find_pairs
from fourier_depth_ros.data.places import Pairs


def names(files: list[str], **pairs: object) -> list[tuple[str, str, str]]:
    return [tuple(pair) for pair in find_pairs(files, Pairs(**pairs))]


FRAMES = [f"d/frame-{n}.{part}.png" for n in (10, 2, 1) for part in ("color", "depth")]
FRAME = {"color": "d/frame-*.color.png", "depth": "d/frame-*.depth.png"}


def test_by_name_in_natural_order():
    found = names([*FRAMES, "d/frame-3.color.png", "d/e/frame-4.color.png"], **FRAME)
    assert [name for name, _, _ in found] == ["1", "2", "10"]  # 3 has no depth, 4 is elsewhere
    assert found[2] == ("10", "d/frame-10.color.png", "d/frame-10.depth.png")


def test_every_second_and_a_list():
    assert [name for name, _, _ in names(FRAMES, **FRAME, every=2)] == ["1", "10"]
    assert [name for name, _, _ in names(FRAMES, **FRAME, only=("10", "1"))] == ["10", "1"]


def test_several_stars_and_none():
    files = ["a/rgb/1.jpg", "a/depth/1.png", "b/rgb/1.jpg", "b/depth/1.png"]
    found = names(files, color="*/rgb/*.jpg", depth="*/depth/*.png")
    assert found == [("a-1", files[0], files[1]), ("b-1", files[2], files[3])]
    assert names(files, color=files[0], depth=files[3]) == [("1", files[0], files[3])]


def test_by_number():
    files = ["rgb/left_7.png", "rgb/left_12.png", "rgb/left_13.png", "z/0012.png", "z/0007.png"]
    found = names(files, color="rgb/*.png", depth="z/*.png", by="number")
    assert found == [("left_7", files[0], files[4]), ("left_12", files[1], files[3])]
    with pytest.raises(ValueError, match="'b7' has the number of 'a7'"):
        find_pairs(["a7.png", "b7.png", "z/7.png"], Pairs(color="*.png", depth="z/*", by="number"))
    with pytest.raises(ValueError, match="'a' has no number"):
        find_pairs(["a.png", "z/7.png"], Pairs(color="*.png", depth="z/*", by="number"))


def test_by_order():
    files = ["c/b.png", "c/a.png", "z/9.png", "z/10.png"]
    found = names(files, color="c/*", depth="z/*", by="order")
    assert found == [("a.png", "c/a.png", "z/9.png"), ("b.png", "c/b.png", "z/10.png")]
    with pytest.raises(ValueError, match=r"c/\* matches 2 files and z/\* 1; by order there have"):
        find_pairs(files[:3], Pairs(color="c/*", depth="z/*", by="order"))


def test_by_time():
    files = ["c/1.00.png", "c/2.00.png", "c/3.00.png", "z/0.99.png", "z/1.015.png", "z/3.05.png"]
    pairs = {"color": "c/*.png", "depth": "z/*.png", "by": "time"}
    # 1.00 is nearer to 0.99; 2.00 has none; 3.00 is 0.05 s off, beyond the 0.02 s of the default
    assert names(files, **pairs) == [("1.00", "c/1.00.png", "z/0.99.png")]
    assert [name for name, _, _ in names(files, **pairs, within=0.06)] == ["1.00", "3.00"]
    with pytest.raises(ValueError, match="stands for seconds"):
        find_pairs(["c/a.png", "z/1.png"], Pairs(**pairs))


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ({"color": "e/*.png", "depth": "d/*"}, r"there is no e/\*.png"),
        ({"color": "d/*.color.png", "depth": "d/frame-*.depth.png"}, "pairs with a"),
        ({**FRAME, "only": ("5",)}, "is named '5', as `only` has it"),
    ],
)
def test_what_is_not_there_is_told(pairs, reason):
    with pytest.raises(ValueError, match=reason):
        find_pairs(FRAMES, Pairs(**pairs))
