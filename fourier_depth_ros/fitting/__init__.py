"""Fitting the combination, its presets and its standard deviation to RGB-D pictures."""
