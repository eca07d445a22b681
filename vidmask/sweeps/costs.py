"""What steps cost, kept in the sweep's folder, so that each is measured once."""

import dataclasses
import json
from pathlib import Path

from vidmask.data.writers import write_text
from vidmask.sweeps.budget import Cost

COSTS = "costs.json"


class Costs:
    """Costs by what stands for the settings that they are a matter of.

    Args:
        folder: The sweep's folder, or None if there is none yet.
        keep: Whether what is added is kept there.

    Raises:
        ValueError: If the file is damaged.
    """

    def __init__(self, folder: Path | None, *, keep: bool = True) -> None:
        self._keep = keep
        self._path = None if folder is None else folder / COSTS
        self._known: dict[str, Cost | None] = {}
        if self._path is not None and self._path.is_file():
            try:
                content = json.loads(self._path.read_text(encoding="utf-8"))
                self._known = {key: Cost(**cost) for key, cost in content.items()}
            except (ValueError, TypeError, AttributeError) as error:
                raise ValueError(
                    f"{self._path} is damaged: remove it, and costs are measured anew"
                ) from error

    def __contains__(self, key: str) -> bool:
        """Return whether a cost was measured, also where that failed."""
        return key in self._known

    def __getitem__(self, key: str) -> Cost | None:
        """Return a cost, or None where it could not be measured."""
        return self._known[key]

    def add(self, key: str, cost: Cost | None) -> None:
        """Keep a cost; that it could not be measured, which may have been for want of memory, only here."""
        self._known[key] = cost
        if self._path is not None and self._keep:
            known = {name: each for name, each in self._known.items() if each is not None}
            content = {name: dataclasses.asdict(each) for name, each in known.items()}
            write_text(self._path, json.dumps(content, indent=1) + "\n")
