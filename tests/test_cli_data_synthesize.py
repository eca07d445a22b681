import argparse

import pytest

from vidmask.cli import main
from vidmask.cli.data import synthesize

SMALL = ["--train", "9", "--val", "2", "--test", "1", "--workers", "0"]


def parse(*words):
    parser = argparse.ArgumentParser(prog="vidmask data synthesize")
    synthesize.add_arguments(parser)
    return parser.parse_args(words)


def test_synthesize_makes_a_data_set_of_the_size_asked_for(tmp_path, capsys):
    assert synthesize.run(parse("--out", str(tmp_path / "new"), "--seed", "3", *SMALL)) == 0
    counts = {
        split: len(list((tmp_path / "new" / split).glob("*.mp4"))) for split in ("train", "val", "test")
    }
    assert counts == {"train": 9, "val": 2, "test": 1}
    assert "new: made in" in capsys.readouterr().out


def test_the_same_command_again_has_nothing_to_do(tmp_path, capsys):
    words = ["data", "synthesize", "--out", str(tmp_path), *SMALL]
    assert main(words) == 0
    capsys.readouterr()
    assert main(words) == 0
    assert "complete already" in capsys.readouterr().err


def test_sizes_default_to_the_presets(tmp_path):
    namespace = parse("--out", str(tmp_path))
    assert (namespace.preset, namespace.seed) == ("easy", 0)
    assert (namespace.train, namespace.val, namespace.test, namespace.workers) == (None, None, None, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "medium"], "preset must be one of easy, standard, hard, got 'medium'"),
        (["--train", "0"], "num_train must be 1 or more, got 0"),
        (["--seed", "-1"], "seed must be 0 or more, got -1"),
        (["--train", "many"], "argument --train: invalid int value: 'many'"),
    ],
)
def test_a_wrong_value_ends_in_one_line(tmp_path, capsys, words, message):
    assert main(["data", "synthesize", "--out", str(tmp_path / "new"), *words]) == 2
    assert message in capsys.readouterr().err.splitlines()[0]
    assert not (tmp_path / "new").exists()


def test_the_folder_must_be_named():
    with pytest.raises(SystemExit):
        parse()


def test_help_tells_how_to_train_on_it(capsys):
    with pytest.raises(SystemExit):
        main(["data", "synthesize", "--help"])
    assert "--data.source.init_args.root" in capsys.readouterr().out
