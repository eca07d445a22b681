"""Costs are measured apart: a recipe that brings its process down leaves the next one to another."""

import os
import signal

import pytest

from vidmask.cli.cost_process import CostProcess
from vidmask.cli.errors import Mistake
from vidmask.cli.resolving import resolve
from vidmask.sweeps.settings import put

RECIPE = "quickstart/mae_st"


def small(**settings) -> dict:
    config = resolve(["--config", RECIPE])
    for name, value in {"data.batch_size": 2, "trainer.accelerator": "cpu", **settings}.items():
        put(config, name, value)
    return config


@pytest.mark.slow
def test_what_cannot_be_measured_does_not_keep_the_rest_from_it(caplog):
    with CostProcess({"OMP_NUM_THREADS": "1"}) as process:
        cost = process.measure(RECIPE, small())
        assert cost is not None
        assert cost.clips_per_step == 2
        too_large = {"model.encoder.embed_dim": 2**21, "model.encoder.num_heads": 2**15}
        assert process.measure(RECIPE, small(**too_large)) is None
        assert "can't allocate memory" in caplog.text
        with pytest.raises(Mistake, match="ratio"):
            process.measure(RECIPE, small(**{"model.masking.ratio": 1.5}))
        # The same process has answered all of them; now it is lost.
        first = process._process
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        assert process.measure(RECIPE, small()) is None
        assert "killed by signal 9 (SIGKILL)" in caplog.text
        again = process.measure(RECIPE, small())
        assert again is not None
        assert again.macs_per_step == cost.macs_per_step
        second = process._process
        assert second is not None
        assert second.pid != first.pid
    assert second.poll() is not None
