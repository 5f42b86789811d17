"""Prediction: plan, run, stitch, write, resume; on one machine or many."""
