"""``fourier-depth COMMAND``: a function each, which imports what is heavy once it is called."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

import tyro
from pydantic import ValidationError

from fourier_depth_ros.cli.adapt import adapt
from fourier_depth_ros.cli.assemble import assemble
from fourier_depth_ros.cli.benchmark import benchmark
from fourier_depth_ros.cli.camera import camera
from fourier_depth_ros.cli.demo import demo
from fourier_depth_ros.cli.evaluate import evaluate
from fourier_depth_ros.cli.export import export
from fourier_depth_ros.cli.fit import fit
from fourier_depth_ros.cli.grow import grow
from fourier_depth_ros.cli.packages import how_to_get
from fourier_depth_ros.cli.predict import predict
from fourier_depth_ros.cli.ros_args import split_ros_args
from fourier_depth_ros.cli.simulate import simulate
from fourier_depth_ros.cli.teach import teach
from fourier_depth_ros.cli.train import train
from fourier_depth_ros.config import explain
from fourier_depth_ros.openmp import wait_briefly
from fourier_depth_ros.resources import version

COMMANDS: dict[str, Callable[..., int | None]] = {
    "predict": predict,
    "adapt": adapt,
    "camera": camera,
    "fit": fit,
    "evaluate": evaluate,
    "train": train,
    "teach": teach,
    "grow": grow,
    "simulate": simulate,
    "assemble": assemble,
    "export": export,
    "benchmark": benchmark,
    "demo": demo,
}
_DESCRIPTION = (
    "Metric depth from single pictures (Lee et al., CVPR 2018), for ROS 2. "
    "'fourier-depth COMMAND --help' tells more; 'fourier-depth --version' tells the version."
)


def main() -> int:
    """Run the command in ``sys.argv``; its exit code.

    0 for success, 1 for a mistake in what it was given, 2 for one in the command line, 130 for
    Ctrl-C, 143 for SIGTERM. FOURIER_DEPTH_DEBUG=1 shows the traceback of a mistake.
    """
    logging.basicConfig(level=logging.INFO, format="fourier-depth: %(levelname)s: %(message)s")
    wait_briefly()
    args, _ = split_ros_args(sys.argv[1:])
    if args == ["--version"]:
        print(f"fourier-depth {version()}")
        return 0
    try:
        code: int | None = tyro.extras.subcommand_cli_from_dict(
            COMMANDS, prog="fourier-depth", description=_DESCRIPTION, args=args
        )
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        if os.environ.get("FOURIER_DEPTH_DEBUG"):
            raise
        print(f"fourier-depth: error: {_sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code or 0


def _sentence(error: Exception) -> str:
    """What was wrong, for its user's eyes."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return how_to_get(error.name)
    return explain(error) if isinstance(error, ValidationError) else str(error)


if __name__ == "__main__":
    sys.exit(main())
