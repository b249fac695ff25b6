"""Fast tests of the pure heart: no sockets, no mocks, no clock."""
