"""What foreign systems send, mapped to events of ours: pure, one wire format a file."""
