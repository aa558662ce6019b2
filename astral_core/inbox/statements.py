"""The inbox's statements for PostgreSQL: what they lock, and in which order, is a part of what they promise."""

from __future__ import annotations

from astral_core.db.tables import (
    ADOPTED,
    CLAIMED,
    DEAD,
    DEAD_EFFECT,
    FREE,
    HANDED_OVER,
    ORPHANED,
    PARKED,
    PENDING,
    SENDING,
    UNSENT,
    DueState,
    RowState,
)

# Arrays come as text: for those of any other type asyncpg asks the server what the type is, on every connection anew
# and with a query that takes longer than all that is here.

_OPEN = f"({UNSENT}, {SENDING})"  # messages that are to be sent
CHANNEL = "astral"  # NOTIFY: to all replicas; with an underscore and a number to one

# The lanes are locked in the order of their numbers, so that two commits never wait for each other. An owner is not
# taken away from a lane; a claim counts the epoch up. A second commit into a lane makes its state ADOPTED, so that
# CLAIMED tells that nothing can be pending but what came with this very commit.
STORE = f"""
WITH fresh AS (
  INSERT INTO core_inbox (source, ext_id, lane, kind, express, payload, state, attempts, crashes, received_at, error,
    address)
  SELECT source, ext_id, lane, kind, express, payload, state, 0, 0, now(), error, address
  FROM unnest($1::text[], $2::text[], $3::text[]::bigint[], $4::text[], $5::text[]::bool[], $6::text[],
    $7::text[]::int[], $8::text[], $9::text[])
    WITH ORDINALITY AS new (source, ext_id, lane, kind, express, payload, state, error, address, place) ORDER BY place
  ON CONFLICT (source, ext_id) DO NOTHING
  RETURNING seq, source, ext_id, lane, state, received_at
), counted AS (
  SELECT lane, count(*) AS added FROM fresh WHERE state = {PENDING} GROUP BY lane ORDER BY lane
), claimed AS (
  INSERT INTO core_lanes AS known (lane, owner, epoch, arrivals, state)
  SELECT lane, $10::int, 1, added, {CLAIMED} FROM counted ORDER BY lane
  ON CONFLICT (lane) DO UPDATE SET
    owner = coalesce(known.owner, excluded.owner),
    epoch = CASE WHEN known.owner IS NULL AND excluded.owner IS NOT NULL THEN known.epoch + 1 ELSE known.epoch END,
    arrivals = known.arrivals + excluded.arrivals,
    state = CASE known.state WHEN {FREE} THEN {CLAIMED} WHEN {ORPHANED} THEN {ORPHANED} ELSE {ADOPTED} END
  RETURNING lane, owner, epoch, arrivals, state
)
SELECT seq, source, ext_id, received_at, lane, claimed.owner, claimed.epoch, claimed.arrivals, claimed.state, added
FROM fresh LEFT JOIN claimed USING (lane) LEFT JOIN counted USING (lane) WHERE fresh.state = {PENDING} ORDER BY seq
"""
USERS = """
INSERT INTO core_users (id, first_name, last_name, username, language_code, created_at, seen_at)
SELECT *, now(), now() FROM unnest($1::text[]::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) AS new (id)
ORDER BY id
ON CONFLICT (id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name,
  username = excluded.username, language_code = excluded.language_code, seen_at = excluded.seen_at
"""
CHATS = """
INSERT INTO core_chats (id, type, title, username, is_forum, created_at)
SELECT *, now() FROM unnest($1::text[]::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]::bool[]) AS new (id)
ORDER BY id
ON CONFLICT (id) DO UPDATE SET type = excluded.type, title = excluded.title, username = excluded.username,
  is_forum = excluded.is_forum
"""
# What was answered already is done, whatever came in meanwhile; a handler that wrote can still be rolled back.
DONE = f"""
UPDATE core_inbox AS done SET state = {RowState.DONE}, payload = NULL, done_at = now()
FROM unnest($1::text[]::bigint[], $2::text[]::bigint[], $3::text[]::bigint[]) AS mark (seq, lane, epoch)
WHERE done.seq = mark.seq AND done.state = {PENDING}
  AND EXISTS (SELECT 1 FROM core_lanes AS own
              WHERE own.lane = mark.lane AND own.owner = $4::int AND own.epoch = mark.epoch)
RETURNING done.seq
"""
DONE_FIRST = DONE.replace(
    "RETURNING",
    f"""  AND NOT EXISTS (SELECT 1 FROM core_inbox AS earlier
                  WHERE earlier.lane = mark.lane AND earlier.state = {PENDING} AND earlier.seq < mark.seq)
RETURNING""",
)
OUTBOX = """
INSERT INTO core_outbox (seq, n, lane, plugin, effect, blob_id, state, attempts, created_at, error_id, error)
SELECT seq, n, lane, plugin, effect, blob, state, 0, now(), error_id, error
FROM unnest($1::text[]::bigint[], $2::text[]::int[], $3::text[]::bigint[], $4::text[], $5::text[],
  $6::text[]::bigint[], $7::text[]::int[], $8::text[], $9::text[])
  WITH ORDINALITY AS new (seq, n, lane, plugin, effect, blob, state, error_id, error, place) ORDER BY place
"""
SENT = """
UPDATE core_outbox AS old SET state = new.state, message_id = new.message_id, error_id = new.error_id,
  error = new.error
FROM unnest($1::text[]::bigint[], $2::text[]::int[], $3::text[]::int[], $4::text[]::bigint[], $5::text[], $6::text[])
  AS new (seq, n, state, message_id, error_id, error) WHERE old.seq = new.seq AND old.n = new.n
"""
SENT_GONE = f"""
WITH gone AS (
  DELETE FROM core_outbox WHERE seq = ANY($1::text[]::bigint[]) AND state <> {DEAD_EFFECT} RETURNING blob_id
)
DELETE FROM core_blobs WHERE id IN (SELECT blob_id FROM gone WHERE blob_id IS NOT NULL)
"""
DUE_GONE = f"""
DELETE FROM core_due AS due USING unnest($1::text[]::bigint[], $2::text[]::int[]) AS old (id, generation)
WHERE due.id = old.id AND due.generation = old.generation AND due.state = {DueState.FIRED}
RETURNING due.id
"""
DUE_AGAIN = f"""
UPDATE core_due AS due SET state = {DueState.WAITING}, due_at = next.due_at, generation = due.generation + 1,
  attempts = 0, tries = 0, since = NULL
FROM unnest($1::text[]::bigint[], $2::text[]::int[], $3::text[]::timestamptz[]) AS next (id, generation, due_at)
WHERE due.id = next.id AND due.generation = next.generation AND due.state = {DueState.FIRED}
RETURNING due.id
"""
FIRED = f"""
SELECT id, generation, attempts, tries, since, schedule, due_at, clock_timestamp() FROM core_due
WHERE id = ANY($1::text[]::bigint[]) AND state = {DueState.FIRED}
"""
SLOT = """
INSERT INTO core_slots (chat_id, place, user_id, slot, message_id, photo) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (chat_id, place, user_id, slot) DO UPDATE SET message_id = excluded.message_id, photo = excluded.photo
"""
FILE = """
INSERT INTO core_files (bot_id, key, file_id, user_id, created_at) VALUES ($1, $2, $3, $4, now())
ON CONFLICT (bot_id, key) DO UPDATE SET file_id = excluded.file_id, user_id = excluded.user_id
"""
BLOCKED = "UPDATE core_users SET blocked_at = now() WHERE id = $1"
LOAD = f"""
SELECT own.lane, own.epoch, own.arrivals, EXISTS (
  SELECT 1 FROM core_outbox AS unsent WHERE unsent.lane = own.lane AND unsent.state IN {_OPEN}
), EXISTS (
  SELECT 1 FROM core_paced AS wanted WHERE wanted.lane = own.lane AND wanted.effect IS NOT NULL
), seq, source, ext_id, kind, express, payload, received_at, attempts, crashes, address
FROM unnest($1::text[]::bigint[], $2::text[]::bigint[]) AS wanted (lane, epoch)
JOIN core_lanes AS own ON own.lane = wanted.lane AND own.epoch = wanted.epoch AND own.owner = $3
LEFT JOIN LATERAL (
  SELECT * FROM core_inbox AS pending
  WHERE pending.lane = own.lane AND pending.state = {PENDING} ORDER BY seq LIMIT $4
) AS row ON true
ORDER BY own.lane, seq
"""
UNSENT_MESSAGES = f"""
SELECT o.seq, o.n, o.lane, o.state, o.message_id, o.effect, b.data
FROM core_outbox AS o LEFT JOIN core_blobs AS b ON b.id = o.blob_id
WHERE o.seq IN (SELECT seq FROM core_outbox WHERE lane = ANY($1::text[]::bigint[]) AND state IN {_OPEN}) ORDER BY o.id
"""
PACED = """
SELECT lane, chat_id, place, user_id, slot FROM core_paced
WHERE lane = ANY($1::text[]::bigint[]) AND effect IS NOT NULL
"""
# Of the lanes that rest in memory, those into which somebody else stored a row. It is asked each second: two texts
# cost the event loop a quarter of what two arrays of 5,000 texts do.
FED = """
SELECT own.lane
FROM unnest(string_to_array($2, ',')::bigint[], string_to_array($3, ',')::bigint[]) AS resting (lane, arrivals)
JOIN core_lanes AS own USING (lane) WHERE own.owner = $1 AND own.arrivals <> resting.arrivals
"""
WAITING = "SELECT lane, epoch, arrivals FROM core_lanes WHERE owner = $1"
ADOPT = f"""
WITH orphan AS (
  SELECT lane, state FROM core_lanes WHERE owner IS NULL AND state <> {FREE} ORDER BY lane LIMIT $2
  FOR UPDATE SKIP LOCKED
)
UPDATE core_lanes AS own SET owner = $1, epoch = own.epoch + 1, state = {ADOPTED}
FROM orphan WHERE own.lane = orphan.lane
RETURNING own.lane, own.owner, own.epoch, own.arrivals, 0, orphan.state
"""
# `arrivals` is looked at again under the row's lock: a row that came meanwhile keeps its lane owned.
RELEASE_IDLE = f"""
WITH free AS MATERIALIZED (  -- never wait: a commit holds some of these lanes and wants others
  SELECT lane FROM core_lanes WHERE lane = ANY($2::text[]::bigint[]) AND owner = $1 FOR UPDATE SKIP LOCKED
)
UPDATE core_lanes AS own SET owner = NULL, state = {FREE}
FROM free
JOIN unnest($2::text[]::bigint[], $3::text[]::bigint[], $4::text[]::bigint[]) AS idle (lane, epoch, arrivals)
  USING (lane)
WHERE own.lane = free.lane AND own.owner = $1 AND own.epoch = idle.epoch AND own.arrivals = idle.arrivals
  AND NOT EXISTS (SELECT 1 FROM core_inbox AS pending WHERE pending.lane = own.lane AND pending.state = {PENDING})
  AND NOT EXISTS (SELECT 1 FROM core_outbox AS unsent WHERE unsent.lane = own.lane AND unsent.state IN {_OPEN})
RETURNING own.lane
"""
RELEASE = f"""
WITH ordered AS MATERIALIZED (
  SELECT lane FROM core_lanes WHERE lane = ANY($2::text[]::bigint[]) AND owner = $1 ORDER BY lane FOR UPDATE
)
UPDATE core_lanes AS own SET owner = NULL, state = {HANDED_OVER}
FROM ordered JOIN unnest($2::text[]::bigint[], $3::text[]::bigint[]) AS held (lane, epoch) USING (lane)
WHERE own.lane = ordered.lane AND own.owner = $1 AND own.epoch = held.epoch RETURNING own.lane
"""
COUNT = f"""
SELECT (SELECT count(*) FROM core_inbox WHERE state = {PENDING}),
  (SELECT count(*) FROM core_inbox WHERE state = {DEAD}),
  coalesce(extract(epoch FROM now() - (SELECT min(received_at) FROM core_inbox WHERE state = {PENDING})), 0)::float8,
  (SELECT count(*) FROM core_outbox WHERE state IN {_OPEN}), (SELECT count(*) FROM core_replicas),
  (SELECT count(*) FROM core_inbox WHERE state = {PARKED}),
  (SELECT count(*) FROM core_inbox WHERE state = {PENDING} AND source >= 'internal:' AND source < 'internal;'),
  clock_timestamp()
"""
FULLEST = f"""
SELECT lane, count(*) FROM core_inbox
WHERE state = {PENDING} AND NOT (source >= 'internal:' AND source < 'internal;')
GROUP BY lane HAVING count(*) >= $1::int
"""
