"""Where the package's own files are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "fourier_depth_ros"
