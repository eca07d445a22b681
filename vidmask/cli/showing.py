"""The parts of a recipe, with the weights of a checkpoint where one is given, to be shown."""

from typing import Any

import torch

from vidmask import runs
from vidmask.callbacks.fixed_clips import fixed_clips
from vidmask.cli.errors import Mistake
from vidmask.cli.filing import UNTRAINED, Filing
from vidmask.cli.parts import PartsCLI
from vidmask.data.sources import Split
from vidmask.pretraining import MaskedPretraining
from vidmask.tokens import ClipBatch


class ShowingCLI(PartsCLI):
    """The parts of a recipe of ``MaskedPretraining``, as training begins or as a checkpoint has them."""

    def before_instantiate_classes(self) -> None:
        """Find the checkpoint, and check the model's settings against its run's."""
        config = self.config[self.verb]
        options = runs.RunOptions(**config.run.as_dict())
        checkpoint = config.ckpt_path or UNTRAINED
        self.filing = Filing("show", self.configs, options, checkpoint, self._resolved())

    def after_instantiate_classes(self) -> None:
        """Take the checkpoint's weights.

        Raises:
            Mistake: If they do not fit, or there is nothing of this model that could be shown.
        """
        if not isinstance(self.model, MaskedPretraining):
            raise Mistake(
                "show draws what a MaskedPretraining hides and asks for, and this recipe trains a "
                f"{type(self.model).__name__}"
            )
        self.filing.check_weights(self.model.state_dict())
        if self.filing.checkpoint is not None:
            checkpoint = torch.load(self.filing.checkpoint, map_location="cpu", weights_only=True, mmap=True)
            self.model.load_state_dict(checkpoint["state_dict"])

    @property
    def module(self) -> MaskedPretraining:
        """Return the model."""
        assert isinstance(self.model, MaskedPretraining)
        return self.model

    def prepare(self) -> None:
        """Make or check what the recipe reads, and let the targets load theirs."""
        super().prepare()
        for head in self.module.objective.heads.values():
            head.target.load()

    def clips(self, split: Split, number: int) -> ClipBatch | None:
        """Return fixed clips of a split, on the device and as floats in [0, 1]; None if there is none.

        Args:
            split: The split.
            number: How many.
        """
        self.module.to(self.device)
        trainer: Any = self.trainer
        trainer.datamodule = self.datamodule
        self.datamodule.eval_batch_size = number
        batches = fixed_clips(self.trainer, self.module, split, number)
        return None if batches is None else next(batches, None)
