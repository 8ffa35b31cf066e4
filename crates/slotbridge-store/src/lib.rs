//! The SQLite database of slotbridge: mirror, links, shadows, journal, inbox, conflicts, quotas, runs.
