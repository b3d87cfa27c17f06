-- What was tested together, its smallest possible p and what p assumes; q is over all of one run.
CREATE TABLE IF NOT EXISTS behavior_tests (
    run_id VARCHAR NOT NULL, animal VARCHAR, question VARCHAR NOT NULL, behavior VARCHAR, measure VARCHAR NOT NULL,
    null_model VARCHAR, assumption VARCHAR, tests BIGINT, frames BIGINT, "window" BIGINT, candidates BIGINT,
    floor DOUBLE, p DOUBLE, q DOUBLE, found BIGINT, control_pairs BIGINT, control_low DOUBLE, control_found DOUBLE
);
ALTER TABLE behavior_tuning ADD COLUMN IF NOT EXISTS p_family DOUBLE;
ALTER TABLE behavior_tuning ADD COLUMN IF NOT EXISTS floor DOUBLE;
ALTER TABLE behavior_tuning ADD COLUMN IF NOT EXISTS assumption VARCHAR;
ALTER TABLE behavior_tuning ADD COLUMN IF NOT EXISTS frequency DOUBLE;
ALTER TABLE behavior_tuning ADD COLUMN IF NOT EXISTS control DOUBLE;
ALTER TABLE behavior_classes ADD COLUMN IF NOT EXISTS p_family DOUBLE;
ALTER TABLE behavior_classes ADD COLUMN IF NOT EXISTS floor DOUBLE;
ALTER TABLE behavior_classes ADD COLUMN IF NOT EXISTS null_model VARCHAR;
ALTER TABLE behavior_classes ADD COLUMN IF NOT EXISTS assumption VARCHAR;
ALTER TABLE functional_connections ADD COLUMN IF NOT EXISTS floor DOUBLE;
ALTER TABLE functional_connections ADD COLUMN IF NOT EXISTS assumption VARCHAR;
ALTER TABLE behavior_models ADD COLUMN IF NOT EXISTS p DOUBLE;
ALTER TABLE behavior_models ADD COLUMN IF NOT EXISTS p_family DOUBLE;
ALTER TABLE behavior_models ADD COLUMN IF NOT EXISTS q DOUBLE;
ALTER TABLE behavior_models ADD COLUMN IF NOT EXISTS floor DOUBLE;
ALTER TABLE behavior_models ADD COLUMN IF NOT EXISTS assumption VARCHAR;
