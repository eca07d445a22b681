"""Costs measured in a process of their own: what is too large for the machine ends that, and no sweep."""

import contextlib
import dataclasses
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidmask import runs
from vidmask.cli.errors import Mistake
from vidmask.sweeps.budget import Cost
from vidmask.sweeps.endings import first_line, killed_by

_LOG = logging.getLogger(__name__)

NOT_MEASURED = (RuntimeError, MemoryError, FloatingPointError)
"""What measuring a step raises where the machine has not enough memory, or the training diverges at once."""


class CostProcess:
    """Measures one recipe after the other in another process, which is begun again where it is lost.

    It is gone, with all that it held in memory, once the block has ended.

    Args:
        environment: Variables beside those of this process, such as which devices it sees.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "CostProcess":
        """Begin nothing yet."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._close()

    def measure(self, base: str, config: Mapping[str, Any]) -> Cost | None:
        """Return what a step costs, or None, with a warning, where it cannot be measured on this machine.

        Args:
            base: The recipe, beside which modules are found.
            config: The whole configuration.

        Raises:
            Mistake: For what is wrong in it.
        """
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary, "config.yaml")
            path.write_text(runs.config_text(config), encoding="utf-8")
            answer = self._ask({"base": base, "config": str(path), "folder": temporary})
        if "mistake" in answer:
            raise Mistake(*answer["mistake"])
        if "unknown" in answer:
            _LOG.warning("what a step of %s costs is not known: %s", base, answer["unknown"])
            return None
        return Cost(**answer)

    def _ask(self, question: Mapping[str, str]) -> dict[str, Any]:
        process = self._process or self._begin()
        assert process.stdin is not None
        assert process.stdout is not None
        line = b""
        # It may have been killed since.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        if line.endswith(b"\n"):
            return json.loads(line)
        code = process.wait()
        self._close()
        ending = killed_by(-code) if code < 0 else f"exit code {code}"
        return {"unknown": f"measuring it was {ending}"}

    def _begin(self) -> subprocess.Popen:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vidmask.cli.cost_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict(self._environment),
        )
        return self._process

    def _close(self) -> None:
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            self._process.wait()
        self._process = None


def answer(question: Mapping[str, str]) -> dict[str, Any]:
    """Measure what is asked for, and return it, or what is in the way."""
    from vidmask.cli import measuring
    from vidmask.cli.costing import cost_of

    folder = Path(question["folder"], "runs")
    folder.mkdir()
    try:
        words = ["--config", question["base"], "--config", question["config"]]
        return dataclasses.asdict(cost_of(measuring.build(words, folder)))
    except NOT_MEASURED as error:
        return {"unknown": first_line(error)}
    except Mistake as error:
        return {"mistake": error.lines}
    except (ValueError, OSError) as error:
        return {"mistake": str(error).splitlines() or [type(error).__name__]}


def main() -> None:
    """Answer one question a line, until there are no more."""
    # What is printed meanwhile is no answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
