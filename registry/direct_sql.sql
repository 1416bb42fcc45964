-- Rules of the sign-off as far as rows can tell, for what comes with a proof as well: a way to write that a new MLflow
-- brings, or a fault of ours, meets them all the same. `registry.direct_sql` makes the triggers.

CREATE OR REPLACE FUNCTION write_guard.refuse(why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'refused: %', why USING ERRCODE = 'insufficient_privilege';
END
$$;

-- As `registry.names.is_reserved`, whose words are put in; a test holds the two against each other.
CREATE OR REPLACE FUNCTION write_guard.is_reserved(key text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT octet_length(convert_to(key, 'UTF8')) <> char_length(key)
        OR coalesce(substring(small FROM '[a-z0-9]+') = ANY ('{reserved_words}'), true)
        OR position('first_stamp' IN translate(regexp_replace(small, '[^a-z0-9]', '', 'g'), '01345', 'oieas')) > 0
        OR small ~ '(^|[^a-z0-9])(stamp_words)'
    FROM lower(key COLLATE "C") AS small
$$;

-- A row that stays: it is never deleted, and changes in no column but those named as arguments and those still empty.
CREATE OR REPLACE FUNCTION write_guard.keep_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR EXISTS (
        SELECT FROM jsonb_each_text(to_jsonb(OLD) - TG_ARGV::text[]) AS kept
        WHERE kept.value <> '' AND kept.value IS DISTINCT FROM to_jsonb(NEW) ->> kept.key
    ) THEN
        PERFORM write_guard.refuse(TG_TABLE_NAME || ' are kept as they are');
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION write_guard.begin_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mlflow_schema, pg_temp AS $$
BEGIN
    IF NEW.current_stage <> 'None' OR NEW.source !~ '^models:/m-[0-9a-f]+$'
        OR NEW.storage_location IS NULL OR NEW.storage_location IS DISTINCT FROM (
            SELECT artifact_location FROM logged_models WHERE model_id = substr(NEW.source, 9))
        OR NEW.version <= (SELECT coalesce(max(version), 0) FROM model_versions WHERE name = NEW.name) THEN
        PERFORM write_guard.refuse('a version is registered from a logged model, with the next number');
    END IF;
    RETURN NEW;
END
$$;

-- Reserved tags are born with their version; of them only the approval's stamps come or change later.
CREATE OR REPLACE FUNCTION write_guard.write_version_tag() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mlflow_schema, pg_temp AS $$
DECLARE
    stamps CONSTANT text[] := '{approval.by,approval.at,approval.digest,approval.expires}';
BEGIN
    IF TG_OP <> 'INSERT' AND write_guard.is_reserved(OLD.key) THEN
        IF TG_OP = 'DELETE' OR OLD.key <> ALL (stamps || 'approval'::text)
            OR (to_jsonb(OLD) - 'value') <> (to_jsonb(NEW) - 'value') THEN
            PERFORM write_guard.refuse('the tag is written once');
        ELSIF OLD.key = 'approval' AND OLD.value ~ '^(rejected|revoked)' AND NEW.value <> OLD.value THEN
            PERFORM write_guard.refuse('what was rejected or revoked stays so');
        END IF;
    ELSIF TG_OP <> 'DELETE' AND write_guard.is_reserved(NEW.key) AND NEW.key <> ALL (stamps) AND NOT EXISTS (
        SELECT FROM model_versions
        WHERE (workspace, name, version) = (NEW.workspace, NEW.name, NEW.version) AND xmin = pg_current_xact_id()::xid
    ) THEN
        PERFORM write_guard.refuse('the tag is written when its version is registered');
    ELSIF TG_OP = 'INSERT' AND NEW.key = 'approval' AND NEW.value <> 'pending' THEN
        PERFORM write_guard.refuse('a version starts as pending');
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;

CREATE OR REPLACE FUNCTION write_guard.keep_run_tag() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.key !~ '^mlflow[.]' AND write_guard.is_reserved(OLD.key) AND (TG_OP = 'DELETE' OR OLD <> NEW) THEN
        PERFORM write_guard.refuse('the tag is written once');
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;

CREATE OR REPLACE FUNCTION write_guard.point_alias() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mlflow_schema, pg_temp AS $$
BEGIN
    IF lower(NEW.alias COLLATE "C") <> 'challenger' AND NOT EXISTS (
        SELECT FROM model_version_tags
        WHERE (workspace, name, version, key, value) = (NEW.workspace, NEW.name, NEW.version, 'approval', 'approved')
    ) THEN
        PERFORM write_guard.refuse('the alias needs a version that is approved');
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION write_guard.keep_registered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, mlflow_schema, pg_temp AS $$
BEGIN
    IF NEW.lifecycle_stage <> 'active'
        AND EXISTS (SELECT FROM model_versions WHERE source = 'models:/' || OLD.model_id) THEN
        PERFORM write_guard.refuse('the logged model stands behind a version');
    END IF;
    RETURN NEW;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA write_guard FROM PUBLIC;
