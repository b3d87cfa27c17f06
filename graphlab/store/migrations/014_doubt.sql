-- Of models of embeddings: node_id where single nodes are asked about; whether a label is in the conformal set of its
-- cell, how much doubt there is (larger: less like the training cells), and whether that is beyond the threshold.
ALTER TABLE predictions ADD COLUMN IF NOT EXISTS node_id UBIGINT;
ALTER TABLE predictions ADD COLUMN IF NOT EXISTS in_set BOOLEAN;
ALTER TABLE predictions ADD COLUMN IF NOT EXISTS doubt DOUBLE;
ALTER TABLE predictions ADD COLUMN IF NOT EXISTS strange BOOLEAN;
