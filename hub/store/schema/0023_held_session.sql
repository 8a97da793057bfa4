-- Which session or token it was sent with (its hash, as in `token`), so that what an ended session
-- sent does not go; NULL: the operator on the machine.
ALTER TABLE held ADD COLUMN session BLOB;
