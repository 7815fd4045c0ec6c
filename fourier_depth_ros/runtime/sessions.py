"""What runs an adapter's model: ONNX Runtime, OpenVINO, or torch for a folder of transformers'.

Float16 files, files of one batch size and files with other inputs are served alike: a session takes
float32 crops by the input's name and gives every output by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from fourier_depth_ros.adapter import AdapterConfig
from fourier_depth_ros.core.adapted import AnswerError, Session, check_input
from fourier_depth_ros.core.frame import DTYPES, Frame, FrameRunner, run_plainly
from fourier_depth_ros.runtime.cache import cache_directory
from fourier_depth_ros.runtime.graph import capture as capture_graph
from fourier_depth_ros.runtime.onnxruntime import providers


class Opened(NamedTuple):
    """A session with what a Backend has to know of it."""

    session: Session
    backend: str
    precision: str
    capture: Callable[[Frame, torch.device], FrameRunner] = run_plainly
    why: str = ""


class Port(NamedTuple):
    """An input or output of a model's file; None in ``shape``: any number."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class ModelFile(NamedTuple):
    """An ONNX file that is open: its ports, and numpy arrays in -> arrays out."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    run: Callable[[dict[str, np.ndarray]], list[np.ndarray]]


def open_session(
    config: AdapterConfig, model: Path, name: str, device: torch.device, precision: str
) -> Opened:
    """What runs ``model`` by the backend ``name``.

    "auto": a folder is torch's, in a CUDA graph on a GPU; an ONNX file is OpenVINO's on a CPU if it
    is installed, else ONNX Runtime's. The precision "auto" is float32 on a CPU, for a depth of
    bfloat16 has steps of 8 mm at 2 m; an ONNX file's own in ONNX Runtime.

    Raises:
        ValueError: the backend does not run such a file, or not in this precision or on this
            device; or the file is not what the adapter says.
        ImportError: the library is not installed.
    """
    if model.is_dir():
        return _open_folder(config, model, name, device, precision)
    if name not in ("auto", "openvino", "onnxruntime"):
        raise ValueError(
            f"backend: '{name}' runs torch's networks, {model.name} is an ONNX file; set auto, "
            f"openvino or onnxruntime"
        )
    why = ""
    chosen = name
    if name == "auto":
        openvino = device.type == "cpu" and find_spec("openvino") is not None
        chosen = "openvino" if openvino else "onnxruntime"
        why = "it is installed" if openvino else f"it runs ONNX files on {device.type}"
    if chosen == "openvino":
        if device.type != "cpu":
            raise ValueError(f"backend: 'openvino' runs on the CPU, device is {device}; set 'cpu'")
        file, used = _by_openvino(model, precision)
    else:
        file = by_onnxruntime(model, device)
        used = _own_precision(file, precision)
    return Opened(_FileSession(config, model, file), chosen, used, why=why)


def by_onnxruntime(model: Path, device: torch.device) -> ModelFile:
    """An ONNX file in ONNX Runtime.

    Raises:
        ImportError: onnxruntime is not installed.
        ValueError: it is no ONNX file that this release can run, or there is no CUDA in it.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"an ONNX file takes: pip install onnxruntime ({error})") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=providers(device))
    except Exception as error:  # its own classes, which share no other ancestor
        raise ValueError(f"{model}: ONNX Runtime cannot open it ({error})") from error
    if device.type == "cuda" and session.get_providers()[0] == "CPUExecutionProvider":
        raise ValueError(
            "backend: this onnxruntime has no CUDA; pip install onnxruntime-gpu in its place"
        )
    names = [output.name for output in session.get_outputs()]

    def ports(nodes: Any) -> tuple[Port, ...]:
        return tuple(
            Port(
                node.name,
                tuple(side if isinstance(side, int) else None for side in node.shape),
                _numpy_name(node.type),
            )
            for node in nodes
        )

    return ModelFile(
        ports(session.get_inputs()),
        ports(session.get_outputs()),
        lambda arrays: session.run(names, arrays),
    )


def _numpy_name(kind: str) -> str:
    """float16 of tensor(float16); ONNX Runtime's float and double have other names in numpy."""
    name = kind.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(name, name)


def _by_openvino(model: Path, precision: str) -> tuple[ModelFile, str]:
    from fourier_depth_ros.runtime.openvino import HINTS, open_core

    used = "float32" if precision == "auto" else precision
    if used not in HINTS:
        raise ValueError(
            f"precision: '{precision}' is not for an ONNX file in OpenVINO on a CPU, which takes "
            f"{', '.join(HINTS)}"
        )
    core = open_core()
    try:
        network = core.read_model(model)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": HINTS[used],
            "CACHE_DIR": str(cache_directory() / "compiled"),
        }
        request = core.compile_model(network, "CPU", settings).create_infer_request()
    except RuntimeError as error:
        raise ValueError(
            f"{model}: OpenVINO cannot open it ({str(error).strip().splitlines()[-1]:.200}); try "
            f"backend 'onnxruntime'"
        ) from error

    def ports(nodes: Any) -> tuple[Port, ...]:
        return tuple(
            Port(
                node.any_name,
                tuple(side.get_length() if side.is_static else None for side in node.partial_shape),
                np.dtype(node.element_type.to_dtype()).name,
            )
            for node in nodes
        )

    def run(arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
        results = request.infer(arrays, share_inputs=True)
        return list(results.to_tuple())

    return ModelFile(ports(network.inputs), ports(network.outputs), run), used


def _own_precision(file: ModelFile, precision: str) -> str:
    """What the file computes in; float32 is what anybody who does not care asks for."""
    own = next((port.dtype for port in file.inputs if port.dtype.startswith("float")), "float32")
    if precision not in ("auto", "float32", own):
        raise ValueError(
            f"precision: '{precision}' is not this file's, which computes in {own}; set auto, or "
            f"export another file"
        )
    return own


class _FileSession:
    """A Session of a model's file; see Session."""

    def __init__(self, config: AdapterConfig, path: Path, file: ModelFile) -> None:
        self._file = file
        given = {config.input.name, *config.input.constants, *config.input.camera}
        ports = {port.name: port for port in file.inputs}
        if missing := sorted(given - ports.keys()):
            raise AnswerError(
                f"{path}: has no input '{missing[0]}', it has {', '.join(ports)}; correct the "
                f"adapter's input"
            )
        if rest := sorted(ports.keys() - given):
            raise AnswerError(
                f"{path}: also takes {', '.join(rest)}; say what they are in input.constants "
                f"(always the same number) or input.camera (matrix or rays)"
            )
        output = config.output
        for name in (output.name, output.mask, output.sky, output.scale):
            if name is not None and name not in (there := [port.name for port in file.outputs]):
                raise AnswerError(
                    f"{path}: has no output '{name}', it has {', '.join(there)}; correct the "
                    f"adapter's output"
                )
        main = ports[config.input.name]
        check_input(config.input, list(main.shape), str(path))
        self._batch = main.shape[0]
        self._dtypes = {name: np.dtype(port.dtype) for name, port in ports.items()}
        self._constants = {
            name: np.full(
                [1 if side is None else side for side in ports[name].shape],
                number,
                self._dtypes[name],
            )
            for name, number in config.input.constants.items()
        }

    def __call__(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        arrays = {
            name: np.ascontiguousarray(tensor.cpu().numpy().astype(self._dtypes[name], copy=False))
            for name, tensor in inputs.items()
        }
        count = len(next(iter(arrays.values())))
        if self._batch is None or self._batch == count:
            found = self._file.run({**arrays, **self._constants})
        else:
            found = self._in_batches(arrays, count, self._batch)
        names = [port.name for port in self._file.outputs]
        return {n: torch.from_numpy(np.asarray(a)) for n, a in zip(names, found, strict=True)}

    def _in_batches(
        self, arrays: dict[str, np.ndarray], count: int, batch: int
    ) -> list[np.ndarray]:
        """By calls of the one batch size that the file takes; the last one filled up."""
        parts: list[list[np.ndarray]] = []
        for first in range(0, count, batch):
            some = {name: array[first : first + batch] for name, array in arrays.items()}
            short = batch - len(next(iter(some.values())))
            if short:
                some = {n: np.concatenate((a, a[-1:].repeat(short, 0))) for n, a in some.items()}
            answers = self._file.run({**some, **self._constants})
            parts.append([a if a.shape[:1] == (batch,) else a[None] for a in answers])
        return [np.concatenate(each)[:count] for each in zip(*parts, strict=True)]


def _open_folder(
    config: AdapterConfig, folder: Path, name: str, device: torch.device, precision: str
) -> Opened:
    """A folder that transformers' save_pretrained wrote, in torch."""
    try:
        from transformers import AutoModelForDepthEstimation
    except ImportError as error:
        raise ImportError(
            f"{folder.name} is a transformers folder, which takes: pip install transformers "
            f"({error})"
        ) from error
    on_gpu = device.type == "cuda"
    chosen = ("graph" if on_gpu else "eager") if name == "auto" else name
    if chosen not in ("eager", "graph") or (chosen == "graph" and not on_gpu):
        raise ValueError(
            f"backend: '{name}' does not run a transformers folder on {device}; set auto, eager"
            f"{' or graph' if on_gpu else ''}"
        )
    used = ("float16" if on_gpu else "float32") if precision == "auto" else precision
    if used not in DTYPES:
        raise ValueError(f"precision: '{used}' is not for torch, which takes {', '.join(DTYPES)}")
    try:
        # safetensors alone: a pickle from a stranger could run code
        model = AutoModelForDepthEstimation.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{folder}: transformers cannot open it ({error})") from error
    model = model.to(device, DTYPES[used]).eval().requires_grad_(False)

    def session(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        given = {key: value.to(DTYPES[used]) for key, value in inputs.items()}
        answers = model(**given)
        return {key: value for key, value in answers.items() if isinstance(value, Tensor)}

    why = "a transformers folder is torch's" if name == "auto" else ""
    capture = capture_graph if chosen == "graph" else run_plainly
    return Opened(session, chosen, used, capture, why)
