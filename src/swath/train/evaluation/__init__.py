"""What `swath.evaluate` does, part by part: which scenes, whose classes, how answers are counted, what is told."""
