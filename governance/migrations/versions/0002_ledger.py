"""The first schema: chain of acts, vault, quarantine, refusals, predictions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"  # 0001 was never released: its homes, whose lines carry no seal, are told to start anew
down_revision = None

APPEND_ONLY = (
    "acts",
    "predictions",
    "quarantine_decisions",
    "write_backs",
    "hook_events",
    "worklists",
    "worklist_entries",
    "messages",
    "reviews",
    "outcomes",
    "incident_reports",
)


def upgrade() -> None:
    """Create the tables and forbid changing what was appended."""
    _create_tables()
    _create_quarantine()
    _create_exchange()
    _create_outreach()
    _create_words()
    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement in _append_only(table, dialect):
            op.execute(statement)


def _create_tables() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "acts",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(500), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("seal", sa.String(64), nullable=False),
    )
    op.create_index("acts_of_subject", "acts", ["subject", "seq"])
    op.create_index("acts_of_action", "acts", ["action", "seq"])
    op.create_table(
        "vault",
        sa.Column("namespace", sa.String(100), primary_key=True),
        sa.Column("sealed", sa.LargeBinary, primary_key=True),
        sa.Column("token", sa.String(40), nullable=False, unique=True),
    )
    op.create_table(
        "key_refusals",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("why", sa.String(20), nullable=False),
        sa.Column("whose", sa.String(40), nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
    )
    op.create_index("key_refusals_by_time", "key_refusals", ["at"])
    op.create_table(
        "predictions",
        sa.Column("prediction_id", sa.String(40), primary_key=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("purpose", sa.String(100), nullable=False),
        sa.Column("patient", sa.String(40)),
        sa.Column("record", sa.String(40)),
        sa.Column("inputs_digest", sa.String(71), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("band", sa.String(40)),
        sa.Column("reasons", sa.JSON),
        sa.Column("why", sa.Text),
    )
    op.create_index("predictions_of_patient", "predictions", ["patient"])
    op.create_index("predictions_of_version", "predictions", ["model", "version", "at"])
    op.create_index("predictions_of_client", "predictions", ["client", "at"])
    op.create_index("predictions_by_time", "predictions", ["at"])


def _create_quarantine() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "quarantine",
        sa.Column("row", sa.String(40), primary_key=True),
        sa.Column("mark", sa.String(64), nullable=False, unique=True),
        sa.Column("key", sa.LargeBinary),
        sa.Column("since", moment, nullable=False),
    )
    op.create_table(
        "quarantine_decisions",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("row", sa.String(40), nullable=False),
        sa.Column("rule", sa.String(100), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("at", moment, nullable=False),
    )


def _create_exchange() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "write_backs",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("batch", sa.String(40), nullable=False),
        sa.Column("target", sa.String(40), nullable=False),
        sa.Column("form", sa.String(10), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("record", sa.String(100), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("marker", sa.String(40), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
    )
    op.create_index("write_backs_of_batch", "write_backs", ["batch", "seq"])
    op.create_index("write_backs_of_day", "write_backs", ["target", "model", "day", "seq"])
    op.create_table(
        "hook_events",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("event", sa.String(100), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("at", moment, nullable=False),
    )
    op.create_index("hook_events_once", "hook_events", ["source", "event", "state"], unique=True)


def _create_outreach() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "worklists",
        sa.Column("worklist", sa.String(300), primary_key=True),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
    )
    op.create_table(
        "worklist_entries",
        sa.Column("worklist", sa.String(300), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("record", sa.String(40), nullable=False),
        sa.Column("patient", sa.String(40), nullable=False),
        sa.Column("prediction_id", sa.String(40), nullable=False),
        sa.Column("arm", sa.String(20), nullable=False),
        sa.Column("chance", sa.Float, nullable=False),
        sa.Column("covered", sa.String(100)),
        sa.Column("reachable", sa.Boolean, nullable=False),
    )
    op.create_table(
        "messages",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("worklist", sa.String(300)),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("prediction_id", sa.String(40)),
        sa.Column("patient", sa.String(40), nullable=False),
        sa.Column("record", sa.String(40)),
        sa.Column("arm", sa.String(20), nullable=False),
        sa.Column("carrier", sa.String(20), nullable=False),
        sa.Column("channel", sa.String(20)),
        sa.Column("template", sa.String(100)),
        sa.Column("template_version", sa.Integer),
        sa.Column("language", sa.String(20)),
        sa.Column("text_digest", sa.String(71)),
        sa.Column("consent_line", sa.Integer),
        sa.Column("why", sa.String(40)),
    )
    op.create_index("messages_once", "messages", ["message_id", "state"], unique=True)
    op.create_index("messages_of_patient", "messages", ["patient", "at"])
    op.create_index("messages_of_worklist", "messages", ["worklist"])


def _create_words() -> None:
    """Create what clients report: a person's decision about a prediction, what really happened, and harm."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "reviews",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("review_id", sa.String(40), nullable=False, unique=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("prediction_id", sa.String(40), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("band", sa.String(40)),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("decided", sa.String(60), nullable=False),
        sa.Column("reason", sa.String(40)),
        sa.Column("note", sa.LargeBinary),
        sa.Column("reviewer", sa.String(40), nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("once", sa.String(64), unique=True),
    )
    op.create_index("reviews_of_prediction", "reviews", ["prediction_id", "seq"])
    op.create_index("reviews_of_model", "reviews", ["model", "at"])
    op.create_table(
        "outcomes",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("record", sa.String(40), nullable=False),
        sa.Column("happened", sa.Boolean, nullable=False),
        sa.Column("known_at", moment, nullable=False),
    )
    op.create_index("outcomes_of_record", "outcomes", ["model", "record", "seq"])
    op.create_table(
        "incident_reports",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("incident", sa.String(40), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("prediction_id", sa.String(40)),
        sa.Column("note", sa.LargeBinary),
        sa.Column("once", sa.String(64), unique=True),
    )
    op.create_index("incident_reports_of", "incident_reports", ["incident"])


def _append_only(table: str, dialect: str) -> list[str]:
    if dialect == "postgresql":
        return [
            f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()",
        ]
    return [
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for act in ("UPDATE", "DELETE")
    ]
