"""Tables of the governance database, as Alembic creates them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

acts = Table(
    "acts",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(100), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("digest", String(71), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("seal", String(64), nullable=False),
    Index("acts_of_subject", "subject", "seq"),
    Index("acts_of_action", "action", "seq"),
)

vault = Table(
    "vault",
    metadata,
    Column("namespace", String(100), primary_key=True),
    Column("sealed", LargeBinary, primary_key=True),
    Column("token", String(40), nullable=False, unique=True),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("row", String(40), primary_key=True),
    Column("mark", String(64), nullable=False, unique=True),
    Column("key", LargeBinary),
    Column("since", DateTime(timezone=True), nullable=False),
)

quarantine_decisions = Table(
    "quarantine_decisions",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("row", String(40), nullable=False),
    Column("rule", String(100), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String(100), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

predictions = Table(
    "predictions",
    metadata,
    Column("prediction_id", String(40), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("model", String(256), nullable=False),
    Column("version", Integer),
    Column("client", String(100), nullable=False),
    Column("purpose", String(100), nullable=False),
    Column("patient", String(40)),
    Column("record", String(40)),
    Column("inputs_digest", String(71), nullable=False),
    Column("status", String(20), nullable=False),
    Column("score", Float),
    Column("band", String(40)),
    Column("reasons", JSON),
    Column("why", Text),
    Index("predictions_of_patient", "patient"),
    Index("predictions_of_version", "model", "version", "at"),
    Index("predictions_of_client", "client", "at"),
    Index("predictions_by_time", "at"),
)

write_backs = Table(
    "write_backs",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("batch", String(40), nullable=False),
    Column("target", String(40), nullable=False),
    Column("form", String(10), nullable=False),
    Column("model", String(256), nullable=False),
    Column("version", Integer, nullable=False),
    Column("record", String(100), nullable=False),
    Column("day", String(10), nullable=False),
    Column("state", String(20), nullable=False),
    Column("marker", String(40), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", String(100), nullable=False),
    Index("write_backs_of_batch", "batch", "seq"),
    Index("write_backs_of_day", "target", "model", "day", "seq"),
)

hook_events = Table(
    "hook_events",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("source", String(40), nullable=False),
    Column("event", String(100), nullable=False),
    Column("state", String(20), nullable=False),
    Column("sealed", LargeBinary),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("hook_events_once", "source", "event", "state", unique=True),
)

worklists = Table(
    "worklists",
    metadata,
    Column("worklist", String(300), primary_key=True),
    Column("model", String(256), nullable=False),
    Column("day", String(10), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", String(200), nullable=False),
    Column("facts", JSON, nullable=False),
)

worklist_entries = Table(
    "worklist_entries",
    metadata,
    Column("worklist", String(300), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("record", String(40), nullable=False),
    Column("patient", String(40), nullable=False),
    Column("prediction_id", String(40), nullable=False),
    Column("arm", String(20), nullable=False),
    Column("chance", Float, nullable=False),
    Column("covered", String(100)),
    Column("reachable", Boolean, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("message_id", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", String(200), nullable=False),
    Column("worklist", String(300)),
    Column("model", String(256), nullable=False),
    Column("prediction_id", String(40)),
    Column("patient", String(40), nullable=False),
    Column("record", String(40)),
    Column("arm", String(20), nullable=False),
    Column("carrier", String(20), nullable=False),
    Column("channel", String(20)),
    Column("template", String(100)),
    Column("template_version", Integer),
    Column("language", String(20)),
    Column("text_digest", String(71)),
    Column("consent_line", Integer),
    Column("why", String(40)),
    Index("messages_once", "message_id", "state", unique=True),
    Index("messages_of_patient", "patient", "at"),
    Index("messages_of_worklist", "worklist"),
)

key_refusals = Table(
    "key_refusals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("why", String(20), nullable=False),
    Column("whose", String(40), nullable=False),
    Column("times", Integer, nullable=False),
    Index("key_refusals_by_time", "at"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("review_id", String(40), nullable=False, unique=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("prediction_id", String(40), nullable=False),
    Column("model", String(256), nullable=False),
    Column("version", Integer),
    Column("band", String(40)),
    Column("client", String(100), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("decided", String(60), nullable=False),
    Column("reason", String(40)),
    Column("note", LargeBinary),
    Column("reviewer", String(40), nullable=False),
    Column("seconds", Float),
    Column("content", String(64), nullable=False),
    Column("once", String(64), unique=True),
    Index("reviews_of_prediction", "prediction_id", "seq"),
    Index("reviews_of_model", "model", "at"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", String(200), nullable=False),
    Column("model", String(256), nullable=False),
    Column("record", String(40), nullable=False),
    Column("happened", Boolean, nullable=False),
    Column("known_at", DateTime(timezone=True), nullable=False),
    Index("outcomes_of_record", "model", "record", "seq"),
)

incident_reports = Table(
    "incident_reports",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("incident", String(40), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("client", String(100), nullable=False),
    Column("what", String(40), nullable=False),
    Column("prediction_id", String(40)),
    Column("note", LargeBinary),
    Column("once", String(64), unique=True),
    Index("incident_reports_of", "incident"),
)
