"""Arguments that take one of a few words."""

from typing import Any, get_args


def checked_choice(name: str, value: str, choices: Any) -> str:
    """Return a value that is one of the words of a ``Literal``.

    The command line checks them by the signature; this is for those who build parts from Python, where a
    word that is misspelt would otherwise mean one of the others.

    Args:
        name: Name of the argument, for the message.
        value: What was given.
        choices: The ``Literal``.

    Raises:
        ValueError: If it is none of them.
    """
    words = get_args(choices)
    if value not in words:
        raise ValueError(f"{name} must be one of {', '.join(words)}, got {value!r}")
    return value
