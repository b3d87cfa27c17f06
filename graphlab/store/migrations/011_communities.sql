-- Communities of the wiring; what says how good a division is, and how it agrees with what is known of neurons.
CREATE TABLE IF NOT EXISTS communities (
    run_id VARCHAR NOT NULL, method VARCHAR NOT NULL, root_id UBIGINT NOT NULL, community BIGINT, neurons BIGINT,
    stability DOUBLE
);
CREATE TABLE IF NOT EXISTS community_scores (
    run_id VARCHAR NOT NULL, method VARCHAR NOT NULL, name VARCHAR NOT NULL, start BIGINT, against VARCHAR, value DOUBLE,
    n BIGINT
);
-- Coordinates of neurons, as senders (out) and receivers (in), which queries join by root_id and dimension.
CREATE TABLE IF NOT EXISTS spectral_features (
    run_id VARCHAR NOT NULL, root_id UBIGINT NOT NULL, direction VARCHAR NOT NULL, dimension BIGINT NOT NULL,
    value DOUBLE NOT NULL
);
-- Leaves of a dendrogram in order, with the cluster that a cut puts them in; and its merges, step by step.
CREATE TABLE IF NOT EXISTS connectivity_clusters (
    run_id VARCHAR NOT NULL, position BIGINT NOT NULL, item VARCHAR NOT NULL, root_id UBIGINT, neurons BIGINT NOT NULL,
    leaf BIGINT NOT NULL, cluster BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS connectivity_merges (
    run_id VARCHAR NOT NULL, step BIGINT NOT NULL, node BIGINT NOT NULL, first BIGINT NOT NULL, second BIGINT NOT NULL,
    height DOUBLE NOT NULL, leaves BIGINT NOT NULL
);
