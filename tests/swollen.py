"""A database as users report it in 2026, swollen by its event log, made by SQL alone.

The shape is that of a file of 8.9 GB: 565 sessions, 43,121 messages, 178,923 parts, 362,893 events
that are 87 % of it, most of them snapshots of questions whose diffs grew with every turn, the
largest of 458 MB. DIVISOR 1 makes that file, in some three minutes. Divided by twenty, as it is
unless told otherwise, counts are the same and texts are a twentieth; indices and the heads of rows
do not shrink with them, so that the file has 0.8 GB and what cannot go has a larger share of it
than in the original. Its largest event has 23 MB.

    python -m tests.swollen OUT [SCALE [DIVISOR]]       SCALE 1.0 takes some ten seconds
"""

from __future__ import annotations

import sys
from pathlib import Path

import apsw

from tests.factories import DAY, NOW, make_database

SESSIONS, MESSAGES, PARTS = 565, 43_121, 178_923

DIVISOR = 20
"""By what payload is divided."""

HUGE = 23_000_000
"""Octets of the diff in the largest event, so divided."""

WORDS = "+  const cress = await garden.sow({ bed: 7, row: 12, water: true });\\n"
"""A line of a patch, as JSON spells it."""

_ORDERS = """
CREATE TEMP TABLE filler AS SELECT replace(hex(zeroblob(1600 * :times)), '00', :words) AS text;
CREATE TEMP TABLE s AS
  WITH RECURSIVE n(s) AS (SELECT 0 UNION ALL SELECT s + 1 FROM n WHERE s + 1 < :sessions),
  w AS (SELECT s, 1.0 / (s + 6) AS weight FROM n)
  SELECT s, printf('ses_%026d', s) AS id, :now - 3 * 86400000 - s * 3600000 AS last,
    max(2, CAST(weight * :messages / (SELECT sum(weight) FROM w) + 0.5 AS INTEGER)) AS messages
  FROM w;
CREATE TEMP TABLE m AS
  WITH RECURSIVE n(s, i) AS (SELECT s, 0 FROM s UNION ALL
    SELECT n.s, i + 1 FROM n JOIN s USING (s) WHERE i + 1 < s.messages)
  SELECT s, i, printf('msg_%06d%020d', s, i) AS id, i % 4 = 0 AS asks,
    i % 8 = 0 AS changes, (i * 7919 + s * 104729) % 20 AS luck FROM n;
CREATE UNIQUE INDEX temp.m_of ON m (s, i);
INSERT INTO session (id, project_id, slug, directory, title, version, time_created, time_updated)
  SELECT id, 'prj_garden', 'swollen-' || s, '/tmp', 'Swollen ' || s, '1.18.33',
    last - 86400000, last FROM s;
"""

_TIME = "(s.last - 1000 * (s.messages - m.i))"

_PATCH = f"""CASE WHEN m.s = 0 AND m.i = 8 AND k.k = 8
    THEN replace(hex(zeroblob(:huge / 70)), '00', '{WORDS}')
  ELSE substr((SELECT text FROM filler), 1, (k.k + 10) * length(:words) * :times *
    CASE WHEN m.luck = 0 THEN 62 WHEN m.luck < 5 THEN 7 ELSE 2 END) END"""

_REST = f"""CASE WHEN m.asks THEN printf('"time":{{"created":%d}},"agent":"build","model":'
    || '{{"providerID":"fake","modelID":"parrot-1"}}', {_TIME})
    || CASE WHEN m.changes THEN printf(',"summary":{{"diffs":[{{"file":"bed.ts","additions":%d,'
    || '"deletions":0,"status":"modified","patch":"', k.k) || {_PATCH} || '"}}]}}' ELSE '' END
  ELSE printf('"parentID":"msg_%06d%020d","mode":"build","agent":"build","path":{{"cwd":"/tmp",'
    || '"root":"/tmp"}},"cost":0.0%d,"tokens":{{"input":%d,"output":20,"reasoning":0,"cache":'
    || '{{"read":0,"write":0}}}},"modelID":"parrot-1","providerID":"fake","time":{{"created":%d',
    m.s, m.i / 4 * 4, k.k + 1, m.i * k.k, {_TIME})
    || CASE WHEN k.k = 2 THEN printf(',"completed":%d}},"finish":"stop"', {_TIME}) ELSE '}}' END
  END"""

_PART = """CASE (p.i + p.j) % 4 WHEN 0 THEN printf('"callID":"call_%d","tool":"bash",'
    || '"state":{"status":"%s","input":{"command":"ls"}%s', p.j,
    CASE k.k WHEN 2 THEN 'completed' ELSE 'running' END,
    CASE k.k WHEN 2 THEN ',"output":"' || replace(hex(zeroblob(:times)), '00', 'bed.ts')
    || '","title":"ls","metadata":{"exit":0},"time":{"start":1,"end":2}}'
    ELSE ',"time":{"start":1}}' END)
  ELSE '"text":"' || replace(hex(zeroblob(:times)), '00',
    printf('Row %d of bed %d.', p.j, p.j % 9)) || '"' END"""

_TYPE = "CASE (p.i + p.j) % 4 WHEN 0 THEN 'tool' ELSE 'text' END"

_FILL = f"""
CREATE TEMP TABLE k AS SELECT value AS k FROM json_each('[0,1,2,3,4,5,6,7,8,9]');
CREATE TEMP TABLE p AS
  WITH RECURSIVE n(s, i, j, last) AS (
    SELECT s, i, 0, CASE WHEN asks THEN 0 ELSE 4 + (luck < 5) END FROM m UNION ALL
    SELECT s, i, j + 1, last FROM n WHERE j < last)
  SELECT s, i, j, printf('prt_%06d%012d%08d', s, i, j) AS id FROM n;
CREATE TEMP TABLE e AS
  SELECT m.s AS s, m.i AS i, k.k AS k, NULL AS j FROM m JOIN k
    ON k.k < CASE WHEN m.changes THEN 10 ELSE 3 END
  UNION ALL SELECT p.s, p.i, k.k, p.j FROM p JOIN k
    ON k.k < CASE (p.i + p.j) % 4 WHEN 0 THEN 3 WHEN 1 THEN 1 ELSE 0 END
  UNION ALL SELECT m.s, m.i, -1, NULL FROM m WHERE m.asks OR m.i = 0;
CREATE TEMP TABLE f AS SELECT e.*, row_number() OVER (PARTITION BY e.s ORDER BY e.i, e.j, e.k) - 1
  AS seq FROM e;
INSERT INTO event_sequence (aggregate_id, seq)
  SELECT printf('ses_%026d', s), max(seq) FROM f GROUP BY s;
INSERT INTO event (id, aggregate_id, seq, type, data)
  SELECT printf('evt_%012x%014d', ({_TIME} * 4096 + f.seq % 4096) & 281474976710655,
      f.s * 1000000 + f.seq),
    s.id, f.seq,
    CASE WHEN f.k < 0 THEN CASE f.seq WHEN 0 THEN 'session.created.1' ELSE 'session.updated.1' END
      WHEN f.j IS NULL THEN 'message.updated.1' ELSE 'message.part.updated.1' END,
    CASE WHEN f.k < 0 THEN printf('{{"sessionID":"%s","info":{{"id":"%s","slug":"swollen-%d",'
      || '"projectID":"prj_garden","directory":"/tmp","title":"Swollen %d","version":"1.18.33",'
      || '"time":{{"created":%d,"updated":%d}}}}}}', s.id, s.id, s.s, s.s, s.last - 86400000,
      {_TIME})
    WHEN f.j IS NULL THEN printf('{{"sessionID":"%s","info":{{"id":"%s","sessionID":"%s",'
      || '"role":"%s",',
      s.id, m.id, s.id, CASE WHEN m.asks THEN 'user' ELSE 'assistant' END) || {_REST} || '}}}}'
    ELSE printf('{{"sessionID":"%s","part":{{"id":"%s","sessionID":"%s",'
      || '"messageID":"%s","type":"%s",',
      s.id, printf('prt_%06d%012d%08d', f.s, f.i, f.j), s.id, m.id, {_TYPE.replace("p.", "f.")})
      || {_PART.replace("p.", "f.")} || printf('}},"time":%d}}', {_TIME}) END
  FROM f JOIN s USING (s) JOIN m ON m.s = f.s AND m.i = f.i JOIN (SELECT value AS k FROM
    json_each('[-1,0,1,2,3,4,5,6,7,8,9]')) k ON k.k = f.k
  ORDER BY f.s / 3, f.i, f.s, f.seq;
INSERT INTO message (id, session_id, time_created, time_updated, data)
  SELECT m.id, s.id, {_TIME}, {_TIME} + 1, '{{"role":"' || CASE WHEN m.asks THEN 'user'
    ELSE 'assistant' END || '",' || {_REST} || '}}'
  FROM m JOIN s USING (s) JOIN k ON k.k = CASE WHEN m.changes THEN 9 ELSE 2 END
  ORDER BY m.s / 3, m.i, m.s;
INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
  SELECT p.id, m.id, s.id, {_TIME}, {_TIME} + 1, '{{"type":"' || {_TYPE} || '",' || {_PART} || '}}'
  FROM p JOIN s USING (s) JOIN m ON m.s = p.s AND m.i = p.i JOIN k ON k.k = 2
  ORDER BY p.s / 3, p.i, p.s, p.j;
"""


def make_swollen(
    path: Path, scale: float = 1.0, *, huge: int | None = None, divisor: int = DIVISOR
) -> Path:
    """Write such a database; `scale` of its sessions and messages, its largest event likewise.

    `divisor` is one that goes into twenty: the smaller, the larger is what can go.
    """
    times = DIVISOR // divisor
    make_database(path, [])
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = OFF").fetchall()
    connection.execute("PRAGMA cache_size = -200000").fetchall()
    given = {
        "words": WORDS,
        "sessions": max(3, int(SESSIONS * scale)),
        "messages": int(MESSAGES * scale),
        "now": NOW,
        "huge": int(HUGE * times * scale) if huge is None else huge,
        "times": times,
    }
    with connection:
        connection.execute(
            "INSERT INTO project (id, worktree, vcs, time_created, time_updated, sandboxes)"
            " VALUES ('prj_garden', '/home/dev/garden', 'git', ?1, ?1, '[]')",
            (NOW - 400 * DAY,),
        )
        for _ in connection.execute(_ORDERS + _FILL, given):
            pass
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    return path


if __name__ == "__main__":
    scale = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    make_swollen(Path(sys.argv[1]), scale, divisor=int(sys.argv[3]) if sys.argv[3:] else DIVISOR)
