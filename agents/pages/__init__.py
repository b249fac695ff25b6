"""What people read in the terminal, made of documents of the public contracts; see docs/profile.md."""
