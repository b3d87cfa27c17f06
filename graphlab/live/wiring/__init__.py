"""What events do to synapses, connections and triads, in memory: each in time that its own neighbourhoods take.

Imports ``motifs``, the snapshot of ``queries``, and the schema.
"""
