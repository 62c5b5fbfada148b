"""The form libraries that forms are published for, from npm, for tests alone: nothing of it is part of PAO."""
