"""Each module is one contender: a process of its own that does the whole job."""
