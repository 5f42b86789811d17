"""Networks that look at the series of each pixel by itself: crops, and land use that shows in the course of a year."""
