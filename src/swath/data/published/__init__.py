"""Published sets: what their papers say of them, one file each in `sets/`, and one reader for all."""
