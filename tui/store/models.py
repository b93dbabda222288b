"""peewee models of opencode's 1.x tables (1.2 – 1.18): columns and keys, no behaviour.

Those of 2.x are in `models_v2`.

The full set is that of 1.17.11 – 1.18.34, the newest 1.x schema; older files lack tables and
columns, which `schema` finds out at run time. Models are not bound to a database: queries name
theirs with `.bind(db)`, so several files can be open at once. Rows leave this package as records
only.
"""

from __future__ import annotations

from peewee import SQL, CompositeKey, FloatField, ForeignKeyField, IntegerField, Model, TextField


class Table(Model):
    """What all of them share."""

    class Meta:
        legacy_table_names = False


def belongs_to(model: type[Model], column: str) -> ForeignKeyField:
    """A foreign key as opencode declares them all: ON DELETE CASCADE, read as the bare id."""
    return ForeignKeyField(
        model,
        column_name=column,
        object_id_name=column,
        on_delete="CASCADE",
        backref="+",
        index=False,
    )


class Project(Table):
    id = TextField(primary_key=True)
    worktree = TextField()
    vcs = TextField(null=True)
    name = TextField(null=True)
    icon_url = TextField(null=True)
    icon_url_override = TextField(null=True)
    icon_color = TextField(null=True)
    time_created = IntegerField()
    time_updated = IntegerField()
    time_initialized = IntegerField(null=True)
    sandboxes = TextField()
    commands = TextField(null=True)

    class Meta:
        table_name = "project"


class Session(Table):
    id = TextField(primary_key=True)
    project = belongs_to(Project, "project_id")
    workspace_id = TextField(null=True)
    parent_id = TextField(null=True)
    slug = TextField()
    directory = TextField()
    path = TextField(null=True)
    title = TextField()
    version = TextField()
    share_url = TextField(null=True)
    summary_additions = IntegerField(null=True)
    summary_deletions = IntegerField(null=True)
    summary_files = IntegerField(null=True)
    summary_diffs = TextField(null=True)
    metadata = TextField(null=True)
    cost = FloatField(constraints=[SQL("DEFAULT 0")])
    tokens_input = IntegerField(constraints=[SQL("DEFAULT 0")])
    tokens_output = IntegerField(constraints=[SQL("DEFAULT 0")])
    tokens_reasoning = IntegerField(constraints=[SQL("DEFAULT 0")])
    tokens_cache_read = IntegerField(constraints=[SQL("DEFAULT 0")])
    tokens_cache_write = IntegerField(constraints=[SQL("DEFAULT 0")])
    revert = TextField(null=True)
    permission = TextField(null=True)
    agent = TextField(null=True)
    model = TextField(null=True)
    time_created = IntegerField()
    time_updated = IntegerField()
    time_compacting = IntegerField(null=True)
    time_archived = IntegerField(null=True)

    class Meta:
        table_name = "session"
        indexes = ((("project_id",), False), (("workspace_id",), False), (("parent_id",), False))


class Message(Table):
    id = TextField(primary_key=True)
    session = belongs_to(Session, "session_id")
    time_created = IntegerField()
    time_updated = IntegerField()
    data = TextField()

    class Meta:
        table_name = "message"
        indexes = ((("session_id", "time_created", "id"), False),)


class Part(Table):
    id = TextField(primary_key=True)
    message = belongs_to(Message, "message_id")
    session_id = TextField()
    time_created = IntegerField()
    time_updated = IntegerField()
    data = TextField()

    class Meta:
        table_name = "part"
        indexes = ((("message_id", "id"), False), (("session_id",), False))


class Todo(Table):
    session = belongs_to(Session, "session_id")
    content = TextField()
    status = TextField()
    priority = TextField()
    position = IntegerField()
    time_created = IntegerField()
    time_updated = IntegerField()

    class Meta:
        table_name = "todo"
        primary_key = CompositeKey("session", "position")
        indexes = ((("session_id",), False),)


class SessionShare(Table):
    session = ForeignKeyField(
        Session,
        column_name="session_id",
        object_id_name="session_id",
        on_delete="CASCADE",
        backref="+",
        primary_key=True,
    )
    id = TextField()
    secret = TextField()
    url = TextField()
    time_created = IntegerField()
    time_updated = IntegerField()

    class Meta:
        table_name = "session_share"


class EventSequence(Table):
    aggregate_id = TextField(primary_key=True)
    seq = IntegerField()
    owner_id = TextField(null=True)

    class Meta:
        table_name = "event_sequence"


class Event(Table):
    id = TextField(primary_key=True)
    aggregate = belongs_to(EventSequence, "aggregate_id")
    seq = IntegerField()
    type = TextField()
    data = TextField()

    class Meta:
        table_name = "event"
        indexes = ((("aggregate_id", "seq"), True), (("aggregate_id", "type", "seq"), False))


class SessionMessage(Table):
    id = TextField(primary_key=True)
    session = belongs_to(Session, "session_id")
    type = TextField()
    seq = IntegerField()
    time_created = IntegerField()
    time_updated = IntegerField()
    data = TextField()

    class Meta:
        table_name = "session_message"
        indexes = (
            (("session_id", "seq"), True),
            (("session_id", "time_created", "id"), False),
            (("session_id", "type", "seq"), False),
            (("time_created",), False),
        )


class Migration(Table):
    id = TextField(primary_key=True)
    time_completed = IntegerField()

    class Meta:
        table_name = "migration"


OPENCODE_TABLES: tuple[type[Model], ...] = (
    Project,
    Session,
    Message,
    Part,
    Todo,
    SessionShare,
    EventSequence,
    Event,
    SessionMessage,
    Migration,
)
"""Everything that holds a session's rows, parents first: the order to create tables in."""
