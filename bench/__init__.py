"""Measurements: no tests, never collected by pytest."""
