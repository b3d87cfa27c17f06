"""Where events come from: one file a source, one seam. Imports the events and the schema, nothing of a graph."""
