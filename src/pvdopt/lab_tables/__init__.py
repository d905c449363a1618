"""What a laboratory hands in: tables, spreadsheets, series and single settings, read and checked.

``text_table``, ``workbook`` and ``table_files`` know files; ``fields``, ``recording``, ``column_mapping``, ``series``
and ``recipe_reading`` what stands in them; ``figure_checks`` and ``result_checks`` whether it can be true. Nothing
here writes, and nothing knows a model.
"""
