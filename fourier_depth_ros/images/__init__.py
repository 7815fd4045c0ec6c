"""Bytes and files to pictures and back: encodings, calibration, files, videos, bags."""
