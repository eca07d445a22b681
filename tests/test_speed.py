"""Clips of files and of what was prepared of them are read in turn."""

from pathlib import Path

import pytest
from videos import write_numbered

from vidmask.data.curation import speed


def test_both_are_read_from_the_same_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [
        (str(write_numbered(tmp_path / f"{k}.mp4", 90)), str(write_numbered(tmp_path / f"{k}p.mp4", 90)))
        for k in range(3)
    ]
    read = []
    original = speed._read_clip
    monkeypatch.setattr(
        speed,
        "_read_clip",
        lambda path, share: read.append((Path(path).stem, share)) or original(path, share),
    )
    found = speed.decoding_speed(pairs, num_videos=2, rounds=2)
    assert found.clips == 4
    assert found.before > 0
    assert found.after > 0
    assert len(read) == 8
    for (one, start), (two, same) in zip(read[::2], read[1::2], strict=True):
        assert two == f"{one}p"
        assert start == same
