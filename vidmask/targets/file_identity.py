"""Which file a target reads: noted in checkpoints in place of what is in it."""

from typing import Any


class FileIdentity:
    """The SHA-256 of a file whose weights are no part of the model, and what a checkpoint says it should be.

    A training that goes on with another file would go on with another target, and nothing would show it.

    Args:
        key: Name under which it stands in a checkpoint.
        what: What the file is, for the message.
    """

    def __init__(self, key: str, what: str) -> None:
        self.key = key
        self.what = what
        self.loaded: str | None = None
        self._wanted: str | None = None
        self._is_loaded = False

    def note(self, sha256: str | None) -> None:
        """Take the hash of what was read; None if nothing is read of a file.

        Raises:
            ValueError: If a checkpoint was made with another.
        """
        self.loaded = sha256
        self._is_loaded = True
        self._check()

    def state(self) -> dict[str, Any]:
        """Return what goes into a checkpoint."""
        return {self.key: self.loaded if self._is_loaded else self._wanted}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what a checkpoint says.

        Raises:
            ValueError: If another file was read already.
        """
        self._wanted = state[self.key]
        self._check()

    def _check(self) -> None:
        if self._is_loaded and self._wanted not in (None, self.loaded):
            raise ValueError(
                f"the checkpoint was made with another {self.what}: the SHA-256 of its file is "
                f"{self._wanted}, that of this one {self.loaded}; take the file from where the run began"
            )
