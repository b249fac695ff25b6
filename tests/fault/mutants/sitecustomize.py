"""Python runs this at the start of a worker whose PYTHONPATH names this folder: a defect, or another clock."""

import os

if "MUTANT" in os.environ:
    import defects

    getattr(defects, os.environ["MUTANT"])()
if "CLOCK_SHIFT_FILE" in os.environ:
    import clock

    clock.follow(os.environ["CLOCK_SHIFT_FILE"])
