"""Mutation testing of what everything believes: the fold, the marks, the writes (`make mutants`)."""
