"""Small git repositories with RGB-D pictures, and manifests of them."""

import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def encoded(suffix: str, pixels: np.ndarray) -> bytes:
    good, content = cv2.imencode(suffix, pixels)
    assert good
    return content.tobytes()


def write_repository(path: Path, files: dict[str, bytes]) -> str:
    """A repository with one commit of ``files``; the commit."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    me = ["-c", "user.name=me", "-c", "user.email=me@localhost", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "--quiet"], ["add", "-A"], [*me, "commit", "--quiet", "-m", "."]):
        subprocess.run(["git", "-C", str(path), *arguments], check=True)
    found = subprocess.run(
        ["git", "-C", str(path), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


def place(**changes: Any) -> dict[str, Any]:
    """A row of a manifest: pictures of 4 x 3, each option as in ``changes``."""
    return {
        "name": "lab_desk",
        "source": "https://example.invalid/someone/captures",
        "commit": "0" * 40,
        "licence": "MIT (repository)",
        "camera": "RealSense D435",
        "kind": "near",
        "split": "train",
        "size": [4, 3],
        "intrinsics": [4.0, 4.5, 1.5, 1.0],
        "pairs": [{"color": "rgb/*.png", "depth": "depth/*.png"}],
        **changes,
    }
