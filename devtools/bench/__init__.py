"""What PAO costs, beside floors that do the same work without its safety, measured in one run.

Absolute figures drift with the machine; the ratios of one run are what counts. CPU is what processes used, so it holds
on a busy machine too; what is measured by the wall does not.
"""
