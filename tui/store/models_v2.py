"""peewee models of the tables that opencode 2.x adds (level of 2.0.32): columns, no behaviour.

A fresh 2.x file has these beside `project`, `event` and `event_sequence`; an upgraded one also
keeps all of 1.x but its `session_message`, which 2.x drops and makes anew in the shape below.
Column order differs between fresh and upgraded files, so nobody counts columns.
"""

from __future__ import annotations

from peewee import SQL, CompositeKey, FloatField, ForeignKeyField, IntegerField, TextField

from tui.store.models import Project, Table, belongs_to


class SessionV2(Table):
    """No foreign key ties `parent_id` or `fork_session_id`: orphans are possible."""

    id = TextField(primary_key=True)
    project = belongs_to(Project, "project_id")
    workspace_id = TextField(null=True)
    parent_id = TextField(null=True)
    fork_session_id = TextField(null=True)
    fork_boundary = TextField(null=True)
    slug = TextField()
    directory = TextField()
    path = TextField(null=True)
    title = TextField(null=True)
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
    time_suspended = IntegerField(null=True)
    resume_attempts = IntegerField(constraints=[SQL("DEFAULT 0")])
    time_idle = IntegerField(null=True)
    time_viewed = IntegerField(null=True)
    idle_outcome = TextField(null=True)

    class Meta:
        table_name = "session_v2"
        indexes = ((("project_id",), False), (("workspace_id",), False), (("parent_id",), False))


class SessionMessageV2(Table):
    """A step of a conversation; `data` holds neither `id` nor `type`."""

    id = TextField(primary_key=True)
    session = belongs_to(SessionV2, "session_id")
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


class SessionInbox(Table):
    """Queued work; a row goes when it is delivered."""

    id = TextField(primary_key=True)
    session = belongs_to(SessionV2, "session_id")
    type = TextField()
    payload = TextField()
    delivery = TextField()
    enqueued_seq = IntegerField()
    time_created = IntegerField()

    class Meta:
        table_name = "session_inbox"
        indexes = ((("session_id", "enqueued_seq"), True),)


class SessionPending(Table):
    """The inbox of early 2.0; nothing writes to it any more."""

    id = TextField(primary_key=True)
    session = belongs_to(SessionV2, "session_id")
    type = TextField()
    data = TextField()
    delivery = TextField(null=True)
    admitted_seq = IntegerField()
    time_created = IntegerField()

    class Meta:
        table_name = "session_pending"
        indexes = ((("session_id", "admitted_seq"), True),)


class InstructionState(Table):
    """`{"key": "<hash>"}`: which instructions a session began with, and has now."""

    session = ForeignKeyField(
        SessionV2,
        column_name="session_id",
        object_id_name="session_id",
        on_delete="CASCADE",
        backref="+",
        primary_key=True,
    )
    epoch_start = IntegerField()
    through_seq = IntegerField()
    initial_values = TextField()
    current_values = TextField()

    class Meta:
        table_name = "instruction_state"


class InstructionEntry(Table):
    """An instruction set through the API."""

    session = belongs_to(SessionV2, "session_id")
    key = TextField()
    value = TextField(null=True)
    removed = IntegerField(constraints=[SQL("DEFAULT 0")])
    time_created = IntegerField()
    time_updated = IntegerField()

    class Meta:
        table_name = "instruction_entry"
        primary_key = CompositeKey("session", "key")


class InstructionBlob(Table):
    """Texts of instructions by their hash, shared by sessions; 2.x never removes one."""

    hash = TextField(primary_key=True)
    value = TextField(null=True)

    class Meta:
        table_name = "instruction_blob"


class Kv(Table):
    """Small values and caches. `migration.v1-v2` is never to be touched."""

    key = TextField(primary_key=True)
    value = TextField()
    time_created = IntegerField()
    time_updated = IntegerField()

    class Meta:
        table_name = "kv"


class Worktree(Table):
    """Folders of a project."""

    project = belongs_to(Project, "project_id")
    directory = TextField()
    strategy = TextField(null=True)
    time_created = IntegerField()

    class Meta:
        table_name = "worktree"
        primary_key = CompositeKey("project", "directory")


OPENCODE_2_TABLES: tuple[type[Table], ...] = (
    SessionV2,
    SessionMessageV2,
    SessionInbox,
    SessionPending,
    InstructionState,
    InstructionEntry,
    InstructionBlob,
    Kv,
    Worktree,
)
"""What 2.x adds, parents first: the order to create tables in."""
