"""Run sheets: proposals as a table to take to the machine, fill in and record.

:mod:`layout` says what a sheet holds, :mod:`workbooks` and :mod:`texts` how it looks as a spreadsheet, CSV or Markdown.
Reading one back is :mod:`pvdopt.lab_tables.recording`'s business: a sheet is a table of results like any other.
"""

from pvdopt.sheets.files import FORMS, write_sheet
from pvdopt.sheets.layout import Sheet, SheetColumn, lay_out

__all__ = ["FORMS", "Sheet", "SheetColumn", "lay_out", "write_sheet"]
