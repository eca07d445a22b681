"""Values of the outlines are worked out by hand; areas and shares are counted on random points."""

import numpy as np
import pytest

from vidmask.data.moving_shapes.shapes import OUTLINES, PERIMETERS, coverage, level, ranks, raster

# Random points and no raster, whose rows would run along the edges of the square.
SIDE = 400
X, Y = np.random.default_rng(0).uniform(-1, 1, (2, 1, SIDE, SIDE)).astype(np.float32)
POINT = (2 / SIDE) ** 2
SIZE = np.array(13, np.float32)


def distance_at(name, x, y):
    return float(
        OUTLINES[name](np.full((1, 1, 1), x, np.float32), np.full((1, 1, 1), y, np.float32))[0, 0, 0]
    )


def test_there_are_eight_shapes():
    assert list(OUTLINES) == ["disc", "triangle", "square", "star", "plus", "ring", "crescent", "bars"]


@pytest.mark.parametrize("name", OUTLINES)
def test_every_shape_has_area_one(name):
    assert (OUTLINES[name](X, Y) <= 0).sum() * POINT == pytest.approx(1, abs=0.025)


@pytest.mark.parametrize("name", OUTLINES)
def test_every_centroid_lies_at_the_origin(name):
    inside = OUTLINES[name](X, Y) <= 0
    assert X[inside].mean() == pytest.approx(0, abs=0.01)
    assert Y[inside].mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("name", OUTLINES)
def test_the_perimeters_are_those_of_the_outlines(name):
    band = np.abs(OUTLINES[name](X, Y)) < 0.04
    assert band.sum() * POINT / 0.08 == pytest.approx(PERIMETERS[name], rel=0.04)


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("disc", 0.5642, 0.0),
        ("triangle", 0.0, -0.8774),
        ("triangle", 0.0, 0.4387),
        ("square", 0.3, -0.5),
        ("star", 0.0, -0.8249),
        ("star", 0.2424, -0.3337),
        ("star", 0.0, 0.4125),
        ("star", -0.7846, -0.2549),
        ("plus", 0.6507, 0.1),
        ("plus", 0.2343, 0.2343),
        ("ring", 0.0, 0.3257),
        ("ring", 0.6515, 0.0),
        ("crescent", 0.2701 - 0.7747, 0.0),
        ("crescent", 0.6575 - 0.5810, 0.0),
        ("bars", 0.575, -0.3),
        ("bars", 0.2, 0.15),
        ("bars", 0.2, 0.5848),
    ],
)
def test_points_worked_out_by_hand_lie_on_the_outline(name, x, y):
    assert distance_at(name, x, y) == pytest.approx(0, abs=3e-4)


@pytest.mark.parametrize(
    ("name", "solid"), [("ring", False), ("bars", False), ("disc", True), ("star", True)]
)
def test_the_ring_and_the_bars_are_hollow_in_the_middle(name, solid):
    assert (distance_at(name, 0.0, 0.0) < 0) == solid


@pytest.mark.parametrize("name", OUTLINES)
def test_a_soft_edge_keeps_the_area(name):
    cover = coverage(name, X, Y, SIZE, 6.5)
    assert cover.min() == 0
    assert cover.max() == 1
    assert cover.sum() * POINT == pytest.approx(1, abs=0.03)


def test_all_shapes_have_the_same_share_of_mixed_colours():
    shares = []
    for name in OUTLINES:
        cover = coverage(name, X, Y, SIZE, 6.5)
        shares.append(((cover > 0) & (cover < 1)).sum() * POINT)
    # 6.5 pixels of soft edge for each pixel of size, at a size of 13 pixels.
    assert shares == pytest.approx([6.5 / 13] * len(shares), rel=0.08)


@pytest.mark.parametrize("name", OUTLINES)
@pytest.mark.parametrize("turn", [0.0, 0.1, 0.37])
def test_the_texture_has_the_same_colours_in_every_shape_and_direction(name, turn):
    cosine, sine = float(np.cos(2 * np.pi * turn)), float(np.sin(2 * np.pi * turn))
    inside = OUTLINES[name](X, Y) <= 0
    texture = ranks(name, cosine, sine)[level(X * np.float32(cosine) + Y * np.float32(sine))][inside]
    shares = np.histogram(texture, bins=8, range=(0, 1))[0] / inside.sum()
    assert shares == pytest.approx([1 / 8] * 8, abs=0.02)


def test_the_texture_grows_along_its_direction():
    table = ranks("disc", 1.0, 0.0)
    assert (np.diff(table) >= 0).all()
    assert table[level(np.array([-0.9, 0.0, 0.9], np.float32))] == pytest.approx([0, 0.5, 1], abs=0.01)


def test_the_raster_spans_two_sizes():
    x, y, distance = raster("square")
    assert x.min() == y.min() == -x.max() == -y.max() == -1 + 1 / 256
    assert (distance <= 0).sum() == 128 * 128
