-- The first schema.
--
-- Instants are microseconds since 1970 (UTC). Ids of bookings, runs and operations are their 16 bytes, so that they
-- sort by time. Every table is a rowid table with unique indexes beside it: rows come in random key order, which
-- WITHOUT ROWID tables take five times as long for.
--
-- Columns with client data: mirror_record.content, booking.content, link.shadow, journal.operation, conflict.claims,
-- inbox.body.

-- What is known of a platform as a whole.
CREATE TABLE platform (
    seq           INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    cursor        TEXT,
    cursor_at     INTEGER,
    complete_from INTEGER,
    complete_to   INTEGER,
    complete_at   INTEGER,
    seen_at       INTEGER,
    time_zone     TEXT,
    CHECK ((cursor IS NULL) = (cursor_at IS NULL)),
    CHECK ((complete_from IS NULL) = (complete_to IS NULL) AND (complete_from IS NULL) = (complete_at IS NULL))
) STRICT;

CREATE UNIQUE INDEX platform_by_name ON platform (name);

-- The mirror: every record as it was last read. A record that is proven to be gone stays as a tombstone.
CREATE TABLE mirror_record (
    seq           INTEGER PRIMARY KEY,
    platform      TEXT    NOT NULL,
    remote_id     TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('live', 'cancelled', 'deleted')),
    starts_at     INTEGER NOT NULL,
    content       TEXT    NOT NULL,
    hash          BLOB    NOT NULL CHECK (length(hash) = 32),
    first_seen_at INTEGER NOT NULL,
    noticed_at    INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX mirror_record_by_id ON mirror_record (platform, remote_id);
-- With `state`, so that counting needs no table.
CREATE INDEX mirror_record_by_start ON mirror_record (platform, starts_at, remote_id, state);

-- When a record was last shown. Apart from the record, so that a pass without changes rewrites a few narrow pages.
CREATE TABLE mirror_seen (
    record INTEGER PRIMARY KEY REFERENCES mirror_record (seq) ON DELETE CASCADE,
    at     INTEGER NOT NULL
) STRICT;

-- Rows that could not be read, mirrored before or not.
CREATE TABLE quarantine (
    seq       INTEGER PRIMARY KEY,
    platform  TEXT    NOT NULL,
    remote_id TEXT,
    why       TEXT    NOT NULL,
    first_at  INTEGER NOT NULL,
    at        INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX quarantine_by_id ON quarantine (platform, remote_id) WHERE remote_id IS NOT NULL;
CREATE UNIQUE INDEX quarantine_nameless ON quarantine (platform, why) WHERE remote_id IS NULL;
CREATE INDEX quarantine_by_time ON quarantine (platform, first_at);

-- Bookings. `content` is NULL when the booking is gone; `starts_at` and `ends_at` then keep its last slot.
CREATE TABLE booking (
    seq        INTEGER PRIMARY KEY,
    bridge     TEXT    NOT NULL,
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    content    TEXT,
    starts_at  INTEGER,
    ends_at    INTEGER,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    CHECK ((starts_at IS NULL) = (ends_at IS NULL)),
    CHECK (content IS NULL OR starts_at IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX booking_by_id ON booking (bridge, id);
CREATE INDEX booking_by_end ON booking (bridge, ends_at);
CREATE INDEX booking_by_change ON booking (bridge, changed_at);

-- The id-mapping table, with the base of the merge. Links outlive records and bookings: they are what keeps a removed
-- booking from coming back.
CREATE TABLE link (
    seq       INTEGER PRIMARY KEY,
    bridge    TEXT    NOT NULL,
    booking   BLOB    NOT NULL,
    platform  TEXT    NOT NULL,
    remote_id TEXT,
    shadow    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    FOREIGN KEY (bridge, booking) REFERENCES booking (bridge, id)
) STRICT;

CREATE UNIQUE INDEX link_by_booking ON link (bridge, booking, platform);
CREATE UNIQUE INDEX link_by_record ON link (bridge, platform, remote_id) WHERE remote_id IS NOT NULL;

-- Pairs that were linked once.
CREATE TABLE past_link (
    seq       INTEGER PRIMARY KEY,
    bridge    TEXT    NOT NULL,
    booking   BLOB    NOT NULL CHECK (length(booking) = 16),
    platform  TEXT    NOT NULL,
    remote_id TEXT,
    until     INTEGER NOT NULL
) STRICT;

CREATE INDEX past_link_by_time ON past_link (bridge, until);

CREATE TABLE run (
    seq       INTEGER PRIMARY KEY,
    id        BLOB    NOT NULL CHECK (length(id) = 16),
    kind      TEXT    NOT NULL,
    began_at  INTEGER NOT NULL,
    ended_at  INTEGER,
    exit_code INTEGER,
    totals    TEXT
) STRICT;

CREATE UNIQUE INDEX run_by_id ON run (id);
CREATE INDEX run_by_begin ON run (began_at);

-- The journal: intent first, then outcome. `operation` holds the image of the record from before.
CREATE TABLE journal (
    seq         INTEGER PRIMARY KEY,
    op          BLOB    NOT NULL CHECK (length(op) = 16),
    run         BLOB    NOT NULL REFERENCES run (id),
    bridge      TEXT    NOT NULL,
    booking     BLOB    NOT NULL CHECK (length(booking) = 16),
    platform    TEXT    NOT NULL,
    action      TEXT    NOT NULL CHECK (action IN ('create', 'update', 'remove')),
    state       TEXT    NOT NULL CHECK (state IN ('intended', 'applied', 'refused', 'failed', 'unknown', 'abandoned',
                                                  'settled_applied', 'settled_presumed')),
    operation   TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    outcome_at  INTEGER,
    remote_id   TEXT,
    error       TEXT,
    CHECK ((state = 'intended') = (outcome_at IS NULL))
) STRICT;

CREATE UNIQUE INDEX journal_by_op ON journal (op);
CREATE INDEX journal_by_run ON journal (run);
CREATE INDEX journal_by_booking ON journal (bridge, booking, platform);
CREATE INDEX journal_open ON journal (bridge) WHERE state IN ('intended', 'unknown');
CREATE INDEX journal_refused ON journal (bridge) WHERE state = 'refused';
CREATE INDEX journal_effective ON journal (bridge, platform, outcome_at, action)
    WHERE state IN ('applied', 'settled_applied', 'settled_presumed');

-- Conflicts. The number is what a person types, so it is never used twice. Open: neither decided nor closed.
CREATE TABLE conflict (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    bridge     TEXT    NOT NULL,
    booking    BLOB    NOT NULL,
    subject    TEXT    NOT NULL,
    claims     TEXT    NOT NULL,
    decided    TEXT,
    decided_by TEXT    CHECK (decided_by IN ('policy', 'person')),
    at         INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    closed     INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1)),
    CHECK ((decided IS NULL) = (decided_by IS NULL)),
    CHECK (decided IS NULL OR closed = 0),
    FOREIGN KEY (bridge, booking) REFERENCES booking (bridge, id)
) STRICT;

CREATE UNIQUE INDEX conflict_open ON conflict (bridge, booking, subject) WHERE decided IS NULL AND closed = 0;
CREATE INDEX conflict_by_booking ON conflict (bridge, booking, subject);
CREATE INDEX conflict_decided ON conflict (bridge, changed_at) WHERE decided IS NOT NULL;

-- Latched guards.
CREATE TABLE guard (
    seq         INTEGER PRIMARY KEY,
    bridge      TEXT    NOT NULL,
    platform    TEXT    NOT NULL,
    what        TEXT    NOT NULL,
    allowed     INTEGER NOT NULL,
    planned     INTEGER NOT NULL,
    plan        TEXT    NOT NULL,
    tripped_at  INTEGER NOT NULL,
    approved_at INTEGER
) STRICT;

CREATE UNIQUE INDEX guard_by_what ON guard (bridge, platform, what);

-- Start times that were seen taken without a known reason, and how often in a row.
CREATE TABLE sighting (
    seq       INTEGER PRIMARY KEY,
    platform  TEXT    NOT NULL,
    resource  TEXT    NOT NULL,
    starts_at INTEGER NOT NULL,
    times     INTEGER NOT NULL CHECK (times >= 0)
) STRICT;

CREATE UNIQUE INDEX sighting_by_cell ON sighting (platform, resource, starts_at);

-- Webhooks that wait. A number is never used twice, so that the end of one run cannot touch what came after it.
CREATE TABLE inbox (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    platform  TEXT    NOT NULL,
    remote_id TEXT,
    body_hash BLOB    NOT NULL CHECK (length(body_hash) = 32),
    body      BLOB    NOT NULL,
    at        INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX inbox_by_body ON inbox (platform, body_hash);
