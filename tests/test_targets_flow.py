"""Optical flow as the target."""

from pathlib import Path

import pytest
import torch
from test_models_flow import moving
from test_parity import batch_of
from torch import Tensor
from torchvision.models.optical_flow import raft_small

from vidmask.models.flow import RAFT, ClassicalFlow, FlowEstimator
from vidmask.targets.flow import OpticalFlowTarget, flow_colours
from vidmask.tokens import TokenGrid, TokenMask, Tubelet

TUBELET, GRID = Tubelet(2, 4, 6), TokenGrid(2, 2, 2)
ALL = torch.arange(8).expand(1, -1)


class KnownFlow(FlowEstimator):
    """Says that red moves a pixel to the right, and green down, by their change times 10."""

    def __init__(self, sha256: str | None = None) -> None:
        self.sha256 = sha256
        self.num_prepared = 0

    def prepare(self) -> None:
        self.num_prepared += 1

    def load(self) -> str | None:
        return self.sha256

    def __call__(self, frames: Tensor) -> Tensor:
        return 10 * frames[:, :2].diff(dim=2)


@pytest.fixture
def clips() -> Tensor:
    return torch.rand(1, 3, 4, 8, 12, generator=torch.Generator().manual_seed(0))


def loop(clips: Tensor, span: str, rows: int, columns: int) -> list[list[float]]:
    """The mean flow of every cell by a plain loop, in raster order of the tokens."""
    frames = clips.shape[2]
    tokens = []
    for time in range(frames // 2):
        pairs = {
            "within": [(2 * time, 2 * time + 1, 1)],
            "next": [(2 * time, 2 * time + 1, 1), (2 * time + 1, 2 * time + 2, 1)],
            "between": [(2 * time, 2 * time + 2, 2)],
        }[span]
        for token_row in range(2):
            for token_column in range(2):
                token = []
                for start, end, apart in pairs:
                    for row in range(0, 4, rows):
                        for column in range(0, 6, columns):
                            for channel in range(2):
                                total = 0.0
                                for y in range(4 * token_row + row, 4 * token_row + row + rows):
                                    for x in range(
                                        6 * token_column + column, 6 * token_column + column + columns
                                    ):
                                        if end < frames:
                                            change = (
                                                clips[0, channel, end, y, x] - clips[0, channel, start, y, x]
                                            )
                                            total += 10 * change.item() / apart
                                token.append(total / (rows * columns))
                tokens.append(token)
    return tokens


@pytest.mark.parametrize("span", ["within", "next", "between"])
@pytest.mark.parametrize("cell", [None, 1, 2])
def test_the_flow_of_cells_equals_a_loop(clips: Tensor, span: str, cell: int | None) -> None:
    target = OpticalFlowTarget(KnownFlow(), cell, scale=3.0, span=span)
    answer = target(batch_of(clips), ALL, TUBELET)
    rows, columns = (4, 6) if cell is None else (cell, cell)
    expected = 3 * torch.tensor(loop(clips, span, rows, columns))
    torch.testing.assert_close(answer[0], expected)
    assert answer.shape[-1] == target.num_outputs(TUBELET)
    assert answer.shape[-1] == (2 if span == "next" else 1) * 2 * 24 // (rows * columns)
    chosen = target(batch_of(clips), torch.tensor([[6, 1]]), TUBELET)
    assert torch.equal(chosen[0], answer[0, [6, 1]])


def test_the_endpoint_error_is_in_pixels_per_frame_whatever_the_scale(clips: Tensor) -> None:
    for scale in (1.0, 5.0):
        target = OpticalFlowTarget(KnownFlow(), 2, scale)
        answer = target(batch_of(clips), ALL, TUBELET)
        off = answer + scale * torch.tensor([3.0, 4.0]).repeat(answer.shape[-1] // 2)
        torch.testing.assert_close(target.measures(off, answer), {"endpoint_error": torch.tensor(5.0)})
        torch.testing.assert_close(target.loss(off, answer), torch.tensor(12.5 * scale**2))


def test_trivial_answers_are_no_motion_and_that_of_the_nearest(clips: Tensor) -> None:
    target = OpticalFlowTarget(KnownFlow())
    mask = TokenMask(torch.tensor([[0, 4]]), torch.tensor([[1, 6]]))
    baselines = target.baselines(batch_of(clips), mask, GRID, TUBELET)
    answers = torch.tensor(loop(clips, "within", 4, 6))
    hidden, nearest = answers[[1, 6]], answers[[0, 4]]
    expected = {
        "no_motion": hidden.square().mean(),
        "copy_nearest": (hidden - nearest).square().mean(),
        "endpoint_error/no_motion": hidden.norm(dim=-1).mean(),
        "endpoint_error/copy_nearest": (hidden - nearest).norm(dim=-1).mean(),
    }
    torch.testing.assert_close(baselines, expected)


@pytest.mark.parametrize("span", ["within", "next", "between"])
def test_motion_to_the_right_is_found_in_pixels_per_frame(span: str) -> None:
    clips = moving(2, 0, frames=6)
    target = OpticalFlowTarget(ClassicalFlow(), scale=0.5, span=span)
    tubelet, grid = Tubelet(2, 16, 16), TokenGrid(3, 4, 4)
    answer = target(batch_of(clips), torch.tensor([[5, 10, 26]]), tubelet).view(3, -1, 2)
    # The middle of the first two slices in time, which have a later one.
    torch.testing.assert_close(answer[..., 0], torch.ones(answer.shape[:2]), atol=0.1, rtol=0)
    torch.testing.assert_close(answer[..., 1], torch.zeros(answer.shape[:2]), atol=0.1, rtol=0)
    last = target(batch_of(clips), torch.tensor([[37]]), tubelet).view(-1, 2)
    if span != "within":
        assert last[-1].abs().max() == 0
    flows = {"within": 1, "next": 2, "between": 1}[span]
    assert target.fields(clips, tubelet).shape[2] == flows * grid.time


def test_the_picture_tells_right_from_left_and_white_is_still() -> None:
    target = OpticalFlowTarget(KnownFlow(), cell=2, scale=2.0)
    flow = torch.zeros(1, 8, target.num_outputs(TUBELET)).unflatten(-1, (2, 3, 2))
    flow[0, 0, ..., 0], flow[0, 1, ..., 0] = 4, -4  # 2 pixels a frame
    flow[0, 7, 1, 2, 0] = 2  # one cell, half as fast
    picture = target.picture(flow.flatten(2), flow.flatten(2), GRID, TUBELET)
    assert picture.shape == (1, 3, 2, 8, 12)

    def colour(frame: int, row: int, column: int) -> list[float]:
        return [round(value, 5) for value in picture[0, :, frame, row, column].tolist()]

    assert colour(0, 0, 0) == colour(0, 3, 5) == [1, 0, 0]
    assert colour(0, 0, 6) == colour(0, 3, 11) == [0, 1, 1]
    assert colour(0, 4, 0) == colour(1, 0, 0) == colour(1, 5, 11) == [1, 1, 1]
    assert colour(1, 6, 10) == colour(1, 7, 11) == [1, 0.5, 0.5]
    # Only the cells that were set have a colour.
    assert (picture < 1).any(dim=1).sum() == 24 + 24 + 4


def test_hues_go_around_the_wheel() -> None:
    angle = torch.arange(12) * torch.pi / 6
    flow = torch.stack([angle.cos(), angle.sin()]).view(1, 2, 1, 1, 12)
    colours = flow_colours(flow, 1.0)[0, :, 0, 0]
    torch.testing.assert_close(colours.amax(dim=0), torch.ones(12))
    torch.testing.assert_close(colours.amin(dim=0), torch.zeros(12), atol=1e-5, rtol=0)
    red, yellow, green = colours[:, 0], colours[:, 2], colours[:, 4]
    expected = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 1, 0]])
    torch.testing.assert_close(torch.stack([red, yellow, green]), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(flow_colours(flow * 100, 1.0), flow_colours(flow, 1.0))
    assert (flow_colours(flow * 0, 0.0) == 1).all()


def test_the_estimator_is_no_part_of_the_model_and_its_hash_is_kept(tmp_path: Path) -> None:
    paths = [tmp_path / "one.pth", tmp_path / "two.pth"]
    for seed, path in enumerate(paths):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            torch.save(raft_small(weights=None).state_dict(), path)
    target = OpticalFlowTarget(RAFT(paths[0], iterations=1))
    clips = torch.rand(1, 3, 2, 128, 128, generator=torch.Generator().manual_seed(0))
    target.load()
    answer = target(batch_of(clips), torch.arange(64).expand(1, -1), Tubelet(2, 16, 16))
    assert answer.shape == (1, 64, 2)
    assert list(target.parameters()) == []
    state = target.state_dict()
    assert list(state) == ["_extra_state"]
    assert list(state["_extra_state"]) == ["flow_sha256"]

    same = OpticalFlowTarget(RAFT(paths[0]))
    same.load_state_dict(state)
    assert same.state_dict() == state  # kept although it was not loaded
    same.load()
    for load_first in (True, False):
        other = OpticalFlowTarget(RAFT(paths[1]))
        with pytest.raises(ValueError, match="made with another flow estimator"):  # noqa: PT012
            if load_first:
                other.load()
            other.load_state_dict(state)
            other.load()


def test_a_checkpoint_of_weights_refuses_a_method_without_any() -> None:
    target = OpticalFlowTarget(KnownFlow())
    target.load()
    with pytest.raises(ValueError, match="another flow estimator"):
        target.load_state_dict(
            OpticalFlowTarget(KnownFlow()).state_dict() | {"_extra_state": {"flow_sha256": "a"}}
        )
    target = OpticalFlowTarget(KnownFlow("a"))
    target.prepare()
    assert target.flow.num_prepared == 1
    target.load_state_dict({"_extra_state": {"flow_sha256": None}})
    target.load()


def test_tubelets_that_hold_no_flow_or_no_whole_cells_are_refused() -> None:
    target = OpticalFlowTarget(KnownFlow())
    with pytest.raises(
        ValueError, match="holds no flow: set OpticalFlowTarget's span to 'next' or 'between'"
    ):
        target.num_outputs(Tubelet(1, 4, 4))
    assert OpticalFlowTarget(KnownFlow(), span="next").num_outputs(Tubelet(1, 4, 4)) == 2
    with pytest.raises(ValueError, match=r"cell of 4 px does not divide a tubelet of 4×6 px: .* such as 2$"):
        OpticalFlowTarget(KnownFlow(), 4).num_outputs(TUBELET)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": 0}, "cell of OpticalFlowTarget must be at least 1 px, or null, got 0"),
        ({"scale": 0.0}, "scale of OpticalFlowTarget must be above 0, got 0.0"),
    ],
)
def test_what_is_out_of_range_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OpticalFlowTarget(KnownFlow(), **settings)
