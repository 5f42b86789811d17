"""Scenes: open, align, mask, look, write. No torch."""
