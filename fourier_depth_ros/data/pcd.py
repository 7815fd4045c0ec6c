"""Organised point clouds of the Point Cloud Library (.pcd): one point for each pixel."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

_COLORS = ("rgba", "rgb")


def read_pcd(
    content: bytes,
) -> tuple[UInt8[np.ndarray, "height width 3"], Float32[np.ndarray, "height width"]]:
    """The picture (BGR) and the depth [m] of an organised cloud in a binary .pcd; NaN is no depth.

    Convention: depth is z without its sign; some clouds look along -z.

    Raises:
        ValueError: not a binary .pcd with z and rgb or rgba, of several rows, or cut off.
    """
    head, found, body = content.partition(b"DATA ")
    kind, _, data = body.partition(b"\n")
    lines = [line.split() for line in head.decode("ascii", "replace").splitlines()]
    header = {words[0]: words[1:] for words in lines if words}
    try:
        width, height = (int(header[key][0]) for key in ("WIDTH", "HEIGHT"))
        rows = zip(*(header[key] for key in ("FIELDS", "SIZE", "TYPE", "COUNT")), strict=True)
        fields = [(name, f"<{type_.lower()}{size}", int(n)) for name, size, type_, n in rows]
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"this is no .pcd: its header is wrong ({error})") from error
    names = [name for name, _, _ in fields]
    color = next((name for name in _COLORS if name in names), None)
    if not found or color is None or "z" not in names or height < 2:
        raise ValueError("expected a .pcd of several rows with z and rgb or rgba")
    if kind.strip() == b"binary_compressed":
        values = _by_field(data, fields, width * height)
    elif kind.strip() == b"binary":
        layout = [(f"{i}", *field[1:]) for i, field in enumerate(fields)]  # "_" may come twice
        points = np.frombuffer(data, np.dtype(layout), width * height)
        values = {name: points[f"{i}"] for i, name in enumerate(names)}
    else:
        raise ValueError(f"its data are {kind.decode(errors='replace')!r}, expected binary")
    packed = np.ascontiguousarray(values[color].reshape(height, width)).view("u1")
    bgr = packed.reshape(height, width, 4)[..., :3]
    depth = np.abs(values["z"].reshape(height, width).astype(np.float32))
    return np.ascontiguousarray(bgr), np.where(depth > 0, depth, np.float32(np.nan))


def _by_field(
    data: bytes, fields: list[tuple[str, str, int]], points: int
) -> dict[str, np.ndarray]:
    """Compressed clouds hold all of the first field, then all of the second."""
    compressed, size = (int(n) for n in np.frombuffer(data, "<u4", 2))
    whole = _decompress(data[8 : 8 + compressed], size)
    values, place = {}, 0
    for name, type_, count in fields:
        values[name] = np.frombuffer(whole, type_, points * count, place)
        place += values[name].nbytes
    return values


def _decompress(data: bytes, size: int) -> bytes:
    """LZF, as liblzf writes it: runs of new bytes, and repetitions of what was there before.

    Raises:
        ValueError: it does not give ``size`` bytes.
    """
    out, place = bytearray(), 0
    try:
        while place < len(data):
            control = data[place]
            place += 1
            if control < 32:
                out += data[place : place + control + 1]
                place += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += data[place]
                place += 1
            start = len(out) - ((control & 31) << 8) - data[place] - 1
            place += 1
            length += 2
            piece = out[start : start + length]  # a repetition may reach into itself
            out += (piece * (length // max(len(piece), 1) + 1))[:length]
    except IndexError:
        pass
    if len(out) != size:
        raise ValueError(f"its data unpack to {len(out)} bytes, expected {size}; is it whole?")
    return bytes(out)
