"""The node's subscriptions, and whether their publishers can be heard at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, qos_check_compatible, qos_policy_name_from_kind
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

try:
    from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks

from fourier_depth_ros.ros.log import THROTTLE
from fourier_depth_ros.ros.transport import input_qos


class Inputs:
    """Subscriptions that come and go together, each for the latest message only."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._subscriptions: list[Subscription] = []

    def add(self, kind: type, topic: str, callback: Callable[[Any], None]) -> None:
        """Subscribe to one more.

        Raises:
            Exception: of rclpy's, where a QoS override makes no sense.
        """
        name = self._node.resolve_topic_name(topic)
        events = SubscriptionEventCallbacks(incompatible_qos=partial(self._on_incompatible, name))
        subscription = self._node.create_subscription(
            kind,
            topic,
            callback,
            input_qos(),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            event_callbacks=events,
        )
        self._subscriptions.append(subscription)

    def unsubscribe(self) -> None:
        """Take down what there is."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def unheard(self) -> str:
        """Which topic has only publishers whose QoS is less than was asked for; '' if none.

        As the graph is now: a publisher that went is no trouble any more.
        """
        for subscription in self._subscriptions:
            topic = subscription.topic_name
            wrong = []
            publishers = self._node.get_publishers_info_by_topic(topic)
            for publisher in publishers:
                offered, asked = publisher.qos_profile, subscription.qos_profile
                compatibility, reason = qos_check_compatible(offered, asked)
                if compatibility == QoSCompatibility.ERROR:
                    wrong.append(reason.replace("ERROR: ", "").strip("; "))
            if wrong and len(wrong) == len(publishers):
                return _sentence(topic, wrong[0])
        return ""

    def _on_incompatible(self, topic: str, event: QoSRequestedIncompatibleQoSInfo) -> None:
        reason = qos_policy_name_from_kind(event.last_policy_kind)
        self._node.get_logger().error(_sentence(topic, reason), throttle_duration_sec=THROTTLE)


class CameraInputs(Inputs):
    """camera_info, and image or image/compressed; subscribed to only while the node is active."""

    def subscribe(
        self,
        image_transport: str,
        on_image: Callable[[Image | CompressedImage], None],
        on_camera_info: Callable[[CameraInfo], None],
    ) -> None:
        """Subscribe to both.

        Raises:
            Exception: of rclpy's, where a QoS override makes no sense.
        """
        self.add(CameraInfo, "camera_info", on_camera_info)
        kind = CompressedImage if image_transport == "compressed" else Image
        self.add(kind, image_name(image_transport), on_image)


def image_name(image_transport: str) -> str:
    """The topic that is listened to for pictures, before remapping."""
    return "image/compressed" if image_transport == "compressed" else "image"


def _sentence(topic: str, reason: str) -> str:
    return (
        f"a publisher of {topic} offers less than was asked for ({reason}): nothing of it arrives; "
        f"take back the QoS override of this node"
    )
