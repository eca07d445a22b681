"""Estimators of optical flow."""

import builtins
import re
import time
from pathlib import Path

import cv2
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models.optical_flow import raft_small

from vidmask.models.flow import RAFT, ClassicalFlow, grey_frames
from vidmask.models.tokenizers import file_hash

METHODS = pytest.mark.parametrize("method", ["dis", "farneback"])


def moving(across: int, down: int, frames: int = 3, size: int = 64) -> Tensor:
    """A smooth random texture that moves by so many pixels a frame."""
    noise = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    texture = F.interpolate(noise, size=(228, 228), mode="bicubic", antialias=True).clamp(0, 1)
    # What moves to the right is seen through a window that moves to the left.
    corner = [(48 - down * frame, 48 - across * frame) for frame in range(frames)]
    return torch.stack([texture[..., y : y + size, x : x + size] for y, x in corner], dim=2)


@METHODS
@pytest.mark.parametrize(("across", "down"), [(2, 0), (-3, 0), (0, 2), (0, -1), (2, -3)])
def test_a_known_translation_is_found(method: str, across: int, down: int) -> None:
    flow = ClassicalFlow(method)(moving(across, down))
    assert flow.shape == (1, 2, 2, 64, 64)
    assert flow.dtype == torch.float32
    inside = flow[..., 16:-16, 16:-16]
    expected = torch.tensor([across, down], dtype=torch.float32).view(1, 2, 1, 1, 1)
    assert (inside - expected).abs().mean() < 0.2
    torch.testing.assert_close(inside.mean(dim=(0, 2, 3, 4)), expected.flatten(), atol=0.2, rtol=0)


@METHODS
def test_the_flow_of_each_pair_stands_in_its_place(method: str) -> None:
    still, right = moving(0, 0), moving(2, 0)
    clips = torch.cat([still, right, torch.cat([right[:, :, :2], right[:, :, 1:2]], dim=2)])
    flow = ClassicalFlow(method)(clips)[:, 0, :, 16:-16, 16:-16].mean(dim=(-1, -2))
    torch.testing.assert_close(flow, torch.tensor([[0.0, 0], [2, 2], [2, 0]]), atol=0.2, rtol=0)


@METHODS
def test_the_same_frames_give_the_same_flow_on_any_number_of_threads(method: str) -> None:
    clips = torch.cat([moving(2, 1), moving(-1, 2)])
    once = ClassicalFlow(method)(clips)
    assert torch.equal(once, ClassicalFlow(method)(clips))
    assert torch.equal(once, ClassicalFlow(method, num_threads=3)(clips))
    assert torch.equal(once[1:], ClassicalFlow(method)(clips[1:]))


@METHODS
def test_no_thread_is_left_and_the_setting_of_opencv_stays(method: str) -> None:
    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    before, setting = threads(), cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        ClassicalFlow(method, num_threads=2)(moving(1, 0, size=128))
        assert cv2.getNumThreads() == 3
        # A thread that was joined takes the kernel a moment to clear away.
        deadline = time.monotonic() + 10
        while threads() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threads() <= before
    finally:
        cv2.setNumThreads(setting)


def test_a_clip_of_one_frame_has_no_flow() -> None:
    assert ClassicalFlow()(torch.rand(2, 3, 1, 16, 24)).shape == (2, 2, 0, 16, 24)


def test_frames_too_small_for_dis_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 12 px a side, got 8×16: take larger frames, or farneback"):
        ClassicalFlow()(torch.rand(1, 3, 2, 8, 16))
    assert ClassicalFlow("farneback")(torch.rand(1, 3, 2, 8, 16)).isfinite().all()
    assert ClassicalFlow()(torch.rand(1, 3, 2, 12, 12)).isfinite().all()


def test_grey_is_that_of_opencv() -> None:
    frames = torch.randint(0, 256, (1, 3, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    image = frames[0, :, 0].permute(1, 2, 0).to(torch.uint8).numpy()
    expected = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    found = grey_frames(frames / 255)[0, 0]
    assert abs(found.astype(int) - expected.astype(int)).max() <= 1


def test_a_missing_opencv_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    really = builtins.__import__

    def without(name: str, *args: object, **options: object) -> object:
        if name == "cv2":
            raise ModuleNotFoundError(name)
        return really(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    for call in (ClassicalFlow().prepare, ClassicalFlow().load, lambda: ClassicalFlow()(moving(0, 0))):
        with pytest.raises(ValueError, match=re.escape("pip install 'vidmask[flow]'")):
            call()


def test_settings_out_of_range_are_refused(raft_file: Path) -> None:
    with pytest.raises(ValueError, match="num_threads of ClassicalFlow must be at least 1, got 0"):
        ClassicalFlow(num_threads=0)
    with pytest.raises(ValueError, match="iterations of RAFT must be at least 1, got 0"):
        RAFT(raft_file, iterations=0)


@pytest.fixture(scope="module")
def raft_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raft") / "raft_small.pth"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save(raft_small(weights=None).state_dict(), path)
    return path


def test_raft_returns_what_torchvision_does(raft_file: Path) -> None:
    clips = moving(2, 0, size=128).repeat(2, 1, 1, 1, 1)
    state = torch.get_rng_state()
    flow = RAFT(raft_file, iterations=2)(clips)
    assert torch.equal(state, torch.get_rng_state())
    assert flow.shape == (2, 2, 2, 128, 128)
    assert not flow.requires_grad
    assert torch.equal(flow, RAFT(raft_file, iterations=2)(clips))
    network = raft_small(weights=None).eval()
    network.load_state_dict(torch.load(raft_file, weights_only=True))
    with torch.no_grad():
        for pair in range(2):
            expected = network(clips[:1, :, pair] * 2 - 1, clips[:1, :, pair + 1] * 2 - 1, 2)[-1]
            torch.testing.assert_close(flow[:1, :, pair], expected, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(flow, RAFT(raft_file, iterations=2)(clips))


def test_raft_in_parts_is_raft_at_once(raft_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = moving(2, 0, frames=4, size=128)
    whole = RAFT(raft_file, iterations=1)(clips)
    monkeypatch.setattr("vidmask.models.flow._PAIRS_AT_ONCE", 2)
    torch.testing.assert_close(RAFT(raft_file, iterations=1)(clips), whole, rtol=1e-4, atol=1e-4)
    assert RAFT(raft_file)(clips[:, :, :1]).shape == (1, 2, 0, 128, 128)


def test_raft_is_known_by_the_hash_of_its_file_and_reads_safetensors(raft_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "raft.safetensors"
    save_file(torch.load(raft_file, weights_only=True), other)
    assert RAFT(raft_file).load() == file_hash(raft_file)
    assert RAFT(other).load() == file_hash(other) != file_hash(raft_file)
    clips = moving(1, 0, frames=2, size=128)
    assert torch.equal(RAFT(raft_file, iterations=1)(clips), RAFT(other, iterations=1)(clips))


@pytest.mark.parametrize("size", [(112, 128), (128, 132), (64, 64)])
def test_sizes_that_raft_cannot_take_are_refused_in_one_line(raft_file: Path, size: tuple[int, int]) -> None:
    message = f"multiples of 8 and at least 128 px, got {size[0]}×{size[1]}"
    with pytest.raises(ValueError, match=message) as error:
        RAFT(raft_file)(torch.rand(1, 3, 2, *size))
    assert "\n" not in str(error.value)


def test_weights_that_are_missing_or_of_another_network_are_refused(raft_file: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="RAFT needs the state_dict of torchvision's raft_small"):
        RAFT(tmp_path / "none.pth")
    with pytest.raises(ValueError, match="does not fit torchvision's raft_large") as error:
        RAFT(raft_file, "large").load()
    assert "\n" not in str(error.value)
