"""A misspelt word is refused wherever one of a few is asked for, from Python too.

Annotations are checked while the tests run, and are not in users' runs: so this runs in a process of its own.
"""

import subprocess
import sys
from typing import Literal

import pytest

from vidmask.choices import checked_choice

PARTS = {
    "RGBDifferenceTarget(span='withn')": "span must be one of within, next, between, got 'withn'",
    "RGBDifferenceTarget(normalisation='None')": "normalisation must be one of none, tubelet, got 'None'",
    "PixelTarget(normalisation='None')": "normalisation must be one of none, mae_st, videomae, got 'None'",
    "PixelTarget(frames='every')": "frames must be one of all, linspace, first, got 'every'",
    "VQGANCodeTarget(None, frames='last')": "frames must be one of first, second, both, got 'last'",
    "VideoViT(positions='sincos')": "positions must be one of separable, sincos1d, sincos3d, got 'sincos'",
    "VideoViT(init='mae')": "init must be one of mae_st, videomae, got 'mae'",
    "TokenDecoder(ENC, class_token='yes')": "class_token must be one of none, learned, encoded, got 'yes'",
    "LatentRegressor(ENC, keys='seen')": "keys must be one of visible+queries, visible, got 'seen'",
    "LatentRegressor(ENC, keys_start='query')": "keys_start must be one of own, queries, got 'query'",
    "MAM2(ENC, None, None, None, decoders_read='al')": "decoders_read must be one of masked, all, got 'al'",
    "HOGTarget(gradient='scharr')": "gradient must be one of sobel, central, got 'scharr'",
    "HOGTarget(frames='last')": "frames must be one of first, all, got 'last'",
    "HOGTarget(normalisation='l1')": "normalisation must be one of l2, none, got 'l1'",
    "OpticalFlowTarget(None, span='before')": "span must be one of within, next, between, got 'before'",
    "ClassicalFlow('tvl1')": "method must be one of dis, farneback, got 'tvl1'",
    "RAFT('x', 'tiny')": "size must be one of small, large, got 'tiny'",
    "TeacherTarget(AverageTeacher(), loss='l2')": "loss must be one of l1, smooth_l1, mse, got 'l2'",
    "MotionGuidedMasking(sampling='top')": "sampling must be one of gumbel, softmax, got 'top'",
    "MotionGuidedMasking(hide='fast')": "hide must be one of moving, still, got 'fast'",
}


def test_every_part_refuses_a_word_that_it_does_not_know() -> None:
    code = f"""
from vidmask import *
ENC = VideoViT(4, 16, (2, 4, 4), 48, 1, 4)
for part in {list(PARTS)!r}:
    try:
        eval(part)
    except ValueError as error:
        print(error)
    else:
        print("taken:", part)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == list(PARTS.values())


def test_a_known_word_comes_back() -> None:
    assert checked_choice("mode", "b", Literal["a", "b"]) == "b"
    with pytest.raises(ValueError, match="mode must be one of a, b, got 'c'"):
        checked_choice("mode", "c", Literal["a", "b"])
