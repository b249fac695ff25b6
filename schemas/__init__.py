"""Contracts: every event in and out, as frozen pydantic models. Imports nothing of ours, does no I/O."""
