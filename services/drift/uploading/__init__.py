"""Files that become baselines, read once and in bounded memory.

Bytes become rows (`text_file`, `parquet_file`), rows become blocks of columns (`blocks`), and blocks are
counted for all traffic and for each segment (`gathering`). Names are counted at once. Numbers are kept, each
value once, because the cells are frozen at quantiles that only the whole file tells: in memory at first, then
as sorted runs in a temporary file (`spill`), from which the exact cells are frozen in one more pass.
"""
