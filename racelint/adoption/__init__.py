"""Adoption on an old code base: report what is new, and leave what was there.

baseline: the file of known findings, and which findings of a run are among them · ignoring: comments that silence what is
found · commit: the sources of a commit, read without checking it out.
"""
