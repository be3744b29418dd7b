"""Ranking, abstention and calibration on labelled sets."""
