"""How the network and the frame around it are run on this machine, one file a way.

`core` knows torch, eagerly; it is handed a Backend and does not look up. Every library here is
optional and imported only by the backend that needs it.
"""

from fourier_depth_ros.runtime.adapted import read_checkpoint, require_metres
from fourier_depth_ros.runtime.choice import choose_checkpoint, open_backend, open_estimator

__all__ = [
    "choose_checkpoint",
    "open_backend",
    "open_estimator",
    "read_checkpoint",
    "require_metres",
]
