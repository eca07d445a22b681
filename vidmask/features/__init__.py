"""Features of an encoder on disk."""

from vidmask.features.reading import Features, mean_of_tokens, read_features
from vidmask.features.shards import FORMAT, ShardFormat, shards_of
from vidmask.features.writing import SHARD_BYTES, ShardWriter

__all__ = [
    "FORMAT",
    "SHARD_BYTES",
    "Features",
    "ShardFormat",
    "ShardWriter",
    "mean_of_tokens",
    "read_features",
    "shards_of",
]
