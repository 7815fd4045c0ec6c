"""Finds the package's files (models, config, launch), however the package was installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE = "fourier_depth_ros"


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


def find_checkpoint(name: str, cuda: bool, device: str = "auto") -> tuple[Path, str]:
    """The checkpoint file behind a path, a name in models/ ('resnet18_rooms') or 'auto'.

    'auto' is a ResNet-152 where CUDA is used and there is such a file, else the ResNet-18. Returns
    the path, and a sentence that says why where the small network stands in for the paper's, or ''.

    Args:
        name: of the checkpoint.
        cuda: whether this machine has CUDA.
        device: what was asked for; "cpu" leaves CUDA alone.

    Raises:
        FileNotFoundError: no such file; the text lists the names that there are.
    """
    if name != "auto":
        given = Path(name).expanduser()
        installed = share_directory() / "models" / f"{name}.safetensors"
        for path in (given, installed):
            if path.is_file():
                return path, ""
        raise FileNotFoundError(
            f"checkpoint: '{name}' is neither a file nor one of {', '.join(_names()) or 'none'} in "
            f"{share_directory() / 'models'}"
        )
    names = _names()
    cpu = device == "cpu"
    large = [file for file in names if cuda and not cpu and file.startswith("resnet152")]
    small = [file for file in names if file.startswith("resnet18")]
    if not large + small:
        raise FileNotFoundError(f"no checkpoint in {share_directory() / 'models'}; give a path")
    chosen = (large + small)[0]
    lack = "no ResNet-152 is in models/" if cuda else "this machine has no CUDA"
    lack = "device is cpu" if cpu else lack
    why = "" if large else f"'auto' chose {chosen}, the small network: {lack}"
    return share_directory() / "models" / f"{chosen}.safetensors", why


def _names() -> list[str]:
    return sorted(file.stem for file in (share_directory() / "models").glob("*.safetensors"))
