-- Finding services in spite of slips: the words of the directory. Written by
-- hub/domain/search_words.c.

-- Each word once, for words one letter away: what is left of the slip or right of it is the same,
-- and the length differs by one at most. Words of entries that are gone stay.
CREATE TABLE search_word (
    id INTEGER PRIMARY KEY,
    length INTEGER NOT NULL,     -- bytes
    word TEXT NOT NULL,
    backward TEXT NOT NULL,      -- the same from the end
    UNIQUE (length, word)
) STRICT;
CREATE INDEX search_word_backward ON search_word (length, backward);

-- Columns are enough to search by, and beginnings of three letters to type on: a third of the room
-- and of the time to write. Outside the subset shared with PostgreSQL, as in 0006.
DROP TABLE directory_text;
CREATE VIRTUAL TABLE directory_text USING fts5 (
    name, theme, text, facet,
    content = 'directory_entry', content_rowid = 'id', columnsize = 0, detail = 'column',
    tokenize = 'unicode61 remove_diacritics 2', prefix = '3'
);
-- Segments are merged eight at a time: less is written again and again during an import.
INSERT INTO directory_text (directory_text, rank) VALUES ('automerge', 8);
INSERT INTO directory_text (directory_text) VALUES ('rebuild');

-- Which fields of an imported service are its structure's: 1 place, 2 contact, 4 hours, and the
-- date of those. All others are of the record's own source and date.
ALTER TABLE import_record ADD COLUMN inherited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_record ADD COLUMN structure_dated_ms INTEGER NOT NULL DEFAULT 0;

-- What is within a few hundred metres.
CREATE INDEX directory_entry_where ON directory_entry (latitude_e5, longitude_e5)
    WHERE point = 1 AND is_structure = 1;
