"""The HTTP edge: from a request to a call of the desk, and from its value to an answer.

Owns: paths, keys and scopes, the order in which a request is judged, and the pages that
describe the API. Decides nothing about trading. The shapes of bodies are in `paperdesk.wire`.
"""
