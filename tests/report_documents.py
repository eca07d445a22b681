"""What a report holds, found by heading and column."""

from vidmask.report.blocks import Cell, Choice, Folded, Section, Table, Text


def tables_of(blocks):
    """Return all tables, those that are folded too."""
    found = []
    for block in blocks.blocks if isinstance(blocks, Section) else blocks:
        if isinstance(block, Table):
            found.append(block)
        elif isinstance(block, Folded):
            found += tables_of(block.blocks)
        elif isinstance(block, Choice):
            found += [table for _, view in block.views for table in tables_of(view)]
    return found


def text_of(section):
    """Return the paragraphs of a section."""
    return " ".join(block.text for block in section.blocks if isinstance(block, Text))


def rows_of(table):
    """Return a table's rows by heading, as they are shown."""
    shown = [[entry.text if isinstance(entry, Cell) else entry for entry in row] for row in table.rows]
    return [dict(zip(table.columns, row, strict=True)) for row in shown]


def table_named(section, caption):
    """Return the one table whose caption begins so."""
    (table,) = [table for table in tables_of(section) if table.caption.startswith(caption)]
    return table
