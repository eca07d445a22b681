"""How many directions features use, which needs no label."""

import torch
from jaxtyping import Float
from torch import Tensor

from vidmask.probing.inputs import on_host


def rankme(features: Float[Tensor, "b d"]) -> float:
    """Return the effective rank of the features: exp of the entropy of their normalised singular values.

    RankMe (Garrido et al. 2023, https://arxiv.org/abs/2210.02885, eq. 1-2), a label-free sign of collapse:
    1 where all features lie on one line through the origin, ``min(b, d)`` where all directions are used
    alike. The features are taken as they are, neither centred nor scaled, as in the paper.

    Deviation: zero singular values add nothing to the entropy, where the paper adds 1e-7 to each for
    numerical stability; in float64 that is not needed.

    Raises:
        ValueError: If all features are zero, or one is not finite.
    """
    singular_values = torch.linalg.svdvals(on_host(features))
    if singular_values.sum() == 0:
        raise ValueError("RankMe is not defined for features that are all zero")
    shares = singular_values / singular_values.sum()
    return torch.special.entr(shares).sum().exp().item()
