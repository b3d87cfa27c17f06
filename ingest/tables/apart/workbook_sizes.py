"""Cells of every sheet of a workbook, empty ones counted, run as a process of its own (see ``apart``).

The library asks for memory for all of the rectangle up to the last cell, and ends the process where there is none.

Tests: tests/ingest/tables/test_workbook.py.
"""

from __future__ import annotations

import json
import sys


def main(path: str) -> None:
    """Print {sheet: rows x columns} up to the last cell of each."""
    import python_calamine

    book = python_calamine.CalamineWorkbook.from_path(path)
    sizes = {}
    for name in book.sheet_names:
        sheet = book.get_sheet_by_name(name)
        sizes[name] = sheet.total_height * sheet.total_width
    json.dump(sizes, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
