"""``fourier-depth assemble``: real RGB-D pictures out of public repositories."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def assemble(
    manifest: Path,
    out: Path,
    /,
    *,
    clones: Path,
    split: Literal["train", "fit", "validation", "all"] = "all",
    table: bool = False,
) -> None:
    """Assemble a set of real RGB-D pictures from clones of the repositories that hold them.

    OUT/train, OUT/fit and OUT/validation are then folders that 'train', 'fit' and 'evaluate' read.
    The same command goes on where it was cut off. Mind each source's licence: the table has it.

    Args:
        manifest: which files of which commits, and how to read them: config/train/places.yaml.
        out: folder for a folder of each split.
        clones: folder with clones of the sources, OWNER/NAME; what is missing is fetched into it.
        split: the places of one split, or all.
        table: print the sources as a Markdown table, in place of the counts.
    """
    from fourier_depth_ros.cli.outputs import prepare_folder
    from fourier_depth_ros.data.assembly import assemble as write_frames
    from fourier_depth_ros.data.assembly import check_out, counts, plan
    from fourier_depth_ros.data.assembly import table as markdown
    from fourier_depth_ros.data.places import load_manifest
    from fourier_depth_ros.data.progress import track

    places = load_manifest(manifest).of(None if split == "all" else split)
    if not places:
        raise ValueError(f"split: {manifest} has no place in {split}")
    frames = plan(places, clones)
    check_out(out, frames)
    prepare_folder("out", out)
    written = sum(track(write_frames(frames, out), str(out), len(frames)))
    print(markdown(frames) if table else counts(frames))
    print(f"{out}: {len(frames)} pairs, {written} of them new")
