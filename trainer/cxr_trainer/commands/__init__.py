"""Use cases of the command line: each reads, decides, does, and returns an exit code.

One module a command, imported when it is called: the light ones need no torch, and start at once.
"""
