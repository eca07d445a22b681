"""A teacher that is an average over time of the encoder that is trained."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from vidmask.models.vit import VideoViT
from vidmask.targets.teacher import Teacher


class AverageTeacher(Teacher):
    """The exponential moving average of the encoder, which starts as a copy of it.

    After each step of the optimizer ``teacher = m * teacher + (1 - m) * encoder``, of all parameters and
    buffers. It is in evaluation mode always, is not trained, and is in checkpoints with the number of its
    updates, so that a run that is resumed goes on exactly. What is exported is the encoder, not the average.

    Args:
        momentum: m at the first update.
        end_momentum: m after ``ramp_steps`` updates, which it reaches linearly and then keeps; None for
            ``momentum`` throughout. V-JEPA: 0.998 to 1; data2vec: 0.999 to 0.9999.
        ramp_steps: Updates until ``end_momentum``.

    Raises:
        ValueError: If a momentum lies outside [0, 1], ``ramp_steps`` is below 1, or one of the last two is
            given without the other.

    Source: V-JEPA (arXiv 2404.08471), section 3 and appendix; data2vec (arXiv 2202.03555), section 3.2.
    """

    updates: Tensor

    def __init__(
        self, momentum: float = 0.998, end_momentum: float | None = None, ramp_steps: int | None = None
    ) -> None:
        super().__init__()
        for name, value in (("momentum", momentum), ("end_momentum", end_momentum)):
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} of the average must lie in [0, 1], got {value}")
        if (end_momentum is None) != (ramp_steps is None):
            raise ValueError(
                "end_momentum and ramp_steps go together: "
                f"got end_momentum {end_momentum} and ramp_steps {ramp_steps}"
            )
        if ramp_steps is not None and ramp_steps < 1:
            raise ValueError(f"ramp_steps is a number of updates, 1 or more, got {ramp_steps}")
        self.momentum = momentum
        self.end_momentum = end_momentum
        self.ramp_steps = ramp_steps
        self.average: VideoViT | None = None
        self._counted: int | None = None
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.register_load_state_dict_post_hook(_forget_count)

    def follow(self, encoder: VideoViT) -> None:
        """Start as a copy of the encoder."""
        self.average = deepcopy(encoder).eval().requires_grad_(False)
        self.updates.zero_()
        self._counted = None

    def train(self, mode: bool = True) -> "AverageTeacher":
        """Leave the average in evaluation mode, whatever the rest is in."""
        super().train(mode)
        if self.average is not None:
            self.average.eval()
        return self

    def outline(self) -> VideoViT:
        """Return the average itself.

        Raises:
            ValueError: If there is none yet.
        """
        if self.average is None:
            raise ValueError(
                "AverageTeacher has nothing to average yet: make its head from the encoder, or call "
                "follow(encoder)"
            )
        return self.average

    def encoder(self, device: torch.device) -> VideoViT:
        """Return the average, which stands where the model stands.

        Raises:
            ValueError: If there is none yet.
        """
        return self.outline()

    def momentum_at(self, update: int) -> float:
        """Return m at an update, counted from 0."""
        if self.end_momentum is None or self.ramp_steps is None:
            return self.momentum
        share = min(update / self.ramp_steps, 1.0)
        return (1 - share) * self.momentum + share * self.end_momentum

    def _next_update(self) -> int:
        """Return the number of the update, counted on the host; the buffer is read once after loading."""
        if self._counted is None:
            self._counted = int(self.updates)
        self._counted += 1
        return self._counted - 1

    @torch.no_grad()
    def after_step(self, encoder: VideoViT) -> None:
        """Move the average towards the encoder.

        Raises:
            ValueError: If the weights are of half precision, in which an average does not move.
        """
        average = self.outline()
        # Without a ramp the number is not looked at, which would wait for the device.
        momentum = self.momentum if self.ramp_steps is None else self.momentum_at(self._next_update())
        self.updates += 1
        own, given = _state(average), _state(encoder)
        moving = [name for name, value in own.items() if value.is_floating_point()]
        if any(own[name].dtype.itemsize < 4 for name in moving):
            raise ValueError(
                "an average moves by less than half precision can hold: train with precision 32-true, "
                "bf16-mixed or 16-mixed"
            )
        # lerp, which leaves what is equal on both sides as it is, to the bit.
        get_ema_multi_avg_fn(momentum)([own[name] for name in moving], [given[name] for name in moving], 0)
        for name in own.keys() - moving:
            own[name].copy_(given[name])


def _forget_count(module: nn.Module, keys: Any) -> None:
    assert isinstance(module, AverageTeacher)
    module._counted = None


def _state(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}
