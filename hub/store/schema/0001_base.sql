-- What the store knows about itself: one row, written only by hub/store.
CREATE TABLE store_meta (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    hubd_version TEXT NOT NULL,  -- of the hubd that last migrated: the oldest that can read this
    generation INTEGER NOT NULL, -- grows each time the database is opened for writing
    is_open INTEGER NOT NULL,    -- 1 while a hubd writes; still 1 at the next start: unclean stop
    is_backup INTEGER NOT NULL   -- 1 in a copy made by store_backup (R-REC-3)
) STRICT;
INSERT INTO store_meta (only_row, hubd_version, generation, is_open, is_backup)
VALUES (1, '', 0, 0, 0);
