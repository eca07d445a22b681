"""A VQGAN with random weights and a codebook that all its patches make use of."""

import torch

from vidmask.models.tokenizers import Tokenizer
from vidmask.models.vqgan import VQGAN


class RandomTokenizer(Tokenizer):
    """Codes of 4×4 pixels; counts how often its weights are asked for."""

    num_codes = 16
    factor = 4

    def __init__(self, seed: int = 0, num_codes: int = 16) -> None:
        self.seed = seed
        self.num_codes = num_codes
        self.num_prepared = 0
        self.num_loaded = 0

    def prepare(self) -> None:
        self.num_prepared += 1

    def load(self) -> tuple[VQGAN, str]:
        self.num_loaded += 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            vqgan = VQGAN(self.num_codes, 8, 32, (1, 1, 1), 1, (), 16, 8)
            with torch.no_grad():
                latents = vqgan.latents(torch.rand(64, 3, 8, 8)).movedim(1, -1).flatten(0, -2)
                vqgan.codebook.copy_(latents[torch.randperm(len(latents))[: self.num_codes]])
        return vqgan, f"hash of {self.seed}"
