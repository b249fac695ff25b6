"""The collector's endpoints, one wire format a file."""
