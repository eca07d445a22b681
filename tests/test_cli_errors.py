"""Which exceptions are shown as a line, and which keep their traceback."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from vidmask import recipes
from vidmask.cli import errors
from vidmask.cli.errors import MAX_LINES, Mistake, did_you_mean, explain
from vidmask.masking import RandomMasking


def caught(action) -> BaseException:
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_a_mistake_keeps_five_lines_and_drops_empty_ones():
    assert Mistake("a", "", "b").lines == ["a", "b"]
    assert len(Mistake(*"abcdefgh").lines) == MAX_LINES == 5


def test_the_nearest_name_is_asked_for():
    assert did_you_mean("lrr", ["weight_decay", "lr", "betas"]) == "did you mean 'lr'?"
    assert did_you_mean("qqq", ["weight_decay", "lr"]) == ""


def test_what_the_package_refuses_is_one_line():
    error = caught(lambda: RandomMasking(1.5))
    assert explain(error) == ["masking ratio must lie between 0 and 1, got 1.5"]


def test_a_value_error_of_another_package_keeps_its_traceback():
    assert explain(caught(lambda: torch.randperm(3).reshape(2).numpy().reshape(5))) is None
    assert explain(caught(lambda: int("x"))) is None


def test_other_exceptions_of_the_package_keep_their_traceback():
    error = caught(lambda: RandomMasking(None))
    assert not isinstance(error, ValueError)
    assert explain(error) is None


class Refusing(Dataset):
    """Items that the package refuses, or that a fault of ours breaks."""

    def __init__(self, action) -> None:
        self.action = action

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> None:
        self.action()


@pytest.mark.parametrize(
    ("action", "lines"),
    [
        (lambda: RandomMasking(1.5), ["masking ratio must lie between 0 and 1, got 1.5"]),
        (lambda: int("x"), None),
    ],
)
def test_an_exception_from_a_worker_is_shown_as_from_here(action, lines):
    loader = DataLoader(Refusing(action), num_workers=1)
    assert explain(caught(lambda: next(iter(loader)))) == lines


def test_a_loss_that_is_not_finite_is_told_in_full(monkeypatch):
    files = ", ".join(f"{'folder/' * 30}{number}.mp4" for number in range(32))

    def step() -> None:
        raise FloatingPointError(f"the batch's files: {files}")

    # As if it stood inside the package.
    monkeypatch.setattr(errors, "PACKAGE", Path(__file__).parent)
    assert explain(caught(step)) == [f"the batch's files: {files}"]


def test_a_long_message_is_cut():
    (line,) = explain(caught(lambda: recipes.find("x/" * 400)))
    assert len(line) == 400
    assert line.endswith("…")
