"""Is a new revision slower than the one before? Both are measured in turns, on one machine, in one job.

`sources` and `environment` make the two sides, `meter` runs in each of them, `subjects` says what is measured, `rounds`
measures until `decision` can tell.
"""
