"""Finds the package's files (models, config, launch), however the package was installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE = "fourier_depth_ros"
#: A checkpoint's file with such an ending describes somebody else's network.
ADAPTER_SUFFIXES = (".yaml", ".yml")


def share_directory() -> Path:
    """The folder that holds models/, config/ and launch/.

    The ones that came with this code are first: those of its checkout (editable and symlink
    installs), then of the prefix it is installed in, PREFIX/lib/python3.x/site-packages (colcon,
    apt, pip, also with --user). Then come every ament prefix and sys.prefix.

    Raises:
        FileNotFoundError: the package's files are nowhere.
    """
    above = Path(__file__).resolve().parents[1]  # the checkout, or site-packages
    ament = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    prefixes = [*above.parents[2:3], *ament, Path(sys.prefix)]
    candidates = [above, *(prefix / "share" / PACKAGE for prefix in prefixes)]
    for candidate in candidates:
        if (candidate / "models").is_dir() and (candidate / "package.xml").is_file():
            return candidate
    raise FileNotFoundError(
        f"{PACKAGE}'s models/ and config/ are in none of {', '.join(map(str, candidates))}; "
        f"source install/setup.bash, or install the package again"
    )


def version() -> str:
    """The package's version, as package.xml has it."""
    from xml.etree import ElementTree

    return ElementTree.parse(share_directory() / "package.xml").getroot().findtext("version", "")


def cache_directory(part: str) -> Path:
    """A folder in the user's cache, $XDG_CACHE_HOME or ~/.cache; made if it is not there."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(root) / PACKAGE / part
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def fit_path(adapter: Path) -> Path:
    """Where the fit of an adapter's NAME.yaml is: NAME.fit.safetensors beside it."""
    return adapter.with_name(f"{adapter.stem}.fit.safetensors")


def find_checkpoint(name: str, cuda: bool, device: str = "auto") -> tuple[Path, str]:
    """The checkpoint file behind a path, a name in models/ ('resnet18_rooms') or 'auto'.

    'auto' is the first there is of: on CUDA a ResNet-152; a vision transformer; a ResNet-18. Of
    several alike it is the first by name, of the ResNet-18s resnet18_indoor before all others.
    Returns the path, and for 'auto' a sentence that says which and why, else ''.

    Args:
        name: of the checkpoint.
        cuda: whether this machine has CUDA.
        device: what was asked for; "cpu" leaves CUDA alone.

    Raises:
        FileNotFoundError: no such file; the text lists the names that there are.
    """
    models = share_directory() / "models"
    names = sorted(file.stem for file in models.glob("*.safetensors"))
    if name != "auto":
        for path in (Path(name).expanduser(), models / f"{name}.safetensors"):
            if path.is_file():
                return path, ""
        raise FileNotFoundError(
            f"checkpoint: '{name}' is neither a file nor one of {', '.join(names) or 'none'} in "
            f"{models}"
        )
    vit = _first(names, "vits")
    small = _first(names, "resnet18_indoor") or _first(names, "resnet18")
    if cuda and device != "cpu":
        large = _first(names, "resnet152")
        why = "there is CUDA" + ("" if large else ", no ResNet-152 is in models/")
    else:
        large, why = "", "device is cpu" if device == "cpu" else "this machine has no CUDA"
    chosen = large or vit or small
    if chosen == vit and small:
        why += f"; {small} is faster and less accurate"
    elif chosen == small:
        why += ", no vision transformer is in models/"
    if not chosen:
        there = f" or a name: {', '.join(names)}" if names else ""
        raise FileNotFoundError(f"no checkpoint for 'auto' in {models}; give a path{there}")
    return models / f"{chosen}.safetensors", f"'auto' chose {chosen}: {why}"


def _first(names: list[str], start: str) -> str:
    return next((name for name in names if name.startswith(start)), "")
