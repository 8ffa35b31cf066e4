-- Links without a record, of which there are few: one that turns up may be theirs, wherever their bookings are by now.
CREATE INDEX link_presumed ON link (bridge, platform) WHERE remote_id IS NULL;
