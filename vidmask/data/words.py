"""Numbers and names as messages, tables and pictures tell them."""


def counted(number: int, noun: str) -> str:
    """Return a number of things: ``1 video``, ``2 videos``, ``3 classes``.

    Args:
        number: How many.
        noun: What they are, in the singular.
    """
    plural = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{plural}"


def length(seconds: float) -> str:
    """Return a length of time in the unit that suits it."""
    for unit, size in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            number = seconds / size
            return f"{number:,.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"
    return f"{seconds:.2g} s"


def printable(name: str) -> str:
    """Return a name in one line, with a mark for each byte of it that is no UTF-8."""
    return " ".join(name.encode("utf-8", "replace").decode("utf-8").split())


def escaped(name: str) -> str:
    """Return a name with an escape for each byte of it that is no UTF-8, by which the file can be told."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
