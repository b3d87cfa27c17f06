-- What saved models say: of a neuron (root_id), a row for every label, rank 1 the most probable; of an ordered pair
-- (pre_root_id, post_root_id), the probability of a response. was_training: the model was fitted on its label.
-- The table that format 1 had was never filled.
DROP TABLE predictions;
CREATE TABLE predictions (
    run_id VARCHAR NOT NULL, model VARCHAR NOT NULL, root_id UBIGINT, pre_root_id UBIGINT, post_root_id UBIGINT,
    label VARCHAR NOT NULL, probability DOUBLE NOT NULL, rank INTEGER, was_training BOOLEAN NOT NULL
);
