-- What people decided about conflicts.
--
-- A decision waits for a run, which takes it over together with the merge that it leads to, if everybody still claims
-- what they claimed when it was made; else it is void and the conflict stays open. Of a conflict that a person decided
-- without taking a platform's value, `conflict.decided` is the empty text.
--
-- Columns with client data: choice, claims.
CREATE TABLE decision (
    conflict INTEGER PRIMARY KEY REFERENCES conflict (id) ON DELETE CASCADE,
    choice   TEXT    NOT NULL,
    claims   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('waiting', 'applied', 'void')),
    state_at INTEGER NOT NULL
) STRICT;
