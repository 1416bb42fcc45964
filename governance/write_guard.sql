-- What refuses a write that carries no proof. Installed by the owner of the tables; safe to repeat.
-- A proof is an HMAC (RFC 2104, by sha256 alone, so that no extension is needed) of what names one transaction.

CREATE SCHEMA IF NOT EXISTS write_guard;
REVOKE ALL ON SCHEMA write_guard FROM PUBLIC;

CREATE TABLE IF NOT EXISTS write_guard.key (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    inner_key bytea NOT NULL,
    outer_key bytea NOT NULL
);
REVOKE ALL ON write_guard.key FROM PUBLIC;

-- Names this transaction and no other, of any session and any time.
CREATE OR REPLACE FUNCTION write_guard.challenge() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT current_database() || ':' || pg_current_xact_id()::text || ':' || pg_backend_pid()::text
        || ':' || extract(epoch FROM transaction_timestamp())::text
$$;

CREATE OR REPLACE FUNCTION write_guard.proven() RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM write_guard.key
        WHERE current_setting('write_guard.proof', true) = encode(
            sha256(outer_key || sha256(inner_key || convert_to(write_guard.challenge(), 'UTF8'))), 'hex')
    )
$$;

CREATE OR REPLACE FUNCTION write_guard.require_proof() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT write_guard.proven() THEN
        RAISE EXCEPTION '% is written by Caregate alone, never by SQL', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA write_guard FROM PUBLIC;
