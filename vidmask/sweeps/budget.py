"""How long a run trains: so many steps, clips, multiply-adds, seconds or GPU hours."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

BudgetKind = Literal["steps", "clips", "macs", "seconds", "gpu_hours"]


@dataclass(frozen=True)
class Cost:
    """What one optimizer step of a run costs, all devices together.

    Attributes:
        clips_per_step: Clips that are trained on; gradient accumulation and all devices count.
        macs_per_step: Multiply-adds of matrix products, convolutions and attention in a step: forward and
            backward pass, targets, and a tokenizer or a teacher that the targets need. None if not known.
        seconds_per_step: Measured where the sweep was planned, with a batch always ready: waiting for data,
            validation and probes are left out. None if not known.
        devices: How many devices a run trains on.
    """

    clips_per_step: int
    macs_per_step: float | None = None
    seconds_per_step: float | None = None
    devices: int = 1


@dataclass(frozen=True)
class Budget:
    """The same amount of one thing for every run.

    What is counted is training alone: not the making of data and tokenizer on first use, validation, probes
    or evaluations. Schedules are shares of a run's steps, so that they stretch with it.

    Attributes:
        kind: ``steps`` of the optimizer; ``clips`` trained on; ``macs``, multiply-adds; ``seconds`` of
            training on the machine where the sweep is planned, by the measured time of a step; ``gpu_hours``,
            the same times the number of devices.
        amount: How much of it.

    Raises:
        ValueError: If the amount is not above 0, or no whole number of steps.
    """

    kind: BudgetKind
    amount: float | int

    def __post_init__(self) -> None:
        if not 0 < self.amount < math.inf:
            raise ValueError(f"budget.{self.kind} takes a number above 0, got {self.amount!r}")
        if self.kind == "steps" and self.amount != int(self.amount):
            raise ValueError(f"budget.steps takes a whole number, got {self.amount!r}")

    @classmethod
    def of(cls, given: Any) -> "Budget":
        """Return the budget of a sweep's file, such as ``{steps: 512}``.

        Raises:
            ValueError: If it is not one of the accepted things, with its amount.
        """
        accepted = ", ".join(get_args(BudgetKind))
        if not isinstance(given, Mapping) or len(given) != 1:
            raise ValueError(f"budget takes one of {accepted}, such as {{steps: 512}}, got {given!r}")
        ((kind, amount),) = given.items()
        if kind not in get_args(BudgetKind):
            raise ValueError(f"budget is one of {accepted}, got {kind!r}")
        # YAML 1.1 takes 1e12, without a point, for a text.
        if isinstance(amount, str):
            with contextlib.suppress(ValueError):
                amount = float(amount)
        if not isinstance(amount, int | float) or isinstance(amount, bool):
            raise ValueError(f"budget.{kind} takes a number above 0, got {amount!r}")
        return cls(kind, amount)

    @property
    def needs(self) -> str | None:
        """Return the name of the cost that must be known to work out the steps."""
        return {"macs": "macs_per_step", "seconds": "seconds_per_step", "gpu_hours": "seconds_per_step"}.get(
            self.kind
        )

    def steps(self, cost: Cost | None) -> int:
        """Return the optimizer steps that spend it, rounded down.

        Args:
            cost: Of a step; not needed for a number of steps.

        Raises:
            ValueError: If the cost is not known, or it is less than one step.
        """
        if self.kind == "steps":
            return int(self.amount)
        if cost is None or (self.needs is not None and getattr(cost, self.needs) is None):
            raise ValueError(f"budget.{self.kind}: what a step costs is not known")
        if self.kind == "clips":
            each = cost.clips_per_step
        elif self.kind == "macs":
            each = cost.macs_per_step or math.nan
        else:
            seconds = cost.seconds_per_step or math.nan
            each = seconds if self.kind == "seconds" else seconds * cost.devices / 3600
        # A quotient that should be a whole number may lie a rounding below it.
        steps = int(self.amount / each * (1 + 1e-9))
        if steps < 1:
            raise ValueError(
                f"budget.{self.kind} is {self.amount:g}, less than one step, which costs {each:g}"
            )
        return steps
