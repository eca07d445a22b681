"""Verbs that Lightning carries out: ``fit``, ``validate``, ``test`` and ``predict``."""

import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import set_parsing_settings
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf.errors import OmegaConfBaseException

# Classes go by their short names where their modules have been imported.
import vidmask.callbacks
import vidmask.classification
import vidmask.data.sources
import vidmask.data.synthetic
import vidmask.masking
import vidmask.models
import vidmask.objectives
import vidmask.pretraining
import vidmask.targets
import vidmask.tokenizer
import vidmask.trained_vqgan  # noqa: F401
from vidmask import recipes, runs
from vidmask.callbacks.charts import ChartLayout
from vidmask.callbacks.classification_report import ClassificationReport
from vidmask.callbacks.features import FeatureOptions, FeatureWriter
from vidmask.callbacks.run_folder import LatestRun, RunCheckpoints
from vidmask.callbacks.skipped import SkippedSamples
from vidmask.cli.errors import Mistake
from vidmask.cli.filing import SHARED_FOLDER, Filing, with_recipes
from vidmask.cli.locate import Settings, check_files
from vidmask.cli.parser import Parser, ParsingMistake, explain_interpolation, explain_mistake, linked_lines
from vidmask.data.datamodule import VideoDataModule
from vidmask.loggers import MetricsJsonl, RunTensorBoard
from vidmask.progress import TrainingProgress

# Without this, ${…} is resolved before the command line is read, and data can disagree with the model.
set_parsing_settings(omegaconf_absolute_to_relative_paths=True)

FOLLOWS_MODEL = ("frames", "size")
"""Settings of the data that are the model's attributes of the same name."""

NOTHING_TO_ACT_ON = (
    # Between Lightning and torch, in every run.
    r".*LeafSpec.* is deprecated",
    # A run that is resumed goes on in its own folder.
    r"Checkpoint directory .* exists and is not empty",
    # No validation split is no fault.
    r"Total length of .* across ranks is zero",
    # A frozen encoder or a teacher is meant to be.
    r"Found \d+ module\(s\) in eval mode at the start of training",
    # Another interval between checkpoints is another callback to Lightning.
    r"Be aware that when using `ckpt_path`, callbacks used to create the checkpoint",
)
"""Warnings of Lightning's that are not shown."""

DEFAULTS = {
    # The recipe's batch size is that of one device: more devices are asked for, not taken.
    "devices": 1,
    # The loaders shard by themselves.
    "use_distributed_sampler": False,
    "enable_model_summary": False,
    "enable_autolog_hparams": False,
}


def run(words: Sequence[str], cli: "type[TrainingCLI] | None" = None) -> "TrainingCLI":
    """Carry out a verb.

    Args:
        words: The verb and what follows it.
        cli: What carries it out; ``TrainingCLI`` if None.

    Raises:
        Mistake: For what the user can put right.
    """
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in NOTHING_TO_ACT_ON:
        warnings.filterwarnings("ignore", message=message, module="lightning")
    args, configs = with_recipes(words)
    for config in configs:
        recipes.make_importable(config)
    try:
        return (cli or TrainingCLI)(args, configs, words)
    except UnicodeDecodeError:
        check_files(configs)
        raise
    except ParsingMistake as error:
        raise explain_mistake(error, configs, args) from error
    except OmegaConfBaseException as error:
        raise explain_interpolation(str(error), configs, args) from error
    except SIGTERMException:
        # Lightning would end as if all had gone well, and whoever sent the signal take the run for finished.
        sys.exit(128 + signal.SIGTERM)
    finally:
        os.environ.pop(SHARED_FOLDER, None)


class TrainingCLI(LightningCLI):
    """Lightning's command line, which files every run in a folder of its own.

    Args:
        args: The verb and what follows it, recipes as paths.
        configs: The recipes among them.
        words: The same as the user wrote them.
    """

    filing: Filing
    features: FeatureOptions

    def __init__(self, args: list[str], configs: Sequence[Path], words: Sequence[str]) -> None:
        self.configs = configs
        self.words = words
        self.verb = args[0]
        super().__init__(
            LightningModule,
            VideoDataModule,
            subclass_mode_model=True,
            save_config_callback=None,
            trainer_defaults=DEFAULTS,
            seed_everything_default=0,
            auto_configure_optimizers=False,
            parser_class=Parser,
            parser_kwargs={"parser_mode": "omegaconf+", "prog": "vidmask"},
            args=args,
        )

    def subcommands(self) -> dict[str, set[str]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the verb that was given: a parser of each of the others costs a second."""
        return {self.verb: LightningCLI.subcommands()[self.verb]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add where runs are filed and how often they are saved; let the data follow the encoder."""
        parser.add_class_arguments(runs.RunOptions, "run")
        parser.add_lightning_class_args(RunCheckpoints, "checkpoint")
        if self.verb == "predict":
            parser.add_class_arguments(FeatureOptions, "features")
        for name in FOLLOWS_MODEL:
            parser.link_arguments(
                "model",
                f"data.{name}",
                compute_fn=lambda model, name=name: getattr(model, name),
                apply_on="instantiate",
            )

    def _prepare_subcommand_parser(
        self, klass: type, subcommand: str, **kwargs: Any
    ) -> LightningArgumentParser:
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        # A checkpoint is a pickle, which may hold any code; ours hold plain containers and tensors.
        parser.set_defaults(weights_only=True)
        if subcommand == "predict":
            # What is written need not be kept in memory too.
            parser.set_defaults(return_predictions=False)
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and refuse settings that a link would set aside in silence."""
        self.config = parser.parse_args(args)
        for name in FOLLOWS_MODEL:
            if self.config[self.verb].data.get(name) is not None:
                raise Mistake(*linked_lines(f"data.{name}", Settings(self.configs, args)))

    def _parse_ckpt_path(self) -> None:
        # Lightning would lay the checkpoint's settings over the command line's, in silence.
        pass

    def before_instantiate_classes(self) -> None:
        """Find the checkpoint and check the configuration against its run's, before anything is built."""
        config = self.config[self.verb]
        options = runs.RunOptions(**config.run.as_dict())
        if self.verb == "predict":
            self.features = FeatureOptions(**config.features.as_dict())
        rank: int = rank_zero_only.rank  # pyright: ignore[reportFunctionMemberAccess]
        self.filing = Filing(self.verb, self.configs, options, config.ckpt_path, self._resolved(), rank)
        config.ckpt_path = self.filing.checkpoint and str(self.filing.checkpoint)

    def instantiate_classes(self) -> None:
        """Build the parts; what their constructors refuse is a mistake in the recipe."""
        try:
            super().instantiate_classes()
        except MisconfigurationException as error:
            raise Mistake(f"the trainer refuses: {' '.join(str(error).split())}") from error
        except (ValueError, OSError) as error:
            raise (refusal := _refusal(error)) from (error if isinstance(refusal, Mistake) else None)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Open the run's folder and build the trainer for it."""
        self._check_geometry()
        self._load_start()
        settings = self._get(self.config_init, "trainer")
        assert settings is not None
        folder = self.filing.open()
        callbacks = [
            *(settings["callbacks"] or []),
            LatestRun(),
            SkippedSamples(),
            ChartLayout(),
            ClassificationReport(),
        ]
        if self.verb == "predict":
            encoder = self.filing.config["model"]["init_args"].get("encoder")
            named = encoder.get("class_path") if isinstance(encoder, dict) else None
            callbacks.append(FeatureWriter(self.features, named))
        if settings["enable_progress_bar"] is not False:
            callbacks.append(TrainingProgress())
        given = {"default_root_dir": str(folder), "callbacks": callbacks}
        if self.filing.num_steps_before is not None:
            # Lightning would show its callbacks the trained model as the untrained one.
            given["num_sanity_val_steps"] = 0
        try:
            trainer = super().instantiate_trainer(logger=self._loggers(settings["logger"]), **given)
        except (MisconfigurationException, ValueError):
            self.filing.close()
            raise
        for callback in trainer.callbacks:  # pyright: ignore[reportAttributeAccessIssue]
            if isinstance(callback, RunCheckpoints):
                callback.dirpath = str(self.filing.checkpoints)
        for logger in trainer.loggers:
            if isinstance(logger, MetricsJsonl | RunTensorBoard):
                logger.follow(trainer)
        return trainer

    def after_instantiate_classes(self) -> None:
        """Check that the checkpoint fits, then write down what is about to be run."""
        self.filing.check_weights(self.model.state_dict())
        data = self.datamodule.identity_if_known()
        self.filing.check_data(data)
        self.datamodule.accept_other_videos = self.filing.options.allow_config_change or self.verb != "fit"
        self.filing.write_records(self.words, self.config[self.verb].seed_everything, data)
        rank_zero_only(print)(self.filing.announce())

    def after_fit(self) -> None:
        """Write what the run was for: the encoder alone, or the tokenizer."""
        if self.trainer.is_global_zero and not self.trainer.fast_dev_run:  # pyright: ignore[reportAttributeAccessIssue]
            self.model.export(self.filing.folder, self.filing.config["model"])

    def _resolved(self) -> dict[str, Any]:
        config = self.config[self.verb]
        # By position, since the third argument has changed its name: what is null is written too.
        resolved = yaml.safe_load(self._parser(self.verb).dump(config, "yaml", False))
        # Where and how a run is filed is not part of what it computes.
        filing = ("run", "ckpt_path", "weights_only")
        return {name: value for name, value in resolved.items() if name not in filing}

    def _check_geometry(self) -> None:
        for name in FOLLOWS_MODEL:
            ours, theirs = getattr(self.datamodule, name), getattr(self.model, name)
            assert ours == theirs, f"data.{name} is {ours}, the model's {name} is {theirs}"

    def _load_start(self) -> None:
        """Let a new training take the weights that it starts from, before a folder is made for it."""
        start = getattr(self.model, "encoder_checkpoint", None)
        if self.verb != "fit" and self.filing.checkpoint is None and start is not None:
            # Else what is scored as started from a file would have random weights.
            raise Mistake(
                f"--ckpt_path untrained takes random weights, and model.encoder_checkpoint names {start!r}",
                "leave one of the two out: the weights of a file are scored after a training of its probe",
            )
        if self.verb != "fit" or self.filing.checkpoint is not None or not hasattr(self.model, "load_start"):
            return
        try:
            self.model.load_start()
        except (ValueError, OSError) as error:
            raise Mistake(*str(error).splitlines()) from error

    def _loggers(self, given: Any) -> Any:
        if given is False:
            return False
        others = [] if given in (None, True) else given if isinstance(given, list) else [given]
        return self.filing.loggers(others)


def _refusal(error: ValueError | OSError) -> BaseException:
    """Return as a mistake what a constructor said, without the parser's words around it."""
    cause: BaseException | None = error
    while cause is not None:
        traceback = cause.__traceback__
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        module = traceback.tb_frame.f_globals.get("__name__", "") if traceback is not None else ""
        if isinstance(cause, RuntimeError | MemoryError):
            # Not the recipe's fault: most often there is not enough memory for it.
            return cause
        if isinstance(cause, ValueError | OSError) and not module.startswith("jsonargparse"):
            return Mistake(*str(cause).splitlines())
        cause = cause.__cause__ or cause.__context__
    return error
