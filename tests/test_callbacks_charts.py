"""Charts that hold several curves."""

import re
from pathlib import Path

from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2, metadata
from test_callbacks_reconstructions import module
from test_callbacks_summary import SomeUnreadable
from trainers import quiet_trainer

from vidmask.callbacks import OnlineProbe
from vidmask.callbacks.charts import ChartLayout, layout
from vidmask.targets import PixelTarget


def test_each_chart_draws_its_own_curves_and_no_others() -> None:
    charts = layout(["appearance", "appearance_accuracy", "motion"], ["motion"])
    tags = [
        *("train/motion", "val/motion", "val/motion/copy_nearest", "val/appearance", "val/loss"),
        *("val/appearance_accuracy", "val/appearance_accuracy/most_frequent_code"),
        *("probe/motion/linear_mean", "probe/chance/motion", "probe/without_encoder/motion"),
        *("probe/chance/appearance", "probe/test/trained/motion/linear_mean", "probe/rankme"),
    ]
    drawn = {
        (group, title): [tag for tag in tags if any(re.match(pattern, tag) for pattern in patterns)]
        for group, titles in charts.items()
        for title, (_, patterns) in titles.items()
    }
    assert drawn == {
        ("Loss", "appearance beside trivial answers"): ["val/appearance"],
        ("Loss", "appearance accuracy beside trivial answers"): tags[5:7],
        ("Loss", "motion beside trivial answers"): ["train/motion", "val/motion", "val/motion/copy_nearest"],
        ("Probes on the validation split", "motion beside chance and no encoder"): tags[7:10],
    }


def test_tensorboard_is_given_a_chart_for_each_head_and_label_that_holds_curves(tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path, name=None, version="")
    callbacks = [OnlineProbe(every_n_epochs=1), ChartLayout()]
    trainer = quiet_trainer(max_epochs=2, logger=logger, callbacks=callbacks, default_root_dir=tmp_path)
    trainer.fit(module(PixelTarget("none", "all")), datamodule=SomeUnreadable())
    logger.experiment.flush()
    events = EventAccumulator(str(tmp_path)).Reload()
    (written,) = events.Tensors(metadata.CONFIG_SUMMARY_TAG)
    charts = layout_pb2.Layout.FromString(written.tensor_proto.string_val[0])
    tags = events.Tags()["scalars"]
    for group in charts.category:
        for chart in group.chart:
            for pattern in chart.multiline.tag:
                assert [tag for tag in tags if re.match(pattern, tag)], pattern
    titles = [chart.title for group in charts.category for chart in group.chart]
    assert [title.split()[0] for title in titles] == ["reconstruction", "colour", "coin"]
    # A line for the eye, as long as the curve it stands beside.
    for tag in ("probe/chance/coin", "probe/without_encoder/coin", "probe/coin/linear_mean"):
        assert [event.step for event in events.Scalars(tag)] == [0, 2, 4]
