"""STSUN: one network for any bands, dates, size and classes."""
