"""Read the frames of a clip from a video file with TorchCodec, which is an extra."""

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any

from vidmask.data.readers.base import ClipRequest, DecodedClip
from vidmask.data.readers.packets import PacketReader, VideoReadError, one_line
from vidmask.data.stages import NO_CLOCK, StageClock

# Of these TorchCodec loses frames (program streams) or fails at the last ones (transport streams).
_REFUSED = ("mpeg", "mpegts")


def load_torchcodec() -> Any:
    """Return TorchCodec's decoders.

    Raises:
        ValueError: If the package is not installed, or finds no FFmpeg.
    """
    try:
        from torchcodec import decoders
    except ImportError as error:
        raise ValueError(
            "the reader torchcodec is not installed: pip install 'vidmask[torchcodec]', or take pyav"
        ) from error
    except (OSError, RuntimeError) as error:
        raise ValueError(
            "the reader torchcodec cannot be loaded: it needs FFmpeg's shared libraries (4 or later) and "
            "the release that belongs to this one of torch; install them, or take the reader pyav"
        ) from error
    return decoders


class TorchCodecReader:
    """Read clips from a video file with TorchCodec, by the same rules as ``PyAVReader``.

    The frame on screen is found from the times of the packets, so that both readers return the same frames at
    the same times, of a variable frame rate too: TorchCodec's own indices count frames, not time. Pictures of
    8 bits have the same values; of 10 bits they differ at coloured edges, as FFmpeg interpolates colour
    otherwise there. Opening reads all packets of a file, so that long files open slower.

    Deviation: where the reader of PyAV tells damage, TorchCodec may hand out a patched-up picture: look for
    broken files with ``vidmask data check``, which reads with PyAV. MPEG program and transport streams, and
    AVI with B-frames, it cannot read to the last frame: they are refused.

    Args:
        path: The file.
        clock: Measures where the time goes. TorchCodec seeks, decodes and converts in one go, which counts as
            ``decode``.

    Raises:
        VideoReadError: If the file is missing, is no video, or is one that TorchCodec cannot read exactly.
        ValueError: If TorchCodec is not installed.
    """

    def __init__(self, path: str | PathLike[str], clock: StageClock = NO_CLOCK) -> None:
        decoders = load_torchcodec()
        self._clock = clock
        with clock.stage("open"):
            self._file = PacketReader(path)
            try:
                self._frame_ticks = 0
                self._times = self._all_times()
                self._decoder = self._open(decoders, fspath(path))
            except VideoReadError:
                self._file.close()
                raise

    @property
    def name(self) -> str:
        """Return the name of the file, for messages."""
        return self._file.name

    @property
    def duration(self) -> float:
        """Return the length in seconds: from the header, or from the packets where it says nothing."""
        return self._file.duration

    @property
    def frames_per_second(self) -> float:
        """Return the mean frame rate.

        Raises:
            VideoReadError: If the file does not tell one.
        """
        return self._file.frames_per_second()

    def read_clips(self, requests: Sequence[ClipRequest]) -> list[DecodedClip]:
        """Read several clips, each picture once; see ``ClipReader``."""
        choices = [self._file.choice(request) for request in requests]
        for choice in choices:
            self._file.check_end(choice, self._times, self._frame_ticks)
        index = {time: place for place, time in enumerate(self._times)}
        picked = [choice.pick(self._times) for choice in choices]
        wanted = sorted({index[time] for times in picked for time in times})
        with self._clock.stage("decode"):
            try:
                frames = self._decoder.get_frames_at(wanted).data.numpy()
            except (RuntimeError, IndexError) as error:
                raise VideoReadError(f"{self.name}: cannot be decoded: {_first_line(error)}") from error
        pictures = dict(zip(wanted, frames, strict=True))
        return [
            DecodedClip(
                [pictures[index[time]] for time in times], [self._file.to_seconds(time) for time in times]
            )
            for times in picked
        ]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._decoder: Any = None

    def _open(self, decoders: Any, path: str) -> Any:
        try:
            decoder = decoders.VideoDecoder(
                path,
                stream_index=self._file.stream_index,
                dimension_order="NHWC",
                num_ffmpeg_threads=1,
                seek_mode="exact",
                device="cpu",
            )
        except (RuntimeError, ValueError) as error:
            raise VideoReadError(f"{self.name}: cannot be opened as a video: {_first_line(error)}") from error
        if len(decoder) != len(self._times):
            raise VideoReadError(
                f"{self.name}: TorchCodec finds {len(decoder)} frames, the file holds {len(self._times)}; "
                "take the reader pyav"
            )
        return decoder

    def _all_times(self) -> list[int]:
        """Return the presentation time of every frame, ascending."""
        if self._file.container_name in _REFUSED:
            raise VideoReadError(
                f"{self.name}: TorchCodec cannot read MPEG streams to the last frame; take the reader pyav"
            )
        with one_line(self.name, "cannot be read"):
            packets = list(self._file.demux(None))
        self._frame_ticks = max((packet.duration or 0 for packet in packets), default=0)
        # AVI knows only the order of the frames; the readers count it from the first one on.
        times = [
            packet.dts if self._file.is_avi else packet.pts for packet in packets if not packet.is_discard
        ]
        known = [time for time in times if time is not None]
        if len(known) < len(times) or not known:
            raise VideoReadError(f"{self.name}: tells no presentation times; take the reader pyav")
        if self._file.is_avi and self._file.codec.has_b_frames:
            raise VideoReadError(
                f"{self.name}: is an AVI with B-frames, whose order TorchCodec guesses; take the reader pyav"
            )
        return sorted(known)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
