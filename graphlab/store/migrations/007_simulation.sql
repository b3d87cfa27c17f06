-- Results of graph.circuits about simulations; neurons without a row did not spike, or were never active.
CREATE TABLE IF NOT EXISTS simulation_rates (
    run_id VARCHAR NOT NULL, root_id UBIGINT NOT NULL, role VARCHAR, spikes BIGINT NOT NULL, rate_hz DOUBLE NOT NULL,
    sd_hz DOUBLE, trials_active BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS simulation_spikes (
    run_id VARCHAR NOT NULL, trial INTEGER NOT NULL, time_ms DOUBLE NOT NULL, root_id UBIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS simulation_doses (
    run_id VARCHAR NOT NULL, drive_hz DOUBLE NOT NULL, synapse_mv DOUBLE NOT NULL, root_id UBIGINT NOT NULL,
    rate_hz DOUBLE NOT NULL, sd_hz DOUBLE, neurons_active BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS simulation_silencing (
    run_id VARCHAR NOT NULL, candidate VARCHAR NOT NULL, neurons BIGINT NOT NULL, intact_hz DOUBLE NOT NULL,
    silenced_hz DOUBLE NOT NULL, difference_hz DOUBLE NOT NULL, sd_hz DOUBLE, share DOUBLE
);
CREATE TABLE IF NOT EXISTS simulation_activity (
    run_id VARCHAR NOT NULL, root_id UBIGINT NOT NULL, role VARCHAR, peak DOUBLE NOT NULL, peak_step BIGINT NOT NULL,
    last DOUBLE NOT NULL
);
CREATE TABLE IF NOT EXISTS simulation_responses (
    run_id VARCHAR NOT NULL, predictor VARCHAR NOT NULL, measure VARCHAR NOT NULL, value DOUBLE, low DOUBLE,
    high DOUBLE, stimulated BIGINT NOT NULL, pairs BIGINT NOT NULL
);
