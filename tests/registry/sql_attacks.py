"""What somebody with a password of the database tries, as SQL, and which rules hold for proven writes too."""

from __future__ import annotations

DIRECT: dict[str, tuple[str, ...]] = {
    "approve by update": ("UPDATE model_version_tags SET value = 'approved' WHERE key = 'approval' AND version = 2",),
    "approve by delete and insert": (
        "DELETE FROM model_version_tags WHERE key = 'approval' AND version = 2",
        "INSERT INTO model_version_tags VALUES ('approval', 'approved', 'no-show', 2, 'default')",
    ),
    "approve by on conflict": (
        "INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('approval', 'approved', "
        "'no-show', 2, 'default') ON CONFLICT (key, name, version, workspace) DO UPDATE SET value = 'approved'",
    ),
    "approve within a cte": (
        "WITH put AS (UPDATE model_version_tags SET value = 'approved' WHERE key = 'approval' RETURNING *) "
        "SELECT count(*) FROM put",
    ),
    "approve by merge": (
        "MERGE INTO model_version_tags AS t USING (SELECT 'approval' AS key) AS s ON t.key = s.key "
        "WHEN MATCHED THEN UPDATE SET value = 'approved'",
    ),
    "approve in explain analyze": ("EXPLAIN ANALYZE UPDATE model_version_tags SET value = 'approved'",),
    "approve in a do block": ("DO $$ BEGIN UPDATE model_version_tags SET value = 'approved'; END $$",),
    "approve under a swallowed error": (
        "DO $$ BEGIN UPDATE model_version_tags SET value = 'approved'; EXCEPTION WHEN OTHERS THEN "
        "UPDATE model_version_tags SET value = 'approved'; END $$",
    ),
    "approve by a view": (
        "CREATE TEMP VIEW shown AS SELECT * FROM model_version_tags",
        "UPDATE shown SET value = 'approved'",
    ),
    "approve by a rule on a table of one's own": (
        "CREATE TEMP TABLE mine (x int)",
        "CREATE RULE r AS ON INSERT TO mine DO ALSO UPDATE model_version_tags SET value = 'approved'",
        "INSERT INTO mine VALUES (1)",
    ),
    "approve by a prepared statement": (
        "PREPARE p AS UPDATE model_version_tags SET value = 'approved'",
        "EXECUTE p",
    ),
    "approve by a cursor": (
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT * FROM model_version_tags WHERE key = 'approval' FOR UPDATE",
        "FETCH c",
        "UPDATE model_version_tags SET value = 'approved' WHERE CURRENT OF c",
    ),
    "approve in a prepared transaction": (
        "BEGIN",
        "UPDATE model_version_tags SET value = 'approved'",
        "PREPARE TRANSACTION 'later'",
    ),
    "point the champion": ("UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'",),
    "add an alias": ("INSERT INTO registered_model_aliases VALUES ('Champion', 2, 'no-show', 'default')",),
    "drop the champion": ("DELETE FROM registered_model_aliases",),
    "swap the files": ("UPDATE model_versions SET storage_location = 'mlflow-artifacts:/elsewhere' WHERE version = 1",),
    "swap the logged model's files": ("UPDATE logged_models SET artifact_location = 'mlflow-artifacts:/elsewhere'",),
    "swap the experiment's files": ("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/elsewhere'",),
    "rewrite the brief": ("UPDATE model_versions SET description = 'all gates passed'",),
    "renumber": ("UPDATE model_versions SET version = version + 10",),
    "turn back the clock": ("UPDATE model_versions SET creation_time = 0",),
    "delete a version": ("DELETE FROM model_versions WHERE version = 1",),
    "delete the model": ("DELETE FROM registered_models",),
    "rename the model": ("UPDATE registered_models SET name = 'no-show-2'",),
    "register a version": (
        "INSERT INTO model_versions (name, version, creation_time, workspace) VALUES ('no-show', 9, 1, 'default')",
    ),
    "forge the author": ("UPDATE model_version_tags SET value = 'eve' WHERE key = 'author'",),
    "forge the run's author": ("UPDATE tags SET value = 'eve' WHERE key = 'author'",),
    "forge the run's user": ("UPDATE runs SET user_id = 'eve'",),
    "forge a metric": ("UPDATE latest_metrics SET value = 1.0", "UPDATE metrics SET value = 1.0"),
    "forge a parameter": ("UPDATE params SET value = '6'",),
    "sweep a logged model": ("UPDATE logged_models SET lifecycle_stage = 'deleted'",),
    "add a webhook": (
        "INSERT INTO webhooks (webhook_id, name, url, status, creation_timestamp, last_updated_timestamp) "
        "VALUES ('w', 'w', 'https://eve.example', 'ACTIVE', 0, 0)",
    ),
    "queue a job": ("UPDATE jobs SET status = 0",),
    "fake a migration": ("UPDATE alembic_version SET version_num = '0'",),
    "truncate": ("TRUNCATE model_version_tags",),
    "truncate all below": ("TRUNCATE registered_models CASCADE",),
    "add a column": ("ALTER TABLE model_versions ADD COLUMN mine text",),
    "rename the table": ("ALTER TABLE model_version_tags RENAME TO old_tags",),
    "drop the table": ("DROP TABLE model_version_tags CASCADE",),
    "own the table": ("ALTER TABLE model_version_tags OWNER TO CURRENT_USER",),
    "disable a trigger": ("ALTER TABLE model_version_tags DISABLE TRIGGER write_guard_proof",),
    "disable all triggers": ("ALTER TABLE model_version_tags DISABLE TRIGGER ALL",),
    "drop a trigger": ("DROP TRIGGER write_guard_proof ON model_version_tags",),
    "drop the guard": ("DROP SCHEMA write_guard CASCADE",),
    "add a trigger": (
        "CREATE TRIGGER mine BEFORE INSERT ON model_version_tags EXECUTE FUNCTION write_guard.require_proof()",
    ),
    "add a rule": ("CREATE RULE mine AS ON UPDATE TO model_version_tags DO INSTEAD NOTHING",),
    "replicate": ("SET session_replication_role = replica", "UPDATE model_version_tags SET value = 'approved'"),
    "replace what proves": (
        "CREATE OR REPLACE FUNCTION write_guard.proven() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    ),
    "replace what is asked": (
        "CREATE OR REPLACE FUNCTION write_guard.challenge() RETURNS text LANGUAGE sql AS $$ SELECT '1' $$",
    ),
    "shadow functions": (
        "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$",
        "CREATE FUNCTION pg_temp.encode(bytea, text) RETURNS text LANGUAGE sql AS $$ SELECT '' $$",
        "SET search_path = pg_temp, public, pg_catalog",
        "SELECT set_config('write_guard.proof', '', false)",
        "UPDATE public.model_version_tags SET value = 'approved'",
    ),
    "shadow operators": (
        "CREATE FUNCTION pg_temp.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR pg_temp.= (FUNCTION = pg_temp.yes, LEFTARG = text, RIGHTARG = text)",
        "SET search_path = pg_temp, public, pg_catalog",
        "UPDATE public.model_version_tags SET value = 'approved'",
    ),
    "shadow the key": (
        "CREATE TEMP TABLE key (one boolean, inner_key bytea, outer_key bytea)",
        "INSERT INTO pg_temp.key VALUES (true, '', '')",
        "SELECT set_config('write_guard.proof', encode(sha256(sha256(write_guard.challenge()::bytea)), 'hex'), false)",
        "UPDATE model_version_tags SET value = 'approved'",
    ),
    "read the key": ("SELECT * FROM write_guard.key",),
    "copy the key": ("COPY write_guard.key TO STDOUT",),
    "change the key": ("UPDATE write_guard.key SET inner_key = '', outer_key = ''",),
    "guess the key from its statistics": ("SELECT 1 / count(*) FROM pg_stats WHERE schemaname = 'write_guard'",),
    "make a schema": ("CREATE SCHEMA mine",),
    "make a function": ("CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",),
    "make a table beside": ("CREATE TABLE public.mine (x int)",),
    "watch over all commands": (
        "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION write_guard.require_proof()",
    ),
    "become the owner": ("SET ROLE keeper",),
    "sign in as the owner": ("SET SESSION AUTHORIZATION keeper",),
    "join the owner": ("GRANT keeper TO clinic_app",),
    "give oneself more": ("ALTER ROLE clinic_app SUPERUSER",),
    "empty proof": ("SET write_guard.proof = ''", "UPDATE model_version_tags SET value = 'approved'"),
    "malformed proof": (
        "SET write_guard.proof = '\\x00'' OR true'",
        "UPDATE model_version_tags SET value = 'approved'",
    ),
    "zero proof": (
        f"SET write_guard.proof = '{'0' * 64}'",
        "UPDATE model_version_tags SET value = 'approved'",
    ),
    "answer the challenge without a key": (
        "BEGIN",
        "SELECT set_config('write_guard.proof', encode(sha256(write_guard.challenge()::bytea), 'hex'), true)",
        "UPDATE model_version_tags SET value = 'approved'",
    ),
    "read files of the server": ("COPY model_version_tags FROM '/etc/hostname'",),
    "run a program of the server": ("COPY model_version_tags FROM PROGRAM 'echo'",),
    "write by a large object": ("SELECT lo_import('/etc/hostname')",),
}
"""By what it tries: statements, each in a transaction of its own unless it begins one."""

PROVEN: dict[str, str] = {
    "rename a model": "UPDATE registered_models SET name = 'no-show-2'",
    "delete a model": "DELETE FROM registered_models",
    "delete a version": "DELETE FROM model_versions WHERE version = 2",
    "move between stages": "UPDATE model_versions SET current_stage = 'Production'",
    "swap a version's files": "UPDATE model_versions SET storage_location = 'mlflow-artifacts:/elsewhere'",
    "swap a version's run": "UPDATE model_versions SET run_id = 'another'",
    "rewrite a brief": "UPDATE model_versions SET description = 'all gates passed'",
    "turn back a version's clock": "UPDATE model_versions SET creation_time = 0",
    "use a number again": "INSERT INTO model_versions SELECT name, 1, 1, 1, '', '', 'None', source, run_id, status, "
    "'', run_link, storage_location, workspace FROM model_versions WHERE version = 2",
    "register from a path": "INSERT INTO model_versions (name, version, creation_time, current_stage, source, "
    "storage_location, workspace) VALUES ('no-show', 99, 1, 'None', '/tmp/model', '/tmp/model', 'default')",
    "be born in production": "INSERT INTO model_versions SELECT name, 99, 1, 1, '', '', 'Production', source, run_id, "
    "status, '', run_link, storage_location, workspace FROM model_versions WHERE version = 2",
    "forge an author": "UPDATE model_version_tags SET value = 'eve' WHERE key = 'author'",
    "forge a digest": "UPDATE model_version_tags SET value = 'sha256:0' WHERE key = 'digest'",
    "forge a gate": "UPDATE model_version_tags SET value = 'passed' WHERE key = 'gate.bias'",
    "add a gate": "INSERT INTO model_version_tags VALUES ('gate.privacy', 'passed', 'no-show', 2, 'default')",
    "add what looks like a stamp": "INSERT INTO model_version_tags VALUES ('Approved', 'yes', 'no-show', 2, 'default')",
    "delete an approval": "DELETE FROM model_version_tags WHERE key = 'approval'",
    "move an approval": "UPDATE model_version_tags SET version = 2 WHERE key = 'approval.by'",
    "approve what was rejected": "UPDATE model_version_tags SET value = 'approved' "
    "WHERE key = 'approval' AND version = 3",
    "rename a tag into a reserved one": "UPDATE model_version_tags SET key = 'policy' WHERE key = 'ticket'",
    "point the champion to what is pending": "UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'",
    "point an alias of another case": "INSERT INTO registered_model_aliases "
    "VALUES ('CHAMPION', 2, 'no-show', 'default')",
    "forge a run's author": "UPDATE tags SET value = 'eve' WHERE key = 'author'",
    "forge a run's key": "DELETE FROM tags WHERE key = 'run.key'",
    "delete a run": "UPDATE runs SET lifecycle_stage = 'deleted'",
    "delete a run for good": "DELETE FROM runs",
    "swap a run's files": "UPDATE runs SET artifact_uri = 'mlflow-artifacts:/elsewhere'",
    "delete an experiment": "UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'no-show'",
    "swap an experiment's files": "UPDATE experiments SET artifact_location = 'mlflow-artifacts:/elsewhere'",
    "sweep a registered logged model": "UPDATE logged_models SET lifecycle_stage = 'deleted'",
    "delete a logged model": "DELETE FROM logged_models",
    "swap a logged model's files": "UPDATE logged_models SET artifact_location = 'mlflow-artifacts:/elsewhere'",
}
"""Refused to the guarded stores themselves."""

LEDGER: dict[str, str] = {
    "change a line": "UPDATE acts SET actor = 'eve' WHERE seq = 1",
    "take a line away": "DELETE FROM acts WHERE seq = 1",
    "cut the tail off": "DELETE FROM acts WHERE seq > 5",
    "empty it": "TRUNCATE acts",
    "forge a line": "INSERT INTO acts SELECT seq + 1, at, 'rita', 'approval.approve', 'no-show/2', digest, detail, "
    "hash, repeat('0', 64), repeat('0', 64) FROM acts ORDER BY seq DESC LIMIT 1",
    "end its numbers": "INSERT INTO acts SELECT 2147483647, at, actor, action, subject, digest, detail, hash, 'x', 'x' "
    "FROM acts LIMIT 1",
    "disable its triggers": "ALTER TABLE acts DISABLE TRIGGER ALL",
    "drop a trigger": "DROP TRIGGER acts_append_only ON acts",
    "replace a trigger's function": "CREATE OR REPLACE FUNCTION acts_append_only() RETURNS trigger LANGUAGE plpgsql "
    "AS $$ BEGIN RETURN NULL; END $$",
    "drop the table": "DROP TABLE acts",
    "read the key": "SELECT * FROM write_guard.key",
    "let rows through": "INSERT INTO quarantine_decisions VALUES (1, 'r', 'rule', 'released', 'why', 'eve', now())",
    "change a prediction": "UPDATE predictions SET score = 0",
}
"""Against the ledger's database."""
