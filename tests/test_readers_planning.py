"""Clips that overlap are decoded together, each picture once."""

from pathlib import Path
from typing import Any

import pytest
from av.packet import Packet
from videos import numbers, write_numbered

from vidmask.data.readers import EveryFrames, FramesAt, PyAVReader
from vidmask.data.readers.decoding import FrameDecoder
from vidmask.data.readers.planning import join_runs


def packets(*times: int) -> list[Packet]:
    made = [Packet(1) for _ in times]
    for packet, time in zip(made, times, strict=True):
        packet.pts = time
    return made


def joined(needed: dict[int, list[Packet]], order: list[int]) -> list[tuple[list[int | None], list[int]]]:
    return [([packet.pts for packet in run.packets], run.clips) for run in join_runs(needed, order)]


def test_a_clip_that_begins_inside_another_is_joined() -> None:
    needed = {0: packets(0, 3, 1, 2), 1: packets(1, 2, 6, 4, 5)}
    assert joined(needed, [0, 1]) == [([0, 3, 1, 2, 6, 4, 5], [0, 1])]


def test_a_clip_within_another_adds_nothing() -> None:
    assert joined({4: packets(0, 1, 2, 3), 2: packets(1, 2)}, [4, 2]) == [([0, 1, 2, 3], [4, 2])]


def test_clips_apart_stay_apart() -> None:
    needed = {0: packets(0, 1), 1: packets(9, 10), 2: packets(10, 11)}
    assert joined(needed, [0, 1, 2]) == [([0, 1], [0]), ([9, 10, 11], [1, 2])]


def test_packets_that_do_not_go_on_alike_stay_apart() -> None:
    needed = {0: packets(0, 1, 2), 1: packets(1, 7, 8)}
    assert joined(needed, [0, 1]) == [([0, 1, 2], [0]), ([1, 7, 8], [1])]


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_a_picture_of_two_clips_is_decoded_once_and_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    codec: dict[str, Any] = {"codec": "mpeg4", "max_b_frames": 2} if name == "a.avi" else {}
    path = write_numbered(tmp_path / name, 80, options={"g": "20"}, **codec)
    converted = []
    convert = FrameDecoder.to_rgb
    monkeypatch.setattr(
        FrameDecoder, "to_rgb", lambda self, frame: converted.append(frame) or convert(self, frame)
    )
    requests = [EveryFrames(0.8, 4, 2), FramesAt((0.88, 1.0)), EveryFrames(0.0, 2, 1), EveryFrames(2.8, 3, 1)]
    with PyAVReader(path) as reader:
        clips = reader.read_clips(requests)
    assert [numbers(clip.frames) for clip in clips] == [[20, 22, 24, 26], [22, 25], [0, 1], [70, 71, 72]]
    assert clips[0].pictures[1] is clips[1].pictures[0]
    assert len(converted) == 10
