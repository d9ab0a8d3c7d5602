"""Every schedule of a small scope: one symbol, two targets, one crash, one lost line.

Owns: a model checker, breadth first over states, in which the functions of `paperdesk.domain`
are driven by a ledger and a broker so small that they can be read at once.
"""
