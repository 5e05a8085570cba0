"""Archives of millions of films: scored part by part, on one machine or on a cluster, into Parquet. No Qt here.

Ray, pyarrow and fsspec belong to the extra ``cluster`` and are imported when an archive is scored, not before.
"""
