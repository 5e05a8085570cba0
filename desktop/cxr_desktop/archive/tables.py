"""pyarrow, imported when a table is first made, and tables as bytes of Parquet."""

from __future__ import annotations

import io
from typing import Any

from cxr_shared.errors import MissingExtra


def arrow() -> Any:  # noqa: ANN401  (pyarrow ships no types)
    """Return pyarrow, with pyarrow.parquet imported.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra(module="pyarrow", extra="cluster") from error
    return pa


def to_parquet(table: Any) -> bytes:  # noqa: ANN401
    """Write a table into memory, compressed with zstd."""
    stream = io.BytesIO()
    arrow().parquet.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def from_parquet(content: bytes) -> Any:  # noqa: ANN401
    """Read a table from bytes of Parquet."""
    return arrow().parquet.read_table(arrow().BufferReader(content))
