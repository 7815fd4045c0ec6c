"""Finds the package's files (models, config, launch), however the package was installed."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

PACKAGE = "fourier_depth_ros"
#: What the names of checkpoints in models/ begin with.
_DEPTH = re.compile(r"resnet(\d+)")


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


def find_checkpoint(name: str, cuda: bool) -> tuple[Path, str]:
    """The checkpoint file behind a path, a name in models/ ('resnet18_rooms') or 'auto'.

    'auto' is the deepest network in models/ where there is CUDA, elsewhere the ResNet-18. Returns
    the path, and for 'auto' a sentence that says what was chosen and why ('' else).

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
    depths = {name: int(found[1]) for name in _names() if (found := _DEPTH.match(name))}
    fitting = [name for name, depth in depths.items() if cuda or depth == 18]
    if not fitting:
        raise FileNotFoundError(f"no checkpoint in {share_directory() / 'models'}; give a path")
    chosen = max(fitting, key=depths.__getitem__)  # of several as deep, the first by name
    why = "the deepest network here" if cuda else "the small network: this machine has no CUDA"
    return share_directory() / "models" / f"{chosen}.safetensors", f"'auto' chose {chosen}, {why}"


def _names() -> list[str]:
    return sorted(file.stem for file in (share_directory() / "models").glob("*.safetensors"))
