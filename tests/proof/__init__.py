"""The proof: seeds that look for the order that is sent twice.

A seed is a story (`story`): programs that post targets, faults, crashes, restarts, hours of
virtual time. It is played against the whole service (`play`), what everybody said and did is
written down (`record`), and judged by an oracle that knows nothing of the service (`oracle`).
"""
