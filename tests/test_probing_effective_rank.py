"""RankMe."""

import pytest
import torch

from vidmask.probing.effective_rank import rankme


def _noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_rankme_of_an_isotropic_matrix_is_its_rank(rank):
    left, _ = torch.linalg.qr(_noise(50, rank))
    right, _ = torch.linalg.qr(_noise(8, rank, seed=1))
    assert rankme(5 * left @ right.T) == pytest.approx(rank, rel=1e-4)


def test_rankme_of_known_singular_values():
    # Shares 3/4 and 1/4: exp(3/4 ln 4/3 + 1/4 ln 4) = 4 / 3^(3/4).
    assert rankme(torch.diag(torch.tensor([3.0, 1.0, 0.0]))) == pytest.approx(4 / 3**0.75, rel=1e-6)


def test_rankme_refuses_features_that_are_all_zero():
    with pytest.raises(ValueError, match="all zero"):
        rankme(torch.zeros(4, 3))
