"""Every encoding against a packer written here, with padded rows and both byte orders."""

import array
import math

import cv2
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourier_depth_ros.images.encodings import (
    COLOR_ENCODINGS,
    ImageError,
    colorize_depth,
    decode_compressed,
    decode_depth,
    decode_image,
    encode_depth,
    encode_image,
    is_cut_jpeg,
)

HEIGHT, WIDTH = 6, 8
RANDOM = np.random.default_rng(7)
RGB = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
RGB16 = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, 3), dtype=np.uint16)
LUMA = RANDOM.integers(60, 180, (HEIGHT, WIDTH), dtype=np.uint8)
CHROMA = RANDOM.integers(100, 156, (2, HEIGHT, WIDTH), dtype=np.uint8)  # U, V
FLAT = np.array([200, 100, 50], np.uint8)


def add_alpha(picture):
    return np.concatenate((picture, np.full_like(picture[..., :1], 9)), axis=-1)


def repeat_gray(gray):
    return np.stack((gray,) * 3, axis=-1)


def reduce(picture16):
    return np.floor(picture16 / 257 + 0.5).astype(np.uint8)


def mosaic(pattern, color):
    """What a sensor behind this colour filter sees of one flat colour."""
    rows = np.empty((HEIGHT, WIDTH), color.dtype)
    for index, letter in enumerate(pattern):
        rows[index // 2 :: 2, index % 2 :: 2] = color["rgb".index(letter)]
    return rows


def yuv_to_rgb(luma, u, v):
    """BT.601 with limited range, as ITU-R writes it."""
    y, u, v = 1.164 * (luma - 16.0), u - 128.0, v - 128.0
    rgb = np.stack((y + 1.596 * v, y - 0.813 * v - 0.392 * u, y + 2.017 * u), axis=-1)
    return np.clip(rgb, 0, 255)


def pack_422(order):
    """Two pixels share U and V; ``order`` names the four bytes."""
    u, v = CHROMA[:, :, ::2]
    parts = {"y": LUMA[:, ::2], "Y": LUMA[:, 1::2], "u": u, "v": v}
    packed = np.stack([parts[name] for name in order], axis=-1).reshape(HEIGHT, 2 * WIDTH)
    return packed, yuv_to_rgb(LUMA, u.repeat(2, axis=1), v.repeat(2, axis=1))


def pack_420(order):
    """Four pixels share U and V, which follow the luma plane."""
    u, v = CHROMA[:, ::2, ::2]
    planes = {"u": u, "v": v}
    chroma = np.stack([planes[name] for name in order], axis=-1).reshape(HEIGHT // 2, WIDTH)
    wide_u, wide_v = (plane.repeat(2, axis=0).repeat(2, axis=1) for plane in (u, v))
    return np.concatenate((LUMA, chroma)), yuv_to_rgb(LUMA, wide_u, wide_v)


FLAT_PICTURE = np.broadcast_to(FLAT, RGB.shape)
#: encoding: (rows as the driver writes them, the RGB picture they stand for)
PACKED = {
    "rgb8": (RGB, RGB),
    "bgr8": (RGB[..., ::-1], RGB),
    "rgba8": (add_alpha(RGB), RGB),
    "bgra8": (add_alpha(RGB[..., ::-1]), RGB),
    "8UC3": (RGB[..., ::-1], RGB),
    "mono8": (RGB[..., 0], repeat_gray(RGB[..., 0])),
    "8UC1": (RGB[..., 0], repeat_gray(RGB[..., 0])),
    "rgb16": (RGB16, reduce(RGB16)),
    "bgr16": (RGB16[..., ::-1], reduce(RGB16)),
    "rgba16": (add_alpha(RGB16), reduce(RGB16)),
    "bgra16": (add_alpha(RGB16[..., ::-1]), reduce(RGB16)),
    "mono16": (RGB16[..., 0], repeat_gray(reduce(RGB16[..., 0]))),
    **{f"bayer_{p}8": (mosaic(p, FLAT), FLAT_PICTURE) for p in ("rggb", "bggr", "gbrg", "grbg")},
    **{
        f"bayer_{p}16": (mosaic(p, FLAT * np.uint16(257)), FLAT_PICTURE)
        for p in ("rggb", "bggr", "gbrg", "grbg")
    },
    "yuv422": pack_422("uyvY"),
    "uyvy": pack_422("uyvY"),
    "yuv422_yuy2": pack_422("yuYv"),
    "yuyv": pack_422("yuYv"),
    "nv12": pack_420("uv"),
    "nv21": pack_420("vu"),
}


def as_bytes(rows, padding=0, big_endian=False):
    """The bytes of an image message and its step; padding bytes are 0xEE."""
    rows = rows.astype(rows.dtype.newbyteorder(">" if big_endian else "<"))
    rows = np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xEE)
    return padded.tobytes(), padded.shape[1]


def test_every_encoding_has_a_packer():
    assert set(PACKED) == set(COLOR_ENCODINGS)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 5, 8])
@pytest.mark.parametrize("encoding", PACKED)
def test_decodes_every_encoding(encoding, padding, big_endian):
    rows, expected = PACKED[encoding]
    data, step = as_bytes(rows, padding, big_endian)
    rgb = decode_image(data, HEIGHT, WIDTH, encoding, step, big_endian)
    # OpenCV converts YUV in fixed point
    tolerance = 2 if encoding.startswith(("yu", "uy", "nv")) else 0
    np.testing.assert_allclose(rgb.astype(float), expected, rtol=0, atol=tolerance)


def test_every_16_bit_value_is_rounded_to_the_nearest_8_bit_one():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    data, step = as_bytes(values)
    gray = decode_image(data, 256, 256, "mono16", step)[..., 0]
    assert np.abs(gray - values / 257).max() < 0.5


@pytest.mark.parametrize(
    "wrap",
    [bytes, bytearray, memoryview, lambda d: array.array("B", d), lambda d: np.frombuffer(d, "u1")],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_rgb8_is_a_view_of_any_buffer(wrap, padding):
    data, step = as_bytes(RGB, padding)
    data = wrap(data)
    rgb = decode_image(data, HEIGHT, WIDTH, "rgb8", step)
    np.testing.assert_array_equal(rgb, RGB)
    assert np.shares_memory(rgb, np.frombuffer(data, np.uint8))


def test_bytes_after_the_last_row_are_ignored():
    data, step = as_bytes(RGB)
    np.testing.assert_array_equal(decode_image(data + b"more", HEIGHT, WIDTH, "rgb8", step), RGB)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"encoding": "nv24"}, r"encoding 'nv24' is unknown; .* rgb8, bgr8, .* nv21"),
        ({"encoding": "RGB8"}, r"encoding 'RGB8' is unknown"),
        ({"encoding": ""}, r"encoding is empty; .* rgb8, bgr8"),
        ({"encoding": "16UC1"}, r"'16UC1' is depth, expected colour; remap"),
        ({"encoding": "32FC1"}, r"'32FC1' is depth, expected colour; remap"),
        ({"step": 23}, r"step is 23 bytes, a row of 8 rgb8 pixels takes 24"),
        ({"step": 0}, r"step is 0 bytes"),
        ({"data": bytes(143)}, r"data has 143 bytes, 6 rows .* take 144; .* truncated"),
        ({"data": b""}, r"data has 0 bytes"),
        ({"height": 0}, r"rgb8 image is 8x0, expected at least 1x1"),
        ({"width": 0}, r"rgb8 image is 0x6"),
        ({"height": -6}, r"rgb8 image is 8x-6"),
        ({"height": 2**32 - 1}, r"data has 144 bytes, 4294967295 rows"),
        ({"width": 2**32 - 1, "height": 2**32 - 1}, r"a row of 4294967295 rgb8 pixels"),
        ({"width": 2**32 - 1, "step": 2**34}, r"data has 144 bytes"),
        ({"encoding": "uyvy", "width": 7}, r"uyvy image is 7x6, expected a multiple of 2x1"),
        ({"encoding": "yuyv", "width": 7}, r"yuyv image is 7x6, expected a multiple of 2x1"),
        ({"encoding": "nv12", "width": 7}, r"nv12 image is 7x6, expected a multiple of 2x2"),
        ({"encoding": "nv21", "height": 5}, r"nv21 image is 8x5, expected a multiple of 2x2"),
        ({"encoding": "nv12", "step": 24}, r"data has 144 bytes, 9 rows .* take 216"),
        ({"encoding": "bayer_rggb8", "height": 2}, r"bayer_rggb8 image is 8x2, .* at least 3x3"),
    ],
)
def test_refuses_with_a_reason(change, reason):
    good = {"data": bytes(144), "height": 6, "width": 8, "encoding": "rgb8", "step": 24}
    decode_image(**good)
    with pytest.raises(ImageError, match=reason):
        decode_image(**{**good, **change})


def test_4_2_2_takes_an_odd_height():
    rows, expected = PACKED["uyvy"]
    data, step = as_bytes(rows)
    rgb = decode_image(data, 5, WIDTH, "uyvy", step)
    np.testing.assert_allclose(rgb.astype(float), expected[:5], rtol=0, atol=2)


pictures = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)),
    elements=st.integers(0, 255),
)


@given(pictures, st.sampled_from(["rgb8", "bgr8"]))
def test_color_round_trip(rgb, encoding):
    pixels = encode_image(rgb, encoding)
    height, width, _ = rgb.shape
    np.testing.assert_array_equal(
        decode_image(pixels.tobytes(), height, width, encoding, 3 * width), rgb
    )


def test_encodes_channel_order_and_luma():
    red = np.array([[[255, 0, 0]]], np.uint8)
    assert encode_image(red).tolist() == [[[255, 0, 0]]]
    assert encode_image(red, "bgr8").tolist() == [[[0, 0, 255]]]
    assert encode_image(red, "mono8").tolist() == [[76]]  # 0.299 * 255 = 76.2
    with pytest.raises(ImageError, match="'yuv422'; choose rgb8, bgr8 or mono8"):
        encode_image(red, "yuv422")


def compress(bgr, extension):
    return cv2.imencode(extension, bgr)[1].tobytes()


@pytest.mark.parametrize("format", ["png", "", "rgb8; png compressed bgr8", "jpeg"])
def test_decodes_png_whatever_the_format_says(format):
    png = array.array("B", compress(RGB[..., ::-1], ".png"))
    np.testing.assert_array_equal(decode_compressed(png, format), RGB)


def test_decodes_gray_alpha_and_16_bit_png():
    gray = repeat_gray(RGB[..., 0])
    np.testing.assert_array_equal(decode_compressed(compress(RGB[..., 0], ".png"), "png"), gray)
    bgra = add_alpha(RGB[..., ::-1])
    np.testing.assert_array_equal(decode_compressed(compress(bgra, ".png"), "png"), RGB)
    deep = compress(RGB16[..., ::-1], ".png")
    np.testing.assert_array_equal(decode_compressed(deep, "rgb16; png"), reduce(RGB16))


def test_decodes_jpeg():
    flat = np.full((16, 24, 3), FLAT)
    rgb = decode_compressed(compress(flat[..., ::-1], ".jpg"), "rgb8; jpeg compressed bgr8")
    assert rgb.shape == (16, 24, 3)
    np.testing.assert_allclose(rgb.astype(float), flat, rtol=0, atol=3)  # JPEG is lossy


def test_jpeg_may_have_padding_after_its_end():
    jpeg = compress(np.zeros((16, 24, 3), np.uint8), ".jpg") + bytes(64)
    assert decode_compressed(jpeg, "jpeg").shape == (16, 24, 3)


def test_jpeg_orientation_is_ignored():
    jpeg = compress(np.zeros((16, 24, 3), np.uint8), ".jpg")
    # a TIFF directory of one entry: tag 0x0112 (orientation), SHORT, count 1, value 6 (turn right)
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    turned = jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (24, 16, 3)
    assert decode_compressed(turned, "jpeg").shape == (16, 24, 3)


@pytest.mark.parametrize("extension", [".png", ".jpg"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_refuses_truncated_pictures(extension, share):
    noise = RANDOM.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    whole = compress(noise, extension)
    with pytest.raises(ImageError, match=r"bytes of format 'x' .* truncated or corrupted"):
        decode_compressed(whole[: int(share * len(whole))], "x")


def with_thumbnail(jpeg: bytes, thumbnail: bytes) -> bytes:
    """``jpeg`` with an EXIF segment that holds a small JPEG, as cameras write it."""
    body = b"Exif\0\0" + thumbnail
    return jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


@pytest.mark.parametrize(
    "flag", [None, cv2.IMWRITE_JPEG_PROGRESSIVE, cv2.IMWRITE_JPEG_RST_INTERVAL]
)
@pytest.mark.parametrize("exif", [False, True])
def test_a_jpeg_is_whole_with_its_last_byte_and_cut_with_any_less(flag, exif):
    noise = RANDOM.integers(0, 256, (24, 40, 3), dtype=np.uint8)
    parameters = [] if flag is None else [flag, 1]
    jpeg = cv2.imencode(".jpg", noise, parameters)[1].tobytes()
    if exif:
        jpeg = with_thumbnail(jpeg, compress(noise[:8, :8], ".jpg"))
    assert all(is_cut_jpeg(jpeg[:length]) for length in range(2, len(jpeg)))
    trailers = (b"", b"of a camera's maker", jpeg[:100])
    assert not any(is_cut_jpeg(jpeg + trailer) for trailer in trailers)
    assert decode_compressed(jpeg, "jpeg").shape == (24, 40, 3)
    with pytest.raises(ImageError, match="truncated"):
        decode_compressed(jpeg[:-10], "jpeg")
    assert not is_cut_jpeg(compress(noise, ".png")[:20])  # no JPEG


@pytest.mark.parametrize(
    ("data", "format", "reason"),
    [
        (b"", "jpeg", "has no bytes"),
        (b"these are no pixels", "jpeg", "19 bytes of format 'jpeg'"),
        (b"\0\0\0\x01gB", "h264", "or another codec"),
        (b"x", "16UC1; compressedDepth png", "is compressed depth, expected a colour picture"),
        (b"x", "32FC1; compressedDepth rvl", "is compressed depth"),
        (b"x", "16UC1; png compressed ", "is compressed depth"),
    ],
)
def test_refuses_what_is_no_picture(data, format, reason):
    with pytest.raises(ImageError, match=reason):
        decode_compressed(data, format)


METRES = np.array([[0.5, np.nan, np.inf], [65.535, 0.0, -np.inf]], np.float32)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 3, 4])
def test_decodes_depth(padding, big_endian):
    data, step = as_bytes(METRES, padding, big_endian)
    np.testing.assert_array_equal(decode_depth(data, 2, 3, "32FC1", step, big_endian), METRES)

    millimetres = np.array([[500, 0, 1], [65535, 1234, 10000]], np.uint16)
    expected = np.array([[0.5, np.nan, 0.001], [65.535, 1.234, 10.0]], np.float32)
    data, step = as_bytes(millimetres, padding, big_endian)
    for encoding in ("16UC1", "mono16"):
        depth = decode_depth(data, 2, 3, encoding, step, big_endian)
        np.testing.assert_array_equal(depth, expected)


def test_float_depth_is_a_view():
    data, step = as_bytes(METRES, 4)
    depth = decode_depth(data, 2, 3, "32FC1", step)
    assert np.shares_memory(depth, np.frombuffer(data, np.uint8))


@pytest.mark.parametrize("encoding", ["16UC1", "mono16"])
@pytest.mark.parametrize(
    ("metres", "millimetres"),
    [
        (1.2344, 1234),
        (1.2346, 1235),
        (0.0004, 0),
        (0.0006, 1),
        (65.535, 65535),
        (65.536, 0),
        (1e30, 0),
        (-1.0, 0),
        (math.nan, 0),
        (math.inf, 0),
        (-math.inf, 0),
    ],
)
def test_encodes_millimetres(metres, millimetres, encoding):
    pixels = encode_depth(np.array([[metres]], np.float32), encoding)
    assert pixels.dtype == np.uint16
    assert pixels.tolist() == [[millimetres]]


sizes = hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)


@given(hnp.arrays(np.float32, sizes, elements=st.floats(width=32)))
def test_float_depth_round_trip(depth):
    height, width = depth.shape
    data = encode_depth(depth, "32FC1").tobytes()
    np.testing.assert_array_equal(decode_depth(data, height, width, "32FC1", 4 * width), depth)


@given(hnp.arrays(np.uint16, sizes, elements=st.integers(0, 65535)))
def test_millimetres_round_trip(millimetres):
    height, width = millimetres.shape
    depth = decode_depth(millimetres.tobytes(), height, width, "16UC1", 2 * width)
    np.testing.assert_array_equal(encode_depth(depth, "16UC1"), millimetres)


@given(hnp.arrays(np.float32, sizes, elements=st.floats(2**-10, 65.5, width=32)))
def test_millimetres_are_the_nearest(depth):
    error = encode_depth(depth, "16UC1") - depth.astype(float) * 1000
    assert np.abs(error).max() < 0.51  # float32 near 65 m resolves 0.008 mm


def test_depth_refuses_with_a_reason():
    good = {"data": bytes(24), "height": 2, "width": 3, "encoding": "32FC1", "step": 12}
    for change, reason in [
        ({"encoding": "rgb8"}, "'rgb8' is not depth, expected 32FC1, 16UC1, mono16"),
        ({"encoding": ""}, "'' is not depth"),
        ({"step": 11}, "step is 11 bytes, a row of 3 32FC1 pixels takes 12"),
        ({"data": bytes(23)}, "data has 23 bytes"),
        ({"width": 0}, "32FC1 image is 0x2"),
    ]:
        with pytest.raises(ImageError, match=reason):
            decode_depth(**{**good, **change})
    with pytest.raises(ImageError, match="'rgb8'; choose one of 32FC1, 16UC1, mono16"):
        encode_depth(METRES, "rgb8")


# The first and last rows of turbo's published table: (0.190, 0.072, 0.232), (0.480, 0.016, 0.011).
BLUE, RED = [48, 18, 59], [122, 4, 3]


def test_colors_go_from_near_red_to_far_blue():
    depth = np.array([[0.1, 0.05, -np.inf, 10, 99, np.inf, np.nan]], np.float32)
    colors = colorize_depth(depth, 0.1, 10.0)
    assert colors.tolist() == [[RED, RED, RED, BLUE, BLUE, BLUE, [0, 0, 0]]]


def test_colors_are_even_in_the_logarithm_of_depth():
    levels = np.arange(0, 256, 17, dtype=np.uint8)[None]
    depth = (8.0 * (0.5 / 8.0) ** (levels / 255)).astype(np.float32)
    turbo = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[..., ::-1]
    np.testing.assert_array_equal(colorize_depth(depth, 0.5, 8.0), turbo)


def test_colors_span_two_decades_at_most():
    depth = np.array([[0.0, 0.1, 0.2, 10]], np.float32)
    colors = colorize_depth(depth, 0.0, 10.0)
    assert colors[0, [0, 1, 3]].tolist() == [RED, RED, BLUE]
    assert colors[0, 2].tolist() != RED


@pytest.mark.parametrize(
    "bounds", [(1.0, 1.0), (2.0, 1.0), (-1.0, 1.0), (0.0, math.inf), (0.0, math.nan)]
)
def test_colors_refuse_impossible_bounds(bounds):
    with pytest.raises(ValueError, match="expected 0 <= min_depth < max_depth < inf"):
        colorize_depth(METRES, *bounds)
