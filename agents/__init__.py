"""Faust agents, one a file, and the composition roots: workers and the command line."""
