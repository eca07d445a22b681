import pytest
from sweep_folders import CELLS, RECIPE, write_sweep, write_test, write_training

from vidmask.results.folders import find


def test_sweeps_recorded_and_single_runs_are_told_apart(tmp_path):
    (key,) = write_sweep(tmp_path / "sweeps" / "a", CELLS[:1], (0,))
    (other,) = write_sweep(tmp_path / "sweeps" / "b", CELLS[:1], (1,))
    run = write_training(tmp_path / RECIPE / "one")
    found = find([tmp_path / "sweeps" / "a", tmp_path / "sweeps" / "b" / other, tmp_path / "quickstart"])
    assert found.sweeps == [tmp_path / "sweeps" / "a"]
    assert found.recorded == [tmp_path / "sweeps" / "b" / other]
    assert found.bare == [run]
    assert find([tmp_path]).recorded == []
    assert find([tmp_path / "sweeps" / "a" / key, tmp_path / "sweeps"]).recorded == []


def test_links_inside_are_not_followed_and_a_link_that_is_given_is(tmp_path):
    run = write_training(tmp_path / RECIPE / "one")
    (tmp_path / RECIPE / "latest").symlink_to("one")
    assert find([tmp_path]).bare == [run]
    assert find([tmp_path / RECIPE / "latest"]).bare == [run]


def test_a_training_inside_of_a_sweep_is_a_run_of_its_own_when_given_alone(tmp_path):
    (key,) = write_sweep(tmp_path / "a", CELLS[:1], (0,))
    run = tmp_path / "a" / key / RECIPE / "run"
    assert find([run]).bare == [run]
    assert find([run, tmp_path / "a"]).bare == []


@pytest.mark.parametrize("name", ["nowhere", "file.txt"])
def test_what_is_no_folder_is_refused(tmp_path, name):
    (tmp_path / "file.txt").touch()
    with pytest.raises(ValueError, match=rf"{name} is no folder: give a run's folder .* a sweep's"):
        find([tmp_path / name])


def test_a_folder_without_a_run_is_refused(tmp_path):
    (tmp_path / "empty" / "below").mkdir(parents=True)
    write_training(tmp_path / RECIPE / "one")
    with pytest.raises(ValueError, match="empty holds no run: give a run's folder"):
        find([tmp_path / RECIPE, tmp_path / "empty"])


def test_the_test_of_a_run_is_refused_with_the_run_named(tmp_path):
    write_test(tmp_path / "run")
    with pytest.raises(ValueError, match=r"test lies inside of a run: give that run's folder, .*run$"):
        find([tmp_path / "run" / "test"])
