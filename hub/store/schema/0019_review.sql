-- What people decide about the directory. Written by hub/domain/import_pair.c (import_pair,
-- import_record.merged_into), import_review.c (import_seen, import_refused, import_source),
-- import_stage.c and commune.c.

-- Two entries (directory_entry.id) that may be one thing; asked once, whatever is imported later.
CREATE TABLE import_pair (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,      -- the lower id: a service of a hub goes before imports
    second INTEGER NOT NULL,
    why TEXT NOT NULL,           -- "siret" or "name"
    likeness INTEGER NOT NULL,   -- of the names, percent
    metres INTEGER NOT NULL,     -- between them; -1: unknown
    decision INTEGER NOT NULL,   -- 0 open, 1 two things, 2 one thing
    kept INTEGER NOT NULL,       -- of one thing: the one that was chosen to stay
    decided_ms INTEGER NOT NULL,
    decided_by TEXT NOT NULL,
    UNIQUE (first, second)
) STRICT;
CREATE INDEX import_pair_second ON import_pair (second);
CREATE INDEX import_pair_decision ON import_pair (decision, likeness);

-- The entry that stands for this record too; 0: it stands for itself.
ALTER TABLE import_record ADD COLUMN merged_into INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_record ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX import_record_merged ON import_record (merged_into) WHERE merged_into <> 0;

-- Pairs were lines of the review: the next import of their file looks at them again.
UPDATE import_record SET digest = zeroblob(32) WHERE id IN (
    SELECT import_id FROM import_review
    WHERE what LIKE 'same SIRET and commune as %' OR what LIKE '% the name of % m away');
DELETE FROM import_review
    WHERE what LIKE 'same SIRET and commune as %' OR what LIKE '% the name of % m away';

-- Lines of the review that somebody has seen and leaves as they are.
CREATE TABLE import_seen (
    source TEXT NOT NULL,
    field TEXT NOT NULL,
    what TEXT NOT NULL,
    PRIMARY KEY (source, field, what)
) STRICT;

-- Records that the last import of a source refused.
CREATE TABLE import_refused (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    record TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE INDEX import_refused_source ON import_refused (source);

-- Who made what was imported, and under which licence.
CREATE TABLE import_source (
    source TEXT PRIMARY KEY,
    licence TEXT NOT NULL,
    imported_ms INTEGER NOT NULL
) STRICT;

-- Files that somebody has sent and looks at before they are imported.
CREATE TABLE import_staged (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    format TEXT NOT NULL,
    source TEXT NOT NULL,
    licence TEXT NOT NULL,
    name TEXT NOT NULL,          -- of the file, for people
    bytes INTEGER NOT NULL,
    done INTEGER NOT NULL,       -- imported: the file is gone
    report BLOB,                 -- serialised ImportResponse; NULL: not looked at yet
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE import_staged_part (
    staged TEXT NOT NULL,
    services INTEGER NOT NULL,   -- 1: of the second file
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (staged, services, number)
) STRICT;

-- Which communes make up an EPCI, where an admin loaded the list of INSEE.
CREATE TABLE commune_epci (
    commune TEXT PRIMARY KEY,    -- INSEE codes
    epci TEXT NOT NULL,
    epci_name TEXT NOT NULL
) STRICT;
CREATE INDEX commune_epci_epci ON commune_epci (epci);
