import threading
from pathlib import Path

import numpy as np
import pytest
from rgbd import CAMERA

from fourier_depth_ros.data.bag import BagDepth
from fourier_depth_ros.data.collection import RgbdCollection, hold_out, read_ahead
from fourier_depth_ros.data.sample import RgbdSample


class Listed:
    """Samples of the named groups."""

    skipped = 1

    def __init__(self, groups):
        self.groups = groups

    def __len__(self):
        return len(self.groups)

    def __iter__(self):
        empty = np.zeros((1, 1, 3), np.uint8)
        for i, group in enumerate(self.groups):
            yield RgbdSample(f"{group}_{i}", group, empty, empty[..., 0], CAMERA)


class ListedBag(Listed, BagDepth):
    def __init__(self, count):
        Listed.__init__(self, ["kitchen"] * count)
        self.path = Path("kitchen")


def numbers_and_rooms(collection):
    return [(number, room) for number, room, _ in collection]


def test_rooms_are_numbered_as_they_come_and_two_folders_share_none():
    collection = RgbdCollection([Listed("aab"), Listed("ba")])
    assert numbers_and_rooms(collection) == [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3)]
    assert numbers_and_rooms(collection) == [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3)]
    assert len(collection) == 5
    assert collection.skipped == 2


def test_a_fifth_of_the_rooms_is_held_out_and_both_parts_count_from_zero():
    rooms = [Listed("aabbccddeeffgg")]
    held = RgbdCollection(rooms, keep=hold_out)
    rest = RgbdCollection(rooms, keep=lambda room: not hold_out(room))
    assert [s.name for _, _, s in held] == ["b_2", "b_3", "g_12", "g_13"]
    assert numbers_and_rooms(held) == [(0, 0), (1, 0), (2, 1), (3, 1)]
    assert {s.group for _, _, s in rest} == set("acdef")
    assert numbers_and_rooms(rest)[-1] == (9, 4)


def test_a_bag_is_cut_into_stretches_of_time_unless_there_are_many():
    (one,) = [RgbdCollection([ListedBag(25)])]
    assert [room for _, room in numbers_and_rooms(one)][:8] == [0, 0, 0, 1, 1, 2, 2, 2]
    assert len({room for _, room in numbers_and_rooms(one)}) == 10
    many = RgbdCollection([ListedBag(3) for _ in range(7)])
    assert len({room for _, room in numbers_and_rooms(many)}) == 7


def test_reading_goes_ahead_in_another_thread():
    read = []
    third = threading.Event()

    def numbers():
        for number in range(6):
            read.append((number, threading.get_ident()))
            if number == 2:
                third.set()
            yield number

    ahead = read_ahead(numbers(), count=3)
    assert next(ahead) == 0
    assert third.wait(timeout=60)  # nobody asked for it yet
    assert list(ahead) == [1, 2, 3, 4, 5]
    assert [number for number, _ in read] == list(range(6))
    assert threading.get_ident() not in {reader for _, reader in read}


def test_an_error_of_reading_comes_in_its_turn():
    def numbers():
        yield 1
        raise OSError("disk gone")

    ahead = read_ahead(numbers())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="disk gone"):
        next(ahead)
