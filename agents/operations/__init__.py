"""What the commands do that compare and mend a running system: reconcile, replay, rebuild."""


class OperationError(Exception):
    """A command can not do what it was asked for; the message says why, and what to do."""
