"""Networks that give a class for a whole image."""
