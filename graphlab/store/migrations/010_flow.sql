-- Layers, cascades, reach and maximal flow; a fraction names its denominator.
CREATE TABLE IF NOT EXISTS traversal_ranks (
    run_id VARCHAR NOT NULL, root_id UBIGINT NOT NULL, rank DOUBLE, reached DOUBLE NOT NULL, model VARCHAR NOT NULL,
    denominator VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS cascades (
    run_id VARCHAR NOT NULL, root_id UBIGINT NOT NULL, hop BIGINT NOT NULL, visited DOUBLE NOT NULL,
    reached DOUBLE NOT NULL
);
CREATE TABLE IF NOT EXISTS effective_connectivity (
    run_id VARCHAR NOT NULL, layer BIGINT NOT NULL, source VARCHAR NOT NULL, target VARCHAR NOT NULL,
    pre_root_id UBIGINT, post_root_id UBIGINT, strength DOUBLE NOT NULL, root DOUBLE NOT NULL, excitatory DOUBLE,
    inhibitory DOUBLE, denominator VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS influence (
    run_id VARCHAR NOT NULL, seeds VARCHAR NOT NULL, root_id UBIGINT NOT NULL, score DOUBLE NOT NULL,
    adjusted DOUBLE NOT NULL, rank BIGINT NOT NULL, leading_rank BIGINT, leading_mode DOUBLE, beyond_mode DOUBLE
);
CREATE TABLE IF NOT EXISTS flow_connections (
    run_id VARCHAR NOT NULL, pre_root_id UBIGINT NOT NULL, post_root_id UBIGINT NOT NULL, capacity DOUBLE NOT NULL,
    flow DOUBLE NOT NULL, in_cut BOOLEAN NOT NULL, denominator VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS flow_paths (
    run_id VARCHAR NOT NULL, path BIGINT NOT NULL, step BIGINT NOT NULL, root_id UBIGINT NOT NULL,
    flow DOUBLE NOT NULL, denominator VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS intermediates (
    run_id VARCHAR NOT NULL, root_id UBIGINT NOT NULL, from_sources DOUBLE NOT NULL, to_targets DOUBLE NOT NULL,
    weaker DOUBLE NOT NULL, weight_in DOUBLE NOT NULL, weight_out DOUBLE NOT NULL, denominator VARCHAR NOT NULL
);
