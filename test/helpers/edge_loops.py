"""Depth boundaries by loops over pixels, in numpy."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter

#: The factors from which on a pair of pixels is a boundary.
BOUNDARY_RATIOS = (1.1, 1.15, 1.2, 1.25)


def edges_by_loops(truth: np.ndarray) -> np.ndarray:
    """Pixels within a hundredth of the width of a jump by 1.1 between valid neighbours."""
    height, width = truth.shape
    edge = np.zeros(truth.shape, bool)
    for i in range(height):
        for j in range(width):
            for k, m in ((i + 1, j), (i, j + 1)):
                if k < height and m < width and truth[i, j] > 0 and truth[k, m] > 0:
                    near, far = sorted((truth[i, j], truth[k, m]))
                    if far > np.float32(1.1) * near:
                        edge[i, j] = edge[k, m] = True
    reach = max(1, round(0.01 * width))
    return maximum_filter(edge, 2 * reach + 1, mode="constant")


def boundaries_by_loops(depth: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(3, ratios): true boundaries, those of the map, and those in both, of pairs in each of the
    four directions whose nearer end comes first.
    """
    height, width = truth.shape
    reach = max(1, round(0.01 * width))
    counts = np.zeros((3, len(BOUNDARY_RATIOS)), int)
    for i in range(height):
        for j in range(width):
            for k, m in ((i + reach, j), (i - reach, j), (i, j + reach), (i, j - reach)):
                if not (0 <= k < height and 0 <= m < width):
                    continue
                if not (truth[i, j] > 0 and truth[k, m] > 0):
                    continue
                for place, ratio in enumerate(BOUNDARY_RATIOS):
                    true = truth[k, m] / truth[i, j] > np.float32(ratio)
                    found = depth[k, m] / depth[i, j] > np.float32(ratio)
                    counts[:, place] += true, found, true and found
    return counts
