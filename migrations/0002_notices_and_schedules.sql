-- What was told to people, and what was done on schedule. Holds no client data.

-- What stands and was told: so that a restart tells nothing again, and knows what to call off. `subject` is made of
-- names and ids of ours.
CREATE TABLE notice (
    seq     INTEGER PRIMARY KEY,
    kind    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    since   INTEGER NOT NULL,
    told_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX notice_by_subject ON notice (kind, subject);

-- Up to which due time each schedule was worked off.
CREATE TABLE schedule (
    seq     INTEGER PRIMARY KEY,
    name    TEXT    NOT NULL,
    done_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX schedule_by_name ON schedule (name);
