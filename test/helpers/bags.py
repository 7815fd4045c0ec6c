"""A small bag to be played."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore


def write_bag(path: Path, times: list[float], frame_id: str) -> None:
    """An mcap bag of black 2 x 2 images on /cam/image_raw, stamped and recorded at times [s]."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    kind = "sensor_msgs/msg/Image"
    types = store.types
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/cam/image_raw", kind, typestore=store)
        for seconds in times:
            time_ns = round(seconds * 1e9)
            stamp = types["builtin_interfaces/msg/Time"](*divmod(time_ns, 10**9))
            header = types["std_msgs/msg/Header"](stamp, frame_id)
            message = types[kind](header, 2, 2, "rgb8", 0, 6, np.zeros(12, np.uint8))
            writer.write(connection, time_ns, store.serialize_cdr(message, kind))
