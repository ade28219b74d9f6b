"""racelint in an editor, by the Language Server Protocol: `racelint server`.

What is open is judged as it stands in the editor, with the rest of its project from the disk.
"""
