"""The depth node: image and camera_info in, metric depth and points out. Thin by design."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from functools import partial

import rclpy
import torch
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import qos_policy_name_from_kind
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.signals import SignalHandlerOptions
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import Trigger

try:
    from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks

from fourier_depth_ros.core.checkpoint import file_digest
from fourier_depth_ros.resources import find_checkpoint
from fourier_depth_ros.ros import parameters
from fourier_depth_ros.ros.camera import Camera
from fourier_depth_ros.ros.diagnostics import NodeState, diagnostics_msg
from fourier_depth_ros.ros.frames import THROTTLE, FrameProcessor, brief
from fourier_depth_ros.ros.monitor import Monitor
from fourier_depth_ros.ros.outputs import DepthOutputs
from fourier_depth_ros.ros.pacing import PacedEstimator
from fourier_depth_ros.ros.parameters import ParameterError
from fourier_depth_ros.ros.settings import NodeParameters
from fourier_depth_ros.ros.transport import input_qos, use_shared_memory_profile
from fourier_depth_ros.ros.worker import LatestWorker
from fourier_depth_ros.runtime import open_estimator
from fourier_depth_ros.signals import Stop, stop_on_signals

#: How soon a signal is noticed while nothing happens [s].
STOP_SECONDS = 0.2


class DepthNode(LifecycleNode):
    """configure loads the checkpoint, activate subscribes; a worker thread runs the network.

    Callbacks only hand over: parameter calls answer while a frame computes. The worker reads
    ``_settings``, ``_paced`` and the camera once a frame; each is swapped as a whole.
    """

    def __init__(self) -> None:
        super().__init__("depth")
        self._camera = Camera()
        self._paced: PacedEstimator | None = None
        self._outputs: DepthOutputs | None = None
        self._worker: LatestWorker[Image | CompressedImage] | None = None
        self._subscriptions_of_camera: list[rclpy.subscription.Subscription] = []
        self._mirroring = False
        self._monitor = Monitor()
        self._frames = FrameProcessor(
            self._camera, self._monitor, self.get_clock(), self.get_logger()
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 1)
        self._diagnostics_timer: Timer | None = None
        self._not_ready = "not configured: ros2 lifecycle set NODE configure, then activate"
        self._unheard: dict[str, str] = {}  # topic -> why nothing of it arrives
        self._facts: dict[str, str] = {}
        self._settings = parameters.declare(self)
        self._set_diagnostics_period(self._settings.diagnostics_period)
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
            paced, settings = self._load(self._settings)
            self._outputs = DepthOutputs(self)
        except Exception as error:  # a file from a stranger, GPU memory, a QoS override: anything
            return self._refuse("configure", error)
        self._paced = paced
        self._not_ready = "configured, but not active: ros2 lifecycle set NODE activate"
        self._accept(settings)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and subscribe; FAILURE with a reason if a QoS override is wrong."""
        try:
            self._subscribe()
        except Exception as error:
            return self._refuse("activate", error)
        self._worker = LatestWorker(
            self._process, self._frames.failed, self._monitor.dropped, "depth_worker"
        )
        self._not_ready = ""
        return super().on_activate(state)

    def _subscribe(self) -> None:
        self._unheard.clear()
        compressed = self._settings.image_transport == "compressed"
        inputs = (
            (CameraInfo, "camera_info", self._on_camera_info),
            (CompressedImage, "image/compressed", self._on_image)
            if compressed
            else (Image, "image", self._on_image),
        )
        for kind, topic, callback in inputs:
            subscription = self.create_subscription(
                kind,
                topic,
                callback,
                input_qos(),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
                event_callbacks=SubscriptionEventCallbacks(
                    incompatible_qos=partial(self._on_incompatible_qos, topic)
                ),
            )
            self._subscriptions_of_camera.append(subscription)

    def _refuse(self, transition: str, error: Exception) -> TransitionCallbackReturn:
        """FAILURE of a transition: one line, which /diagnostics keeps; a retry starts anew."""
        self._stop()
        self._not_ready = brief(f"cannot {transition}: {error}")
        self.get_logger().error(self._not_ready)
        return TransitionCallbackReturn.FAILURE

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
            self._not_ready = "not active: ros2 lifecycle set NODE activate"

    def _release(self) -> None:
        self._stop()
        if self._outputs is not None:
            self._outputs.destroy()
        self._outputs = self._paced = None

    def _load(self, settings: NodeParameters) -> tuple[PacedEstimator, NodeParameters]:
        cuda = settings.device != "cpu" and torch.cuda.is_available()
        path, why = find_checkpoint(settings.checkpoint, cuda)
        if why:
            self.get_logger().warning(f"checkpoint: {why}")
        estimator = open_estimator(
            path,
            settings.backend,
            settings.device,
            settings.precision,
            settings.max_batch,
            self.get_logger().warning,
        )
        settings = parameters.resolve(settings, estimator.config, estimator.default_preset)
        paced = PacedEstimator(estimator)
        paced.apply(settings)
        self._facts = {
            "checkpoint": path.name,
            "weights sha256": file_digest(path),
            "network": estimator.config.network.trunk,
            "device": f"{estimator.device}, {estimator.precision}, {estimator.backend.name}",
        }
        backend = estimator.backend
        reason = f" ('auto': {backend.why})" if backend.why else ""
        self.get_logger().info(
            f"{path.name}: {estimator.config.network.trunk} in {estimator.precision} on "
            f"{estimator.device} by {backend.name}{reason}; {parameters.describe(settings)}"
        )
        return paced, settings

    def _on_reload(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Read the checkpoint file again, after a re-fit; the old one stays if that fails."""
        if self._paced is None:
            response.message = "not configured, so there is nothing to load again"
            return response
        try:
            paced, settings = self._load(self._settings)
        except Exception as error:
            response.message = brief(str(error))
            return response
        self._paced = paced
        self._accept(settings)
        response.success, response.message = True, parameters.describe(settings)
        return response

    # ---- parameters ----------------------------------------------------------------------------

    def _on_set_parameters(self, changed: list[Parameter]) -> SetParametersResult:
        """All or nothing; the change acts on the next frame."""
        ours = {p.name: p.value for p in changed if p.name in NodeParameters.model_fields}
        if self._mirroring or not ours:
            return SetParametersResult(successful=True)
        paced = self._paced
        try:
            config = None if paced is None else paced.estimator.config
            settings = parameters.change(self._settings, ours, config)
            if paced is not None:
                paced.apply(settings)
        except (ValueError, RuntimeError) as error:  # RuntimeError: no solution, or no memory
            self._mirror_soon()
            return SetParametersResult(successful=False, reason=brief(str(error)))
        self._accept(settings)
        return SetParametersResult(successful=True)

    def _accept(self, settings: NodeParameters) -> None:
        if settings.diagnostics_period != self._settings.diagnostics_period:
            self._set_diagnostics_period(settings.diagnostics_period)
        self._settings = settings
        self._announce_ratios()
        self._mirror_soon()

    def _announce_ratios(self) -> None:
        if self._outputs is not None and self._paced is not None:
            self._outputs.announce_ratios(self._paced.estimator.combination.crop_ratios)

    def _mirror_soon(self) -> None:
        """Humble has no post-set callback: shown values become canonical just after this one."""
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

    def _on_incompatible_qos(self, topic: str, event: QoSRequestedIncompatibleQoSInfo) -> None:
        self._unheard[topic] = (
            f"a publisher of {self.resolve_topic_name(topic)} offers less than was asked for "
            f"({qos_policy_name_from_kind(event.last_policy_kind)}): nothing of it arrives; "
            f"take back the QoS override of this node"
        )
        self.get_logger().error(self._unheard[topic], throttle_duration_sec=THROTTLE)

    def _on_camera_info(self, info: CameraInfo) -> None:
        self._unheard.pop("camera_info", None)
        self._camera.update(info)
        if self._camera.distorted:
            self.get_logger().warning(
                "camera_info has distortion coefficients: 'image' has to be the rectified topic "
                "(such as image_rect), or depth and points bend towards the borders",
                once=True,
            )

    def _on_image(self, msg: Image | CompressedImage) -> None:
        self._monitor.received()
        self._unheard.pop("image", None)
        outputs, worker = self._outputs, self._worker
        if outputs is not None and worker is not None and outputs.wanted(self._settings):
            worker.put(msg)

    def _process(self, msg: Image | CompressedImage) -> None:
        """One frame, in the worker thread."""
        paced, outputs = self._paced, self._outputs
        if paced is None or outputs is None:
            return
        try:
            took = self._frames.process(msg, self._settings, paced.estimator, outputs)
        except RuntimeError:  # torch's: no memory for so many crops
            if paced.step_back():
                self._announce_ratios()
            raise
        if paced.frame(took):
            self._announce_ratios()

    # ---- diagnostics ---------------------------------------------------------------------------

    def _set_diagnostics_period(self, period: float) -> None:
        if self._diagnostics_timer is not None:
            self.destroy_timer(self._diagnostics_timer)
            self._diagnostics_timer = None
        if period > 0:  # by the steady clock: a paused simulation is still diagnosed
            self._diagnostics_timer = self.create_timer(
                period, self._publish_diagnostics, clock=Clock(clock_type=ClockType.STEADY_TIME)
            )

    def _publish_diagnostics(self) -> None:
        settings, outputs, paced = self._settings, self._outputs, self._paced
        chosen = paced.estimator.combination if paced else settings
        state = NodeState(
            image_topic=self.resolve_topic_name("image"),
            listened=outputs is not None and outputs.wanted(settings),
            not_ready=self._not_ready,
            camera=self._frames.camera_trouble,
            std=self._frames.std_trouble,
            pace=paced.trouble if paced else "",
            unheard=next(iter(self._unheard.values()), ""),
            facts={
                "crop ratios": " ".join(f"{ratio:g}" for ratio in chosen.crop_ratios),
                "crops": settings.crops,
                "preset": "" if settings.target_rate else settings.preset,
                "target rate": paced.pace if paced else "",
                "combination": settings.combination,
                **self._facts,
            },
        )
        name = self.get_fully_qualified_name().lstrip("/")
        self._diagnostics.publish(
            diagnostics_msg(
                name,
                self._facts.get("checkpoint", ""),
                self.get_clock().now(),
                self._monitor.snapshot(),
                state,
            )
        )

    def close(self) -> None:
        """Join the worker before the context goes away."""
        self._stop()


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; the exit code."""
    use_shared_memory_profile()
    with stop_on_signals() as stop:
        try:
            rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        except RuntimeError as error:  # a params file or argument that rcl cannot read
            print(f"depth_node: cannot start: {error}", file=sys.stderr)
            return 1
        try:
            _run(stop)
        except ParameterError as error:
            rclpy.logging.get_logger("depth").fatal(f"cannot start: {error}")
            return 1
        finally:
            rclpy.try_shutdown()
            # or the middleware's shared memory, 17 MB, outlives a process that ends by os._exit
            gc.collect()
            rclpy.utilities.get_default_context().destroy()
    return 0


def _run(stop: Stop) -> None:
    node = DepthNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if node.autostart and node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            node.trigger_activate()
        while not stop.came and rclpy.ok():
            try:
                executor.spin_once(timeout_sec=STOP_SECONDS)
            except Exception as error:  # rclpy's own services raise at requests that make no sense
                reason = brief(f"request ignored: {type(error).__name__}: {error}")
                node.get_logger().error(reason, throttle_duration_sec=THROTTLE)
    finally:
        node.close()
        executor.shutdown()
        node.destroy_node()


if __name__ == "__main__":
    sys.exit(main())
