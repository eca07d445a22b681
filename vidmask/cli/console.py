"""Where verbs print their tables."""

from rich.console import Console


def unbroken_console() -> Console:
    """Return a console that prints text as it is, and breaks no line where the output is no terminal."""
    console = Console(highlight=False, markup=False)
    # A pipe has no width.
    return console if console.is_terminal else Console(highlight=False, markup=False, width=10_000)
