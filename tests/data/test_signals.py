import numpy as np
import pytest

from coursekit.data import signals, stored_sweep
from coursekit.data.signals import _between_points, _smooth
from coursekit.errors import CourseError, ShapeError


def test_shape_and_labels():
    data = signals(500, rng=np.random.default_rng(0))
    assert data.features.shape == (500, 40)
    assert np.array_equal(np.unique(data.labels), np.arange(10))


def test_one_seed_one_data_set():
    first, again = (signals(20, rng=np.random.default_rng(5)) for _ in "ab")
    other = signals(20, rng=np.random.default_rng(6))
    assert np.array_equal(first.features, again.features)
    assert not np.array_equal(first.features, other.features)


def test_a_template_is_drawn_by_straight_lines_and_is_0_outside():
    template = np.arange(1.0, 13.0)[None]
    where = np.array([[-0.1, 0.0, 0.5, 10.75, 11.0, 11.2]])
    assert _between_points(template, where).tolist() == [[0, 1, 1.5, 11.75, 12, 0]]


def test_smooth_noise_keeps_its_variance_and_resembles_its_neighbors():
    noise = _smooth(np.random.default_rng(0).normal(size=(20_000, 40)))
    assert noise.var() == pytest.approx(1.0, abs=0.02)
    assert np.corrcoef(noise[:, 3], noise[:, 4])[0, 1] > 0.9
    assert abs(np.corrcoef(noise[:, 3], noise[:, 23])[0, 1]) < 0.03


def test_classes_differ_in_shape_and_not_in_their_mean_height():
    """Pixel by pixel, no class stands out much: shape is what there is to learn."""
    data = signals(20_000, rng=np.random.default_rng(0))
    means = np.stack([data.features[data.labels == c].mean(axis=0) for c in range(10)])
    between = means.var(axis=0)
    assert (between < 0.35 * data.features.var(axis=0)).all()


def test_nothing_is_refused():
    with pytest.raises(ShapeError, match="at least 1"):
        signals(0, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", ["critical_batch", "generalization", "plan_advice"])
def test_a_stored_sweep_says_where_it_comes_from(name):
    provenance = stored_sweep(name)["provenance"]
    assert provenance["command"] == f"python benchmarks/{name}.py"
    assert {"date", "machine", "versions", "cpu_seconds"} <= set(provenance)


def test_a_sweep_that_is_not_there_lists_those_that_are():
    with pytest.raises(CourseError, match="critical_batch, generalization, plan_advice"):
        stored_sweep("nothing")
