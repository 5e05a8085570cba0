"""Places behind a URL, through fsspec."""

from __future__ import annotations

from typing import Any

from cxr_shared.errors import MissingExtra


def file_system(url: str) -> tuple[Any, str]:
    """Open what a URL names.

    Parameters
    ----------
    url
        Such as ``s3://bucket/folder``. Credentials and endpoints come from where the provider's own tools take them.

    Returns
    -------
    AbstractFileSystem, str
        fsspec's file system, without a memory of earlier listings, and the path in it.

    Raises
    ------
    MissingExtra
        fsspec, or what it needs for this kind of URL, is not installed.
    ValueError, OSError
        There is no such kind of URL, or its settings are refused; whoever asks knows what to say of it.
    """
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        missing = error if error.name else error.__cause__  # fsspec says in words of its own what s3:// needs
        name = getattr(missing, "name", None) or "fsspec"
        raise MissingExtra(module=name.partition(".")[0], extra="cluster") from error
    return system, str(path)
