"""The JSON of the outside contract: what comes in, what goes out.

Owns: request bodies, answers, query parameters. Shared by the API, the client and the command
line, so it stays light. Knows nothing of HTTP frameworks.
"""
