"""The check of a new revision against a baseline: quiet when nothing changed, loud when something did.

`baseline` is the file, `recording` makes it from a run; `stages` goes from stored digests over frozen checkpoints to
retraining, `decision` is the statistics and `outcome` what comes of it. docs/regression.md says how it works.
"""
