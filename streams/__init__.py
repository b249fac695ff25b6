"""The shell around the heart: Faust app, slice driver, epochs, tables, topics."""
