"""Where results go: made, or refused, before the work and not after it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def prepare_file(flag: str, path: Path) -> None:
    """Make the folder of a file that is to be written.

    Raises:
        OSError: it cannot be written there; the text names ``flag``.
    """
    if path.is_dir():
        raise OSError(f"{flag}: {path} is a folder; give the name of a file")
    prepare_folder(flag, path.parent)
    if path.exists() and not os.access(path, os.W_OK):
        raise OSError(f"{flag}: {path} is there already and may not be changed; give another name")


def prepare_folder(flag: str, path: Path) -> None:
    """Make a folder, with those above it.

    Raises:
        OSError: nothing can be written into it; the text names ``flag``.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):  # what the permissions say is not all
            pass
    except OSError as error:
        raise OSError(
            f"{flag}: nothing can be written into {path} ({error.strerror}); give another place"
        ) from error
