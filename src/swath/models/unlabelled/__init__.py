"""Maps without labels: units that a scene itself falls into; their names are for a person to give."""
