"""The one door to the graph folder: schema, transactions, runs, snapshots, embedding files."""
