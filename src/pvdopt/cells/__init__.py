"""Tables of cells: read and written (``table``), checked (``checks``), drawn (``figure``)."""

from pvdopt.cells.table import CellTable, read_cells, reported_cells, write_cells

__all__ = ["CellTable", "read_cells", "reported_cells", "write_cells"]
