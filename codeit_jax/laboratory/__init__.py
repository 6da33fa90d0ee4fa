"""The tables and figures of the paper, and more, from the directories of runs."""
