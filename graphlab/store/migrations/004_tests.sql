-- What was tested together, its smallest possible p and what p assumes; q is over all of one run.
CREATE TABLE behavior_tests (
    run_id VARCHAR NOT NULL, animal VARCHAR, question VARCHAR NOT NULL, behavior VARCHAR, measure VARCHAR NOT NULL,
    null_model VARCHAR, assumption VARCHAR, tests BIGINT, frames BIGINT, "window" BIGINT, candidates BIGINT,
    floor DOUBLE, p DOUBLE, q DOUBLE, found BIGINT, control_pairs BIGINT, control_low DOUBLE, control_found DOUBLE
);
ALTER TABLE behavior_tuning ADD COLUMN p_family DOUBLE;
ALTER TABLE behavior_tuning ADD COLUMN floor DOUBLE;
ALTER TABLE behavior_tuning ADD COLUMN assumption VARCHAR;
ALTER TABLE behavior_tuning ADD COLUMN frequency DOUBLE;
ALTER TABLE behavior_tuning ADD COLUMN control DOUBLE;
ALTER TABLE behavior_classes ADD COLUMN p_family DOUBLE;
ALTER TABLE behavior_classes ADD COLUMN floor DOUBLE;
ALTER TABLE behavior_classes ADD COLUMN null_model VARCHAR;
ALTER TABLE behavior_classes ADD COLUMN assumption VARCHAR;
ALTER TABLE functional_connections ADD COLUMN floor DOUBLE;
ALTER TABLE functional_connections ADD COLUMN assumption VARCHAR;
ALTER TABLE behavior_models ADD COLUMN p DOUBLE;
ALTER TABLE behavior_models ADD COLUMN p_family DOUBLE;
ALTER TABLE behavior_models ADD COLUMN q DOUBLE;
ALTER TABLE behavior_models ADD COLUMN floor DOUBLE;
ALTER TABLE behavior_models ADD COLUMN assumption VARCHAR;
