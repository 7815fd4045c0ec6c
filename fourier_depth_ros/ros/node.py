"""The depth node: image and camera_info in, metric depth and points out. Thin by design."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import Trigger

from fourier_depth_ros.core.checkpoint import file_digest
from fourier_depth_ros.ros import parameters
from fourier_depth_ros.ros.camera import Camera
from fourier_depth_ros.ros.diagnostics import NodeState, diagnostics_msg
from fourier_depth_ros.ros.frames import FrameProcessor
from fourier_depth_ros.ros.inputs import CameraInputs, image_name
from fourier_depth_ros.ros.live_scale import LiveScale
from fourier_depth_ros.ros.log import THROTTLE, brief
from fourier_depth_ros.ros.monitor import Monitor
from fourier_depth_ros.ros.outputs import DepthOutputs
from fourier_depth_ros.ros.pacing import PacedEstimator
from fourier_depth_ros.ros.settings import NodeParameters
from fourier_depth_ros.ros.spellings import ParameterError
from fourier_depth_ros.ros.transport import use_shared_memory_profile
from fourier_depth_ros.ros.worker import LatestWorker
from fourier_depth_ros.runtime import choose_checkpoint, open_estimator
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
        self._inputs = CameraInputs(self)
        self._mirroring = False
        self._monitor = Monitor()
        self._scale = LiveScale(self)
        self._frames = FrameProcessor(self, self._camera, self._scale, self._monitor)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 1)
        self._diagnostics_timer: Timer | None = None
        self._facts: dict[str, str] = {}
        self._rest("unconfigured", "configure, then activate")
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
        self._rest("inactive", "activate")
        self._accept(settings)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and subscribe; FAILURE with a reason if a QoS override is wrong."""
        try:
            self._inputs.subscribe(
                self._settings.image_transport, self._on_image, self._on_camera_info
            )
            self._frames.follow(self._settings)
        except Exception as error:
            return self._refuse("activate", error)
        self._worker = LatestWorker(
            self._process, self._frames.failed, self._monitor.dropped, "depth_worker"
        )
        self._not_ready, self._failed = "", False
        return super().on_activate(state)

    def _rest(self, state: str, next_transition: str) -> None:
        """Nothing runs, as was asked for; /diagnostics says what would change that."""
        name = self.get_fully_qualified_name()
        self._not_ready = f"{state}: ros2 lifecycle set {name} {next_transition}"
        self._failed = False

    def _refuse(self, transition: str, error: Exception) -> TransitionCallbackReturn:
        """FAILURE of a transition: one line, which /diagnostics keeps; a retry starts anew."""
        self._stop()
        self._not_ready, self._failed = brief(f"cannot {transition}: {error}"), True
        self.get_logger().error(self._not_ready)
        return TransitionCallbackReturn.FAILURE

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and let the frame under way finish."""
        self._stop()
        self._rest("inactive", "activate")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back the network and the publishers; every parameter can be set again."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate and cleanup, from wherever the node is; no transition leads on."""
        self._release()
        self._not_ready = "finalized: start the node again"
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """After an unexpected exception in a transition: back to unconfigured."""
        self._release()
        self._not_ready, self._failed = f"an error (see the log); {self._not_ready}", True
        return TransitionCallbackReturn.SUCCESS

    def _stop(self) -> None:
        self._inputs.unsubscribe()
        self._frames.unsubscribe()
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _release(self) -> None:
        self._stop()
        if self._outputs is not None:
            self._outputs.destroy()
        if self._paced is not None:
            self._settings = parameters.unresolved(self._settings)
            self._mirror_soon()
        self._outputs = self._paced = None
        self._scale.forget()
        self._rest("unconfigured", "configure, then activate")

    def _load(self, settings: NodeParameters) -> tuple[PacedEstimator, NodeParameters]:
        device = settings.device
        path, why = choose_checkpoint(settings.checkpoint, device)
        if why:
            self.get_logger().info(f"checkpoint: {why}")
        estimator = open_estimator(
            path,
            settings.backend,
            device,
            settings.precision,
            settings.max_batch,
            self.get_logger().warning,
        )
        settings = parameters.resolve(settings, estimator.config, estimator.default_preset)
        paced = PacedEstimator(estimator)
        paced.apply(settings)
        settings = parameters.running(settings, estimator.combination, estimator.config)
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
            paced, settings = self._load(parameters.unresolved(self._settings))
        except Exception as error:
            response.message = brief(str(error))
            return response
        self._paced = paced
        self._scale.forget()
        self._accept(settings)
        response.success, response.message = True, parameters.describe(settings)
        return response

    # ---- parameters ----------------------------------------------------------------------------

    def _on_set_parameters(self, changed: list[Parameter]) -> SetParametersResult:
        """All or nothing; the change acts on the next frame."""
        ours = {p.name: p.value for p in changed if p.name in NodeParameters.model_fields}
        if self._mirroring or not ours:
            return SetParametersResult(successful=True)
        before = self._running()
        paced = self._paced
        try:
            config = None if paced is None else paced.estimator.config
            automatic = "" if paced is None else paced.estimator.default_preset
            settings = parameters.change(before, ours, config, automatic)
            if paced is not None:
                paced.apply(settings)
        except (ValueError, RuntimeError) as error:  # RuntimeError: no solution, or no memory
            self._mirror_soon()
            return SetParametersResult(successful=False, reason=brief(str(error)))
        self._accept(settings)
        self._tell(before, ours)
        return SetParametersResult(successful=True)

    def _tell(self, before: NodeParameters, asked: dict[str, object]) -> None:
        """One line a change: what is different, and what runs now."""
        settings = self._settings
        if changed := parameters.difference(before, settings):
            now = parameters.describe(settings) if self._paced else "the node is not configured yet"
            self.get_logger().info(brief(f"{changed}; {now}"))
        if overruled := parameters.overruled(settings, asked):
            self.get_logger().warning(overruled)

    def _running(self) -> NodeParameters:
        """The settings, with what target_rate has chosen by now."""
        if self._paced is None:
            return self._settings
        estimator = self._paced.estimator
        return parameters.running(self._settings, estimator.combination, estimator.config)

    def _accept(self, settings: NodeParameters) -> None:
        if settings.diagnostics_period != self._settings.diagnostics_period:
            self._set_diagnostics_period(settings.diagnostics_period)
        self._settings = settings
        self._soon(self._follow)
        self._show_running()

    def _show_running(self) -> None:
        """Announce and show the ratios of the next frame; in the executor's thread."""
        self._settings = self._running()
        if self._outputs is not None and self._paced is not None:
            self._outputs.announce_ratios(self._paced.estimator.combination.crop_ratios)
        self._mirror_soon()

    def _follow(self) -> None:
        """Not in the parameter callback: a new subscription declares parameters of its own."""
        if self._worker is not None:
            self._frames.follow(self._settings)

    def _mirror_soon(self) -> None:
        """Humble has no post-set callback: shown values become canonical just after this one."""
        self._soon(self._mirror)

    def _soon(self, task: Callable[[], None]) -> None:
        """Do it in the executor's thread, from any."""
        if self.executor is not None:
            self.executor.create_task(task)
        else:
            task()

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
        self._monitor.received()
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
                self._soon(self._show_running)
            raise
        if paced.frame(took):
            self._soon(self._show_running)

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
            image_topic=self.resolve_topic_name(image_name(settings.image_transport)),
            listened=outputs is not None and outputs.wanted(settings),
            not_ready=self._not_ready,
            failed=self._failed,
            camera=self._frames.camera_trouble,
            std=self._frames.std_trouble,
            derived=self._frames.derived_trouble,
            pace=paced.trouble if paced else "",
            scale=self._scale.trouble,
            unheard=self._inputs.unheard(),
            facts={
                "crop ratios": " ".join(f"{ratio:g}" for ratio in chosen.crop_ratios),
                "crops": settings.crops,
                "preset": settings.preset,
                "target rate": paced.pace if paced else "",
                "combination": settings.combination,
                **self._scale.facts,
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
