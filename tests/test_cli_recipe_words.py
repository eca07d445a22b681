"""Words that a verb does not know belong to the recipe."""

import argparse

from vidmask.cli.recipe_words import keep_recipe_words


def test_words_that_are_not_known_are_kept_in_their_order():
    parser = argparse.ArgumentParser()
    parser.add_argument("--own", type=int)
    keep_recipe_words(parser)
    namespace = parser.parse_args(["--config", "a", "--own", "3", "--model.lr=1", "--data.root", "b"])
    assert namespace.own == 3
    assert namespace.recipe_words == ["--config", "a", "--model.lr=1", "--data.root", "b"]
