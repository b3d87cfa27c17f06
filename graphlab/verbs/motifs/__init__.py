"""``graph.motifs``: censuses, and motifs against null models."""
