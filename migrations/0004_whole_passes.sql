-- What a pass over everything needs to cost little where nothing has changed.

-- With the end, so that what was changed lately although it is over is found without the table.
DROP INDEX booking_by_change;
CREATE INDEX booking_by_change ON booking (bridge, changed_at, ends_at);

-- A listing that showed every live record that starts in a window, and when: it stands for one mirror_seen row each.
ALTER TABLE platform ADD COLUMN shown_from INTEGER;
ALTER TABLE platform ADD COLUMN shown_to   INTEGER;
ALTER TABLE platform ADD COLUMN shown_at   INTEGER;
