"""The depth node: image and camera_info in, metric depth and points out. Thin by design."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import rclpy
import torch
from rcl_interfaces.msg import SetParametersResult
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import Trigger

from fourier_depth_ros.config import NodeParameters
from fourier_depth_ros.core.checkpoint import load_checkpoint
from fourier_depth_ros.core.estimator import DepthEstimator, limit_depth
from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.core.imaging import ImageError
from fourier_depth_ros.resources import find_checkpoint
from fourier_depth_ros.ros import parameters
from fourier_depth_ros.ros.camera import Camera
from fourier_depth_ros.ros.conversions import image_from_msg
from fourier_depth_ros.ros.outputs import DepthFrame, DepthOutputs
from fourier_depth_ros.ros.parameters import ParameterError
from fourier_depth_ros.ros.signals import Stop, stop_on_signals
from fourier_depth_ros.ros.transport import input_qos, use_shared_memory_profile
from fourier_depth_ros.ros.worker import LatestWorker

#: Seconds between two log lines of the same kind.
THROTTLE = 5.0
#: How soon a signal is noticed while nothing happens [s].
STOP_SECONDS = 0.2


class DepthNode(LifecycleNode):
    """configure loads the checkpoint, activate subscribes; a worker thread runs the network.

    Callbacks only hand over: parameter calls answer while a frame computes. The worker reads
    ``_settings``, ``_estimator`` and the camera once a frame; each is swapped as a whole.
    """

    def __init__(self) -> None:
        super().__init__("depth")
        self._camera = Camera()
        self._estimator: DepthEstimator | None = None
        self._outputs: DepthOutputs | None = None
        self._worker: LatestWorker[Image | CompressedImage] | None = None
        self._subscriptions_of_camera: list[rclpy.subscription.Subscription] = []
        self._mirroring = False
        self._settings = parameters.declare(self)
        for sentence in parameters.misspelt(self):
            self.get_logger().warning(sentence)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.create_service(Trigger, "~/reload", self._on_reload)

    @property
    def autostart(self) -> bool:
        """Whether main configures and activates the node."""
        return self._settings.autostart

    # ---- life cycle ----------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the checkpoint and solve; FAILURE with a reason, and a retry works."""
        try:
            estimator, settings = self._load(self._settings)
        except (ValueError, OSError, RuntimeError) as error:  # RuntimeError: out of GPU memory
            self.get_logger().error(f"cannot configure: {error}")
            return TransitionCallbackReturn.FAILURE
        self._estimator = estimator
        self._outputs = DepthOutputs(self)
        self._accept(settings)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and subscribe."""
        self._worker = LatestWorker(self._process, self._on_failure, "depth_worker")
        compressed = self._settings.image_transport == "compressed"
        inputs = (
            (CameraInfo, "camera_info", self._on_camera_info),
            (CompressedImage, "image/compressed", self._on_image)
            if compressed
            else (Image, "image", self._on_image),
        )
        self._subscriptions_of_camera = [
            self.create_subscription(
                kind,
                topic,
                callback,
                input_qos(),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
            for kind, topic, callback in inputs
        ]
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and let the frame under way finish."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back the network and the publishers."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate and cleanup, from wherever the node is."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """After an unexpected exception in a transition: back to unconfigured."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def _stop(self) -> None:
        for subscription in self._subscriptions_of_camera:
            self.destroy_subscription(subscription)
        self._subscriptions_of_camera = []
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _release(self) -> None:
        self._stop()
        if self._outputs is not None:
            self._outputs.destroy()
        self._outputs = self._estimator = None

    def _load(self, settings: NodeParameters) -> tuple[DepthEstimator, NodeParameters]:
        cuda = settings.device != "cpu" and torch.cuda.is_available()
        path, why = find_checkpoint(settings.checkpoint, cuda)
        if why:
            self.get_logger().warning(f"checkpoint: {why}")
        estimator = DepthEstimator(
            load_checkpoint(path), settings.device, settings.precision, settings.max_batch
        )
        automatic = "accurate" if estimator.device.type == "cuda" else "fast"
        settings = parameters.resolve(settings, estimator.presets, automatic)
        estimator.set_combination(settings.combination_settings)
        self.get_logger().info(
            f"{path.name}: {estimator.config.network.trunk} in {estimator.precision} on "
            f"{estimator.device}; {_describe(settings)}"
        )
        return estimator, settings

    def _on_reload(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Read the checkpoint file again, after a re-fit; the old one stays if that fails."""
        if self._estimator is None:
            response.message = "not configured, so there is nothing to load again"
            return response
        try:
            estimator, settings = self._load(self._settings)
        except (ValueError, OSError, RuntimeError) as error:
            response.message = str(error)
            return response
        self._estimator = estimator
        self._accept(settings)
        response.success, response.message = True, _describe(settings)
        return response

    # ---- parameters ----------------------------------------------------------------------------

    def _on_set_parameters(self, changed: list[Parameter]) -> SetParametersResult:
        """All or nothing; the change acts on the next frame."""
        ours = {p.name: p.value for p in changed if p.name in NodeParameters.model_fields}
        if self._mirroring or not ours:
            return SetParametersResult(successful=True)
        estimator = self._estimator
        try:
            presets = None if estimator is None else estimator.presets
            settings = parameters.change(self._settings, ours, presets)
            if (
                estimator is not None
                and settings.combination_settings != self._settings.combination_settings
            ):
                estimator.set_combination(settings.combination_settings)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._accept(settings)
        return SetParametersResult(successful=True)

    def _accept(self, settings: NodeParameters) -> None:
        self._settings = settings
        if self._outputs is not None:
            self._outputs.announce_ratios(settings.crop_ratios)
        # Humble has no post-set callback: the shown values become canonical just after this one.
        if self.executor is not None:
            self.executor.create_task(self._mirror)
        else:
            self._mirror()

    def _mirror(self) -> None:
        self._mirroring = True
        try:
            stale = parameters.mirror(self, self._settings)
            if stale:
                self.set_parameters(stale)
        finally:
            self._mirroring = False

    # ---- frames --------------------------------------------------------------------------------

    def _on_camera_info(self, info: CameraInfo) -> None:
        self._camera.update(info)
        if self._camera.distorted:
            self.get_logger().warning(
                "camera_info has distortion coefficients: 'image' has to be the rectified topic "
                "(such as image_rect), or depth and points bend towards the borders",
                once=True,
            )

    def _on_image(self, msg: Image | CompressedImage) -> None:
        outputs, worker = self._outputs, self._worker
        if outputs is not None and worker is not None and outputs.wanted(self._settings):
            worker.put(msg)

    def _process(self, msg: Image | CompressedImage) -> None:
        """One frame, in the worker thread."""
        settings, estimator, outputs = self._settings, self._estimator, self._outputs
        if estimator is None or outputs is None:
            return
        rgb = image_from_msg(msg)
        height, width = rgb.shape[:2]
        intrinsics = self._intrinsics(width, height, settings, outputs)
        output_size = settings.output_shape or (height, width)
        prediction = estimator.predict(
            torch.from_numpy(np.require(rgb, requirements="W")).permute(2, 0, 1),
            intrinsics if settings.focal_correction else None,
            output_size,
        )
        depth = limit_depth(
            prediction.depth * settings.depth_scale,
            settings.min_depth,
            settings.max_depth,
            settings.far_policy,
        )
        info = (
            self._camera.scaled_info(output_size[1], output_size[0], msg.header)
            if intrinsics is not None
            else None
        )
        outputs.publish(
            DepthFrame(msg.header, rgb, depth.cpu().numpy(), intrinsics, info), settings
        )

    def _intrinsics(
        self, width: int, height: int, settings: NodeParameters, outputs: DepthOutputs
    ) -> Intrinsics | None:
        """The picture's intrinsics, or None and a word about what that costs."""
        try:
            return self._camera.intrinsics(width, height)
        except ValueError as error:
            costs = []
            if settings.focal_correction:
                costs.append("depth assumes the training camera's field of view")
            if outputs.points_wanted(settings):
                costs.append("depth/points waits")
            if costs:
                self.get_logger().warning(
                    f"{error}; until then {' and '.join(costs)}", throttle_duration_sec=THROTTLE
                )
            return None

    def _on_failure(self, error: Exception) -> None:
        """An exception in the worker: one throttled line, and the next frame is tried."""
        if isinstance(error, ImageError):
            self.get_logger().error(f"image dropped: {error}", throttle_duration_sec=THROTTLE)
        else:
            self.get_logger().error(
                f"frame dropped: {type(error).__name__}: {error}", throttle_duration_sec=THROTTLE
            )

    def close(self) -> None:
        """Join the worker before the context goes away."""
        self._stop()


def _describe(settings: NodeParameters) -> str:
    chosen = settings.combination_settings
    name = f"preset {settings.preset}: " if settings.preset else ""
    ratios = ", ".join(f"{ratio:g}" for ratio in chosen.crop_ratios)
    flips = " and flips" if chosen.use_flips else ""
    crops = "1 crop" if chosen.crops == 1 else f"{chosen.crops} crops"
    return f"{name}{crops} a frame (ratios {ratios}{flips}), {chosen.combination}"


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; the exit code."""
    use_shared_memory_profile()
    with stop_on_signals() as stop:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        try:
            _run(stop)
        except ParameterError as error:
            rclpy.logging.get_logger("depth").fatal(f"cannot start: {error}")
            return 1
        finally:
            rclpy.try_shutdown()
    return 0


def _run(stop: Stop) -> None:
    node = DepthNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if node.autostart and node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            node.trigger_activate()
        while not stop.came:
            executor.spin_once(timeout_sec=STOP_SECONDS)
    finally:
        node.close()
        executor.shutdown()
        node.destroy_node()


if __name__ == "__main__":
    sys.exit(main())
