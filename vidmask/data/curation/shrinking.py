"""Make decoded pictures smaller as they are, in luma and chroma, without a detour over RGB."""

from collections.abc import Callable
from typing import NamedTuple

from av.filter import Graph
from av.video.frame import VideoFrame

# FFmpeg's number for pictures in RGB, which have no matrix, and for the matrix that they are given (BT.601).
_RGB, _BT601 = 0, 6
# Each as filters that turn counter-clockwise.
_TURNS = {90: ["transpose=cclock"], 180: ["hflip", "vflip"], 270: ["transpose=clock"]}


class Colours(NamedTuple):
    """How a video means its colours: FFmpeg's numbers."""

    matrix: int
    primaries: int
    transfer: int


class Shrinker:
    """Turn pictures as their file asks, cut or shrink them, and make them 4:2:0 of 8 bits, of limited range.

    The matrix stays that of the source: a picture of 4:2:0 that keeps its size keeps every value, and none
    is rounded to RGB and back, which would darken it by a level.

    Args:
        size: Rows and columns of what a picture of so many is made. Where one is less by a pixel alone, as
            sides must be even, the pixels beyond it are cut off.
    """

    def __init__(self, size: Callable[[int, int], tuple[int, int]]) -> None:
        self._size = size
        self._graphs: dict[tuple[object, ...], Graph] = {}

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return a picture made smaller. Its rotation must be of quarter turns."""
        matrix, value_range, rotation = int(frame.colorspace), int(frame.color_range), frame.rotation % 360
        kind = (frame.width, frame.height, frame.format.name, matrix, value_range, rotation)
        if kind not in self._graphs:
            self._graphs[kind] = self._graph(frame, matrix, value_range, rotation)
        graph = self._graphs[kind]
        graph.vpush(frame)
        return graph.vpull()

    def _graph(self, frame: VideoFrame, matrix: int, value_range: int, rotation: int) -> Graph:
        rows, columns = self._size(frame.height, frame.width)
        scale = f"scale={columns}:{rows}:flags=bicubic+accurate_rnd:out_range=tv"
        if _is_rgb(frame):
            scale += ":out_color_matrix=bt601"
        filters = [scale, "format=yuv420p", *_TURNS.get(rotation, [])]
        if max(frame.height - rows, frame.width - columns) == 1:
            filters.insert(0, f"crop={min(columns, frame.width)}:{min(rows, frame.height)}:0:0")
        graph = Graph()
        graph.threads = 1
        nodes = [
            graph.add(
                "buffer",
                video_size=f"{frame.width}x{frame.height}",
                pix_fmt=frame.format.name,
                time_base="1/1",
                pixel_aspect="1/1",
                colorspace=str(matrix),
                range=str(value_range),
            ),
            *(graph.add(name, arguments or None) for name, _, arguments in map(_parted, filters)),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph


def colours(frame: VideoFrame) -> Colours:
    """Return how pictures mean their colours after they were made smaller."""
    matrix = _BT601 if _is_rgb(frame) else int(frame.colorspace)
    return Colours(matrix, int(frame.color_primaries), int(frame.color_trc))


def _is_rgb(frame: VideoFrame) -> bool:
    return frame.format.is_rgb or int(frame.colorspace) == _RGB


def _parted(words: str) -> tuple[str, str, str]:
    return words.partition("=")
