"""The settings that all runs share, and those in which they differ."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from vidmask import runs
from vidmask.report.blocks import Block, Folded, Section, Table, Text

SEED = "seed_everything"


def config_section(configs: Sequence[tuple[str, Mapping[str, Any]]]) -> Section | None:
    """Return the section of the settings, or None if no run has any.

    Args:
        configs: The name of each cell, and the resolved configuration of one of its runs.
    """
    if not configs:
        return None
    flat = [(name, runs.flat(config)) for name, config in configs]
    keys = list(dict.fromkeys(key for _, one in flat for key in one if key != SEED))
    shared = [key for key in keys if all(key in one and one[key] == flat[0][1][key] for _, one in flat)]
    differing = [key for key in keys if key not in set(shared)]
    blocks: list[Block] = []
    if differing:
        columns = ["setting", *(name for name, _ in flat)]
        rows = [[key, *(written(one[key]) if key in one else "" for _, one in flat)] for key in differing]
        blocks.append(Table("Settings in which the cells differ", columns, rows))
    elif len(flat) > 1:
        blocks.append(Text("No setting differs but the seed."))
    rows = [[key, written(flat[0][1][key])] for key in shared]
    title = "Settings that all cells share" if len(flat) > 1 else "All settings"
    blocks.append(Folded(f"{title} ({len(shared):,})", [Table(title, ["setting", "value"], rows)]))
    return Section("settings", "Settings", blocks)


def written(value: Any) -> str:
    """Return a value as YAML has it, in one line."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, Mapping | Sequence):
        return json.dumps(value, ensure_ascii=False, default=str)
    return yaml.safe_dump(value).split("\n")[0]
