"""Every op, one file per family: its forward on arrays, and one gradient rule per argument."""
