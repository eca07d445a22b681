from dataclasses import asdict
from typing import get_args

import pytest

from vidmask.data.moving_shapes.presets import PRESETS, PresetName


def test_the_names_are_those_that_may_be_asked_for():
    assert tuple(PRESETS) == get_args(PresetName)


@pytest.mark.parametrize(
    ("preset", "side", "sizes"),
    [
        ("easy", 32, (2048, 512, 1024)),
        ("standard", 64, (8192, 1024, 4096)),
        ("hard", 64, (8192, 1024, 4096)),
    ],
)
def test_side_and_sizes(preset, side, sizes):
    chosen = PRESETS[preset]
    assert chosen.side == side
    assert (chosen.num_train, chosen.num_val, chosen.num_test) == sizes


@pytest.mark.parametrize(("easier", "harder"), [("easy", "standard"), ("standard", "hard")])
def test_each_preset_is_harder_in_every_respect(easier, harder):
    easier, harder = asdict(PRESETS[easier]), asdict(PRESETS[harder])
    for name in ("background", "waves", "drift", "distractors", "ripple", "noise"):
        assert harder[name] > easier[name], name
    assert harder["contrast"] < easier["contrast"]
    assert harder["pace"] >= easier["pace"]
    assert max(harder["shades"]) >= max(easier["shades"])
    assert max(harder["size"]) < max(easier["size"])
    assert min(harder["size"]) < min(easier["size"])


def test_the_easy_preset_is_slow_and_nearly_of_one_colour():
    easy, standard = PRESETS["easy"], PRESETS["standard"]
    assert (easy.pace, easy.shades) == (0.6, (0.2, 0.3))
    assert (standard.pace, standard.shades) == (1.0, (0.3, 2.0))


def test_the_easy_preset_has_neither_distractors_nor_noise():
    assert PRESETS["easy"].distractors == PRESETS["easy"].noise == 0
