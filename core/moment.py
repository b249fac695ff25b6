"""What the shell tells of now: nothing below it reads a clock."""

from typing import NamedTuple

from core.times import Micros


class Moment(NamedTuple):
    """The clock, the batch number, the lowest `seq` of this owner, and how far time has passed in the partition."""

    now: Micros
    batch: int
    seq_floor: int
    passed: Micros = 0
