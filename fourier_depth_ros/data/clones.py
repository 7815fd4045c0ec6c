"""Files of git repositories at a commit, read without a work tree: bare mirrors do as well."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fourier_depth_ros.files import whole_folder


class Clone:
    """A local clone of ``source``, at ``commit``.

    Raises:
        FileNotFoundError: git is not installed.
        ValueError: ``path`` is no git repository, or the commit is not in it.
    """

    def __init__(self, path: Path, source: str, commit: str) -> None:
        self.path, self.source, self.commit = path, source, commit
        try:
            listing = _git(path, "ls-tree", "-r", "-z", "--name-only", commit)
        except ValueError as error:
            raise ValueError(
                f"{path} has no commit {commit} of {source} ({error}); get it with: "
                f"git -C {path} fetch --depth 1 {source} {commit}"
            ) from error
        self.files = listing.decode("utf-8", "surrogateescape").split("\0")[:-1]

    def read(self, file: str) -> bytes:
        """The content of a file, by its path from the root.

        Raises:
            ValueError: it is not there, its content is not (a partial clone without a network), or
                it is a Git LFS pointer.
        """
        content = _git(self.path, "cat-file", "blob", f"{self.commit}:{file}")
        if content.startswith(b"version https://git-lfs"):
            raise ValueError(f"{file} of {self.source} is a Git LFS pointer, not the file itself")
        return content


def find_clone(folder: Path, owner: str, name: str) -> Path | None:
    """Where a repository's clone is in a folder of clones: OWNER/NAME or OWNER/NAME.git."""
    places = (folder / owner / name, folder / owner / f"{name}.git")
    return next((place for place in places if place.is_dir()), None)


def fetch_commit(source: str, commit: str, path: Path) -> None:
    """A new bare repository at ``path`` with this one commit of ``source``, without its history.

    Raises:
        FileNotFoundError: git is not installed.
        ValueError: git could not fetch it; the text ends with the command that gets it.
    """
    try:
        with whole_folder(path) as partial:
            _git(partial, "init", "--quiet", "--bare")
            _git(partial, "fetch", "--quiet", "--depth", "1", source, commit)
            _git(partial, "update-ref", "refs/heads/pinned", commit)  # or gc would take it away
    except ValueError as error:
        raise ValueError(
            f"there is no clone of {source} at {path}, and git could not fetch it ({error}); get "
            f"it with: git clone --bare {source} {path}"
        ) from error


def _git(path: Path, *arguments: str) -> bytes:
    """What a git command says in ``path``.

    Raises:
        FileNotFoundError: git is not installed.
        ValueError: the command failed; the text is git's last line.
    """
    # in a hook, git's own variables name another repository; above `path` is none of ours
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {
        "GIT_CEILING_DIRECTORIES": str(path.resolve().parent),
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    command = ["git", "-C", str(path), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
    except FileNotFoundError as error:
        raise FileNotFoundError("git is not installed; get it with: apt install git") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(lines[-1] if lines else f"git ended with {done.returncode}")
    return done.stdout
