"""A run loses few videos or stops."""

import pickle

import pytest

from vidmask.data.skip_limit import WINDOW, SkipLimit, TooManySkippedError


def test_a_share_of_the_videos_may_be_lost_and_no_more():
    limit = SkipLimit(0.05, 40)
    limit.count(4, [("a", "a: broken")])
    limit.count(4, [("b", "b: broken")])
    # The same files again are no more files.
    limit.count(4, [("a", "a: broken"), ("b", "b: broken")])
    with pytest.raises(TooManySkippedError, match=r"3 of 40 .* more than the share of 0.05 .* c: is empty"):
        limit.count(4, [("c", "c: is\nempty")])


def test_a_drive_that_goes_away_stops_a_run_on_many_videos():
    limit = SkipLimit(0.05, 10_000_000)
    limit.count(WINDOW - 50, [])
    limit.count(0, [(str(number), "gone") for number in range(50)])
    with pytest.raises(TooManySkippedError, match="51 of the last 1000 clips"):
        limit.count(0, [("one more", "gone")])


def test_what_was_skipped_long_ago_does_not_count():
    limit = SkipLimit(0.05, 10_000_000)
    for number in range(100):
        limit.count(30, [(str(number), "broken")])
    assert len(limit.paths) == 100


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_none_or_all_may_be_lost(share):
    limit = SkipLimit(share, 1)
    limit.count(2, [])
    if share:
        limit.count(0, [("a", "broken")] * 2 * WINDOW)
    else:
        with pytest.raises(TooManySkippedError):
            limit.count(2, [("a", "broken")])


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_lies_between_none_and_all(share):
    with pytest.raises(ValueError, match=f"a share from 0 to 1, got {share}"):
        SkipLimit(share, 3)


def test_the_error_keeps_what_was_skipped_between_processes():
    error = pickle.loads(pickle.dumps(TooManySkippedError("too many", [("a", "broken")])))
    assert (str(error), error.skipped) == ("too many", [("a", "broken")])
