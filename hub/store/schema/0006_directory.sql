-- Who does what. Written by hub/domain/directory*.c, but import_* by import*.c and place by place.c.

-- Services that hubs offer: the newest version of each signed Service object, own and of peers.
CREATE TABLE service (
    id INTEGER PRIMARY KEY,
    node BLOB NOT NULL,
    uid TEXT NOT NULL,
    version INTEGER NOT NULL,
    oid BLOB NOT NULL,
    ours INTEGER NOT NULL,
    content BLOB,                -- serialised ServiceContent; NULL: withdrawn
    changed_ms INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,     -- own: when directory_tick signs it anew; others: forgets it
    UNIQUE (node, uid)
) STRICT;
CREATE INDEX service_due ON service (due_ms);

-- Records of open data files, as ServiceContent, with what has no field there kept beside.
CREATE TABLE import_record (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,        -- producer named in the record, else the one given at import
    record TEXT NOT NULL,        -- "structure/ID" or "service/ID", ID as in the file
    structure TEXT NOT NULL,     -- of a service: the ID of its structure; else ''
    siret TEXT NOT NULL,
    content BLOB NOT NULL,
    extra TEXT NOT NULL,         -- JSON object of columns and words without a field; '' for none
    digest BLOB NOT NULL,        -- SHA-256 of all that was read: same again is unchanged
    dated_ms INTEGER NOT NULL,   -- the source's own date; 0: unknown
    imported_ms INTEGER NOT NULL,
    UNIQUE (source, record)
) STRICT;
CREATE INDEX import_record_siret ON import_record (siret) WHERE siret <> '';

-- What somebody should look at.
CREATE TABLE import_review (
    id INTEGER PRIMARY KEY,
    import_id INTEGER NOT NULL REFERENCES import_record (id),
    field TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;
CREATE INDEX import_review_record ON import_review (import_id);

-- One row a search can find, over both tables above: id below 2^32 is service.id, the rest
-- import_record.id + 2^32, so that services of hubs come first. Text columns are folded.
CREATE TABLE directory_entry (
    id INTEGER PRIMARY KEY,
    point INTEGER NOT NULL,      -- 0: none, 1: its own, 2: of its commune
    latitude_e5 INTEGER NOT NULL,
    longitude_e5 INTEGER NOT NULL,
    name_key INTEGER NOT NULL,   -- hashes of folded name and place: equal means the same thing
    owner_key INTEGER NOT NULL,  -- same of the structure
    dated_ms INTEGER NOT NULL,
    is_structure INTEGER NOT NULL,
    place TEXT NOT NULL,         -- folded commune and postal code, to find a point
    name TEXT NOT NULL,
    theme TEXT NOT NULL,
    text TEXT NOT NULL,
    facet TEXT NOT NULL          -- filter words: map squares, themes, "hubyes"
) STRICT;
CREATE INDEX directory_entry_point ON directory_entry (id) WHERE point = 0;

-- Outside the subset shared with PostgreSQL, which has tsvector instead.
CREATE VIRTUAL TABLE directory_text USING fts5 (
    name, theme, text, facet,
    content = 'directory_entry', content_rowid = 'id', columnsize = 0,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3 4 5 6'
);

-- Communes, learnt from imported records: coordinates are the mean of what was seen there.
CREATE TABLE place (
    folded TEXT NOT NULL,
    postal_code TEXT NOT NULL,
    insee TEXT NOT NULL,
    name TEXT NOT NULL,
    seen INTEGER NOT NULL,
    latitude_e5 INTEGER NOT NULL, -- sums over `seen` records
    longitude_e5 INTEGER NOT NULL,
    PRIMARY KEY (folded, postal_code)
) STRICT;
CREATE INDEX place_postal_code ON place (postal_code);
