"""The scenarios that come with twsim: text files beside this module.

Owns: nothing but its name. Does not know how they are read.
"""
