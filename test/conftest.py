"""What every room's tests share: a DDS domain of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
SHARED_MEMORY = Path(__file__).parents[1] / "config" / "fastdds_shm.xml"

# how long a first call takes is the machine's business, and no test of the code
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Converted networks of the tests do not fill the user's cache; children inherit it.

    The processes of pytest-xdist share one.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared / "cache"))
        yield


@pytest.fixture(scope="session")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A DDS domain on this machine only, that no other process has; children inherit it."""
    import domain_coordinator

    with domain_coordinator.domain_id() as number, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(number))
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        patch.setenv("ROS_LOG_DIR", str(tmp_path_factory.mktemp("log")))
        patch.setenv("PYTHONUNBUFFERED", "1")
        patch.setitem(os.environ, "RCUTILS_COLORIZED_OUTPUT", "0")
        _make_room_for_images(number, tmp_path_factory.mktemp("transport") / "large.xml")
        yield number


def _make_room_for_images(domain: int, profile: Path) -> None:
    """Give this process, as a camera, a shared memory that holds many images at once.

    Fast DDS reads its profiles once in a process, with the first participant: so here, before any
    test makes one. Children do not inherit it; what they set themselves is under test.
    """
    import rclpy

    given = SHARED_MEMORY.read_text(encoding="utf-8")
    profile.write_text(given.replace("16777216", "134217728"), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for variable in PROFILES:
            patch.setenv(variable, str(profile))
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=domain)
        rclpy.create_node("first", context=context).destroy_node()
        rclpy.shutdown(context=context)
