"""Files and folders that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, durable: bool = False) -> Iterator[Path]:
    """A path beside ``path`` to write to, which takes its place when the block ends.

    If the block fails, or the process dies, what was at ``path`` stays. ``durable``: the content
    is on the disk before the name is, whatever happens to the power.

    Raises:
        OSError: the file cannot be written or moved.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        if durable:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside ``path`` to fill, which takes its place when the block ends.

    If the block fails it goes. Of two processes that fill the same one, the first wins.

    Raises:
        OSError: the folder cannot be made or moved.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        try:
            partial.rename(path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
