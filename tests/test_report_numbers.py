"""Every score of the page, recomputed from metrics.jsonl by plain loops."""

import csv
import itertools
import json
import math

import pytest
from report_documents import rows_of, table_named
from scipy import stats
from sweep_folders import CELLS, EVALUATION, LABELS, READOUTS, RECIPE, key_of, write_sweep

from vidmask.report.comparison import compared
from vidmask.report.page import report, write_report
from vidmask.results import load

SEEDS = (0, 1, 2)
LOST = key_of(CELLS[1], 2)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "masks"
    write_sweep(folder, seeds=SEEDS, endings={LOST: ("failed", "out of memory")})
    return folder


@pytest.fixture(scope="module")
def sections(sweep):
    return {section.anchor: section for section in report(compared(load(sweep))).sections}


def _last(file, metric):
    value = None
    for line in file.read_text().splitlines():
        value = json.loads(line).get(metric, value)
    return value


def _values(sweep, cell, metric):
    """Return the last value of a metric of each finished run of a cell, by seed."""
    values = {}
    for seed in SEEDS:
        key = key_of(cell, seed)
        if key != LOST:
            file = sweep / key / RECIPE / "run" / "metrics.jsonl"
            if metric.startswith("test/"):
                file = sweep / key / EVALUATION / "run" / "test" / "metrics.jsonl"
            values[seed] = _last(file, metric)
    return values


def _mean(values):
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def _std(values):
    total = 0.0
    for value in values:
        total += (value - _mean(values)) ** 2
    return math.sqrt(total / (len(values) - 1))


def _half_width(values):
    return stats.t.ppf(0.975, len(values) - 1) * _std(values) / math.sqrt(len(values))


def _shown(share):
    return f"{100 * share:.1f}".replace("-", "−")


def _points(share):
    return f"{100 * share:+.1f}".replace("-", "−")


MEASURES = [
    *(
        (f"{label}: {words}, test split", f"probe/test/trained/{label}/{readout}", label, readout)
        for label in LABELS
        for readout, words in zip(
            READOUTS, ("linear probe, mean pooled", "neighbours, mean pooled"), strict=True
        )
    ),
    *(
        (f"{label}: {words}, validation split", f"probe/{label}/{readout}", label, readout)
        for label in LABELS
        for readout, words in zip(
            READOUTS, ("linear probe, mean pooled", "neighbours, mean pooled"), strict=True
        )
    ),
    (f"motion: {EVALUATION}, top-1, test split", "test/motion_top1", "motion", "top1"),
    (f"motion: {EVALUATION}, top-5, test split", "test/motion_top5", "motion", "top5"),
]


@pytest.mark.parametrize(("title", "metric", "label", "readout"), MEASURES)
def test_scores(sweep, sections, title, metric, label, readout):
    rows = rows_of(table_named(sections["scores"], title))
    assert [(row["masking"], row["ratio"]) for row in rows] == [tuple(cell.values()) for cell in CELLS]
    for cell, row in zip(CELLS, rows, strict=True):
        values = list(_values(sweep, cell, metric).values())
        half = _half_width(values)
        assert row["mean"] == _shown(_mean(values))
        assert row["± sd"] == _shown(_std(values))
        assert row["95 % interval"] == f"{_shown(_mean(values) - half)} to {_shown(_mean(values) + half)}"
        assert row["seeds"] == str(len(values)) == ("2" if cell == CELLS[1] else "3")
        # Five guesses of eight.
        assert row["chance"] == ("62.5" if readout == "top5" else "12.5")
        if metric.startswith("probe/test"):
            untrained = _values(sweep, cell, metric.replace("/trained/", "/untrained/"))
            assert row["untrained"] == _shown(_mean(list(untrained.values())))
        if metric.startswith(f"probe/{label}"):
            assert row["without encoder"] == "20.0"


@pytest.mark.parametrize(("title", "metric", "label", "readout"), MEASURES)
def test_differences(sweep, sections, title, metric, label, readout):
    rows = rows_of(table_named(sections["differences"], title))
    assert len(rows) == 3
    reference = _values(sweep, CELLS[0], metric)
    for cell, row in zip(CELLS[1:], rows, strict=True):
        values = _values(sweep, cell, metric)
        both = [seed for seed in reference if seed in values]
        differences = [values[seed] - reference[seed] for seed in both]
        low = _mean(differences) - _half_width(differences)
        high = _mean(differences) + _half_width(differences)
        assert row["difference"] == _points(_mean(differences))
        assert row["95 % interval"] == f"{_points(low)} to {_points(high)}"
        assert row["the cell is"] == ("better" if low > 0 else "worse" if high < 0 else "not told apart")
        assert row["seeds"] == str(len(both))
        assert row["the cell"] == _shown(_mean([values[seed] for seed in both]))
        assert row["the reference"] == _shown(_mean([reference[seed] for seed in both]))


def _curve(sweep, cell, metric, axis):
    """Return where a cell's runs were probed, and their mean there; the fixture probes all at the same."""
    points = {}
    for seed in SEEDS:
        if key_of(cell, seed) == LOST:
            continue
        file = sweep / key_of(cell, seed) / RECIPE / "run" / "metrics.jsonl"
        for line in map(json.loads, file.read_text().splitlines()):
            if metric in line:
                points.setdefault(line[axis], []).append(line[metric])
    return [(place, _mean(values)) for place, values in sorted(points.items())]


@pytest.mark.parametrize("label", LABELS)
def test_convergence(sweep, sections, label):
    rows = rows_of(table_named(sections["convergence"], f"{label}: linear probe"))
    metric = f"probe/{label}/linear_mean"
    target = 0.95 * _curve(sweep, CELLS[0], metric, "step")[-1][1]
    for cell, row in zip(CELLS, rows, strict=True):
        for axis, column in (("step", "steps"), ("seconds", "seconds")):
            curve = _curve(sweep, cell, metric, axis)
            at = None
            for (x, y), (next_x, next_y) in itertools.pairwise(curve):
                if at is None and y < target <= next_y:
                    at = x + (next_x - x) * (target - y) / (next_y - y)
            assert row[column] == ("–" if at is None else f"{at:.3g}")
        curve = _curve(sweep, cell, metric, "step")
        assert (row["untrained"], row["final"]) == (_shown(curve[0][1]), _shown(curve[-1][1]))


def test_the_csv_holds_every_score_of_every_finished_run(sweep, tmp_path):
    _, _, table = write_report([sweep], tmp_path / "report.html")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {
        (row["run"], row["label"], row["readout"]): float(row["value"])
        for row in rows
        if (row["source"], row["split"], row["encoder"]) == ("probe", "test", "trained")
    }
    expected = {
        (f"masks/{key_of(cell, seed)}", label, readout): value
        for cell in CELLS
        for label in LABELS
        for readout in READOUTS
        for seed, value in _values(sweep, cell, f"probe/test/trained/{label}/{readout}").items()
    }
    assert found == expected
    assert len(expected) == 11 * len(LABELS) * len(READOUTS)
