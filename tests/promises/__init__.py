"""The promises of the service, kept in front of witnesses.

Owns: nothing but the folder's name. Each proof is a module that runs as a command and prints what
it found, and a test beside it that runs a smaller one of it in the suite.
"""
