"""Cells of an old Excel workbook as JSON, run as a process of its own (see ``apart``).

The library that reads .xls takes lengths from the file; a wrong one ends the process, beyond any ``except``.
A sheet of .xls has at most 65,536 rows.
"""

from __future__ import annotations

import json
import sys


def main(path: str) -> None:
    """Print {sheet: [[cell, ...], ...]}; cells are text, numbers, booleans."""
    import python_calamine

    book = python_calamine.CalamineWorkbook.from_path(path)
    sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    json.dump(sheets, sys.stdout, default=str)


if __name__ == "__main__":
    main(sys.argv[1])
