"""Names of the files in a prepared folder, for the code that writes them and the code that reads them."""

PREPARED = "prepared.json"
TABLE = "table.parquet"
