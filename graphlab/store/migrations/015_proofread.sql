-- Compartments of synapses that a saved model predicted from embeddings: of the one run that labelled them last.
CREATE TABLE IF NOT EXISTS synapse_compartments (
    run_id VARCHAR NOT NULL, embeddings VARCHAR NOT NULL, synapse_id UBIGINT NOT NULL, side VARCHAR NOT NULL,
    compartment VARCHAR NOT NULL
);
-- Results of graph.predict.merge_errors and of graph.predict.split_errors.
CREATE TABLE IF NOT EXISTS merge_errors (
    run_id VARCHAR NOT NULL, rank BIGINT NOT NULL, root_id UBIGINT NOT NULL, score DOUBLE NOT NULL,
    node_id UBIGINT NOT NULL, x_nm DOUBLE, y_nm DOUBLE, z_nm DOUBLE, label VARCHAR, other_label VARCHAR, windows BIGINT,
    other_windows BIGINT, was_training BOOLEAN
);
CREATE TABLE IF NOT EXISTS split_errors (
    run_id VARCHAR NOT NULL, rank BIGINT NOT NULL, root_id UBIGINT NOT NULL, other_root_id UBIGINT NOT NULL,
    score DOUBLE NOT NULL, gap_nm DOUBLE NOT NULL, x_nm DOUBLE, y_nm DOUBLE, z_nm DOUBLE
);
