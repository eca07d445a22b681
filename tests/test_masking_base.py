"""What is asked of a mask generator."""

import pytest
import torch
from jsonargparse import ArgumentParser

import vidmask.masking
from vidmask.masking import MaskGenerator
from vidmask.tokens import TokenGrid, TokenMask


def test_a_mask_generator_of_ones_own_overrides_one_method():
    class FirstSlice(MaskGenerator):
        def __call__(self, clips, grid, generators):
            tokens = torch.arange(grid.num_tokens).expand(len(clips), -1)
            places = grid.rows * grid.columns
            return TokenMask(tokens[:, :places], tokens[:, places:])

    mask = FirstSlice()(torch.zeros(2, 3, 2, 2, 2), TokenGrid(2, 2, 2), [torch.Generator()] * 2)
    assert mask.visible.tolist() == [[0, 1, 2, 3]] * 2
    with pytest.raises(TypeError, match="abstract"):
        MaskGenerator()


def test_the_package_offers_all_of_them():
    found = {cls.__name__ for cls in MaskGenerator.__subclasses__() if cls.__module__.startswith("vidmask.")}
    assert found | {"MaskGenerator"} == set(vidmask.masking.__all__)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"class_path": "FrameMasking"}, "FrameMasking(ratio=0.75)"),
        (
            {"class_path": "BlockMasking", "init_args": {"share": [0.1, 0.2]}},
            "BlockMasking(ratio=0.75, share=(0.1, 0.2), aspect=(0.5, 2.0), duration=(0.25, 1.0))",
        ),
        (
            {"class_path": "MultiBlockMasking", "init_args": {"short": [4, 0.2]}},
            "MultiBlockMasking(ratio=0.9, short=(4, 0.2), long=(2, 0.7), aspect=(0.75, 1.5))",
        ),
        (
            {
                "class_path": "RunningCellMasking",
                "init_args": {"masking": {"class_path": "TubeMasking", "init_args": {"ratio": 0.8}}},
            },
            "RunningCellMasking(masking=TubeMasking(ratio=0.8), share=0.5, cell=2)",
        ),
        (
            {"class_path": "MotionGuidedMasking", "init_args": {"hide": "still", "tube": True}},
            "MotionGuidedMasking(ratio=0.9, temperature=1.0, sampling='gumbel', hide='still', tube=True)",
        ),
    ],
)
def test_recipes_name_them_by_their_short_names(given, expected):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--masking", type=MaskGenerator)
    built = parser.instantiate_classes(parser.parse_object({"masking": given}))
    assert repr(built.masking) == expected
