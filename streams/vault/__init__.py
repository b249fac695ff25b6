"""Keys of people's data: one for each owner, wrapped by a master key, in a store from which it can be destroyed."""
