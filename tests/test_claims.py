from fractions import Fraction

import numpy as np
import pytest

from coursekit.claims import (
    CORRECTED,
    MIME_TYPE,
    NOT_REPLICATED,
    ClaimFailed,
    estimated,
    measured,
    observed,
    proved,
)
from coursekit.errors import CourseError


def test_a_proved_claim_displays_stable_text():
    claim = proved("mean-of-means", "The means agree.", got=[1.0, 2.0], expected=[1.0, 2.0])
    assert repr(claim) == (
        "Claim mean-of-means: holds (proved exactly)\n"
        "  The means agree.\n"
        "  Evidence: 2 values compared, all exactly equal."
    )


def test_fractions_are_compared_without_rounding():
    third = Fraction(1, 3)
    proved("one-third", "Thirds.", got=[third * 3], expected=[Fraction(1)])
    with pytest.raises(ClaimFailed, match="1 of 1 values differ"):
        proved("one-third", "Thirds.", got=[third + Fraction(1, 10**30)], expected=[third])


def test_a_proved_claim_fails_past_its_tolerance_and_shows_both_sides():
    with pytest.raises(ClaimFailed, match=r"largest difference 1\.00e-03; got 1\.001, expected 1"):
        proved("x-y", "S.", got=1.001, expected=1.0, tolerance=1e-4, because="a reason")


@pytest.mark.parametrize("got", [np.nan, [1.0, 2.0], []])
def test_nan_another_shape_and_nothing_at_all_fail(got):
    expected = [] if isinstance(got, list) and not got else 1.0
    with pytest.raises(ClaimFailed):
        proved("x-y", "S.", got=got, expected=expected, tolerance=1e-4, because="a reason")


def test_nan_fails_an_exact_claim():
    with pytest.raises(ClaimFailed):
        proved("x-y", "S.", got=[np.nan], expected=[np.nan])


def test_a_tolerance_needs_its_reason():
    with pytest.raises(CourseError, match="needs its reason"):
        proved("x-y", "S.", got=1.0, expected=1.0, tolerance=1e-12)


def test_what_seeded_runs_show_is_not_called_proved():
    claim = observed("x-y", "S.", got=[True] * 40, expected=[True] * 40, because="40 starts")
    assert claim.kind == "tested statistically"
    assert claim.evidence == "in seeded runs, 40 conditions checked (40 starts)."
    with pytest.raises(ClaimFailed, match="1 of 2 values differ"):
        observed("x-y", "S.", got=[True, False], expected=[True, True])


def test_an_estimated_claim_holds_only_inside_its_interval():
    claim = estimated("x-y", "S.", expected=1.0, interval=(0.9, 1.2), because="95 % interval")
    assert claim.evidence == "expected 1.000, found the interval [0.9000, 1.200] (95 % interval)."
    for interval in [(1.1, 1.2), (0.8, 0.9), (1.2, 0.9), (np.nan, 2.0)]:
        with pytest.raises(ClaimFailed):
            estimated("x-y", "S.", expected=1.0, interval=interval, because="95 % interval")


def test_an_interval_lies_wholly_on_the_side_it_is_said_to():
    claim = estimated("x-y", "S.", above=1.0, interval=(1.1, 1.2), because="95 % interval")
    assert claim.evidence == (
        "the interval found, [1.100, 1.200], lies above 1.000 (95 % interval)."
    )
    estimated("x-y", "S.", below=1.3, interval=(1.1, 1.2), because="95 % interval")
    for bound in [{"above": 1.1}, {"above": 1.15}, {"below": 1.2}, {"below": 1.0}]:
        with pytest.raises(ClaimFailed, match="does not fit"):
            estimated("x-y", "S.", **bound, interval=(1.1, 1.2), because="95 % interval")


@pytest.mark.parametrize("bounds", [{}, {"above": 1, "below": 2}, {"expected": 1, "above": 0}])
def test_an_estimated_claim_has_exactly_one_thing_to_meet(bounds):
    with pytest.raises(CourseError, match="give one of"):
        estimated("x-y", "S.", **bounds, interval=(0, 3), because="95 % interval")


def test_a_measured_claim_never_prints_its_ratio_unless_it_fails():
    claim = measured("x-y", "S.", ratio=3.14159, at_least=2, because="why")
    assert "3.14" not in repr(claim)
    assert "at least 2" in repr(claim)
    with pytest.raises(ClaimFailed, match=r"1\.5"):
        measured("x-y", "S.", ratio=1.5, at_least=2, because="why")
    with pytest.raises(ClaimFailed):
        measured("x-y", "S.", ratio=float("nan"), at_least=2, because="why")
    with pytest.raises(CourseError, match="give a bound"):
        measured("x-y", "S.", ratio=1.0, because="why")


def test_conditions_are_counted_as_conditions():
    claim = proved("x-y", "S.", got=[True, 2 > 1], expected=[True, True])
    assert "2 conditions checked" in repr(claim)
    with pytest.raises(ClaimFailed):
        proved("x-y", "S.", got=[True, False], expected=[True, True])


def test_a_correction_says_what_it_corrects():
    with pytest.raises(CourseError, match="corrects"):
        proved("x-y", "S.", got=1, expected=1, verdict=NOT_REPLICATED)
    claim = proved("x-y", "S.", got=1, expected=1, verdict=CORRECTED, corrects="Folklore.")
    assert "Often said: Folklore." in repr(claim)


@pytest.mark.parametrize("bad", ["Unbiased", "one", "a b", "a_b", ""])
def test_ids_are_words_joined_by_hyphens(bad):
    with pytest.raises(CourseError, match="not usable"):
        proved(bad, "S.", got=1, expected=1)


def test_unknown_verdicts_are_refused():
    with pytest.raises(CourseError, match="is not one of"):
        proved("x-y", "S.", got=1, expected=1, verdict="true-ish")


def test_the_bundle_carries_text_card_and_data_and_escapes_markup():
    bundle = proved("x-y", "a < b", got=1, expected=1)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", MIME_TYPE}
    assert 'id="claim-x-y"' in bundle["text/html"]
    assert "a &lt; b" in bundle["text/html"]
    assert bundle[MIME_TYPE]["kind"] == "proved exactly"
