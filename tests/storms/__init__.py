"""Real processes under load, killed at random moments and harmed in other ways.

Owns: nothing but the folder's name. `storm` kills the service again and again while clients trade
(`make storm`), `harms` does it every other harm that a machine can do (`make harms`); the other
modules are the world that both play in.
"""
