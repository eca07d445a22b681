"""What all targets share."""

import pytest
import torch

from vidmask.masking import RandomMasking
from vidmask.randomness import generator
from vidmask.targets import Target
from vidmask.targets.base import nearest_visible
from vidmask.tokens import TokenGrid, TokenMask

GRID = TokenGrid(4, 3, 3)


def test_nearest_visible_equals_a_loop() -> None:
    mask = RandomMasking(0.7)(torch.zeros(3, 3, 1, 1, 1), GRID, [generator(i, "mask") for i in range(3)])
    found = nearest_visible(mask, GRID)

    def place(index: int) -> tuple[int, int, int]:
        return index // 9, index // 3 % 3, index % 3

    for row in range(3):
        for slot, hidden in enumerate(mask.masked[row].tolist()):
            time, y, x = place(hidden)
            best = min(
                mask.visible[row].tolist(),
                key=lambda seen: (
                    (place(seen)[1] - y) ** 2 + (place(seen)[2] - x) ** 2,
                    abs(place(seen)[0] - time),
                    seen,
                ),
            )
            assert found[row, slot].item() == best


def test_time_decides_only_between_tokens_of_one_place() -> None:
    # Place 0 is seen in slice 3 alone; place 1 in slice 0. For the hidden token at place 0, slice 0,
    # the same place three slices away comes before its neighbour in the same slice.
    mask = TokenMask(torch.tensor([[1, 27]]), torch.tensor([[0]]))
    assert nearest_visible(mask, GRID).item() == 27


def test_the_loss_is_the_mean_square_in_float32() -> None:
    prediction = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]], dtype=torch.bfloat16)
    answer = torch.tensor([[[1.0, 0.0], [0.0, 4.0]]])
    loss = Target().loss(prediction, answer)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx((0 + 4 + 9 + 0) / 4)
