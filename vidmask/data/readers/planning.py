"""Which packets several clips need together, so that a picture that two of them show is decoded once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from av.packet import Packet


class Run(NamedTuple):
    """Packets that are decoded in one go.

    Attributes:
        packets: A key frame and what follows it, in decoding order.
        clips: Places of the clips that are made of them.
    """

    packets: list[Packet]
    clips: list[int]


def join_runs(needed: Mapping[int, list[Packet]], order: Sequence[int]) -> list[Run]:
    """Join the packets of clips that overlap, or of which one begins in the other's group of pictures.

    ::

        clip 0   K . . . .                  one run:   K . . . . K . . .
        clip 1             K . . .  (the second key frame lies in clip 0's packets, or nothing is joined)

    Args:
        needed: The packets of each clip: a key frame and what follows it, in decoding order; each with a
            presentation time.
        order: Places of the clips, by the time at which they start.
    """
    runs: list[Run] = []
    times: dict[int | None, int] = {}
    for clip in order:
        packets = needed[clip]
        begin = times.get(packets[0].pts) if runs else None
        if begin is not None:
            last = runs[-1]
            shared = len(last.packets) - begin
            if shared >= len(packets) or packets[shared - 1].pts == last.packets[-1].pts:
                last.clips.append(clip)
                times |= {packet.pts: begin + place for place, packet in enumerate(packets)}
                last.packets.extend(packets[shared:])
                continue
        runs.append(Run(list(packets), [clip]))
        times = {packet.pts: place for place, packet in enumerate(packets)}
    return runs
