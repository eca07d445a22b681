"""What tells the training videos of a run from others, so that a resumed run notices a change."""

from collections.abc import Mapping
from typing import Any

from vidmask.data.sources import VideoSource, fingerprint


def identity(source: VideoSource) -> dict[str, Any]:
    """Return the number of training videos, a hash of their names and labels, and the manifest if any."""
    videos = source.split("train")
    found: dict[str, Any] = {
        "videos": 0 if videos is None else len(videos),
        "sha256": fingerprint(source),
    }
    record = getattr(source, "record", None)
    return found if record is None else found | {"manifest": record()}


def check_identity(now: Mapping[str, Any], earlier: Mapping[str, Any]) -> None:
    """Compare the training videos with those that a checkpoint was made with.

    A manifest that was written anew and leaves the same videos is the same.

    Raises:
        ValueError: If they are others, so that a resumed run would not see what was still due.
    """
    if now["sha256"] != earlier["sha256"]:
        raise ValueError(
            f"the training videos are not those of the checkpoint: it had {earlier['videos']}, now there are "
            f"{now['videos']}, or some have other names or labels; a resumed run would not see what "
            "was still due. Give the same videos, or say --run.allow_config_change true"
        )
