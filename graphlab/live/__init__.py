"""A graph that follows a volume while it is acquired and proofread: events in, wiring and motifs kept up.

``events`` and ``order`` say what comes and in which order it counts, ``sources`` where it comes from, ``wiring`` what
it does to synapses, connections and triads, and ``feed`` writes effect and position in one transaction. Imports the
store, ``motifs`` and ``queries``.
"""
