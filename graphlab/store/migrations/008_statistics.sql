-- Statistics: one number a row, N (what it is over) beside it; numbers of single neurons; differences between graphs.
CREATE TABLE IF NOT EXISTS graph_statistics (
    run_id VARCHAR NOT NULL, statistic VARCHAR NOT NULL, name VARCHAR NOT NULL, label VARCHAR, threshold DOUBLE,
    value DOUBLE, error DOUBLE, n BIGINT, unit VARCHAR, neurons BIGINT NOT NULL, connections BIGINT NOT NULL,
    left_value DOUBLE, right_value DOUBLE, null_model VARCHAR, samples BIGINT, null_mean DOUBLE, null_std DOUBLE,
    ratio DOUBLE, z DOUBLE, p DOUBLE, q DOUBLE, note VARCHAR
);
CREATE TABLE IF NOT EXISTS neuron_statistics (
    run_id VARCHAR NOT NULL, root_id UBIGINT NOT NULL, measure VARCHAR NOT NULL, value DOUBLE, label VARCHAR
);
CREATE TABLE IF NOT EXISTS type_connections (
    run_id VARCHAR NOT NULL, pre_type VARCHAR NOT NULL, post_type VARCHAR NOT NULL, pre_cells BIGINT, post_cells BIGINT,
    connections BIGINT, weight DOUBLE, pre_share DOUBLE, post_share DOUBLE, mean DOUBLE, sd DOUBLE,
    fraction_mean DOUBLE, fraction_sd DOUBLE, denominator VARCHAR, left_cells BIGINT, left_share DOUBLE,
    left_mean DOUBLE, right_cells BIGINT, right_share DOUBLE, right_mean DOUBLE, both_sides BOOLEAN
);
CREATE TABLE IF NOT EXISTS graph_differences (
    run_id VARCHAR NOT NULL, level VARCHAR NOT NULL, name VARCHAR, label VARCHAR, threshold DOUBLE, pre_type VARCHAR,
    post_type VARCHAR, first DOUBLE, second DOUBLE, difference DOUBLE, ratio DOUBLE, left_right DOUBLE,
    beyond_left_right BOOLEAN, p DOUBLE, q DOUBLE, note VARCHAR
);
