-- The Merkle log over audit lines (leaf i is row i + 1 of table audit), its signed heads, and what
-- peers sign for theirs (proto/README.md "Audit").

-- Roots of complete subtrees of 256, 65,536 … leaves; the rest is hashed anew when needed.
CREATE TABLE audit_tile (
    level INTEGER NOT NULL,    -- 8, 16, 24 …
    position INTEGER NOT NULL, -- the subtree begins at leaf position * 2^level
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, position)
) STRICT;

-- Under which opening of the database the log was last compared with its tiles and heads.
CREATE TABLE audit_checked (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO audit_checked (only_row, generation) VALUES (1, 0);

-- Own signed heads, and each witness's signature on them.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY,
    oid BLOB NOT NULL CHECK (length(oid) = 32),
    size INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    bytes BLOB NOT NULL -- serialised Signed AuditHead
) STRICT;
CREATE UNIQUE INDEX audit_head_oid ON audit_head (oid);
CREATE INDEX audit_head_size ON audit_head (size);
CREATE TABLE audit_cosigned (
    head INTEGER NOT NULL REFERENCES audit_head (id),
    witness BLOB NOT NULL CHECK (length(witness) = 32),
    bytes BLOB NOT NULL, -- the same head with our signature and theirs
    PRIMARY KEY (head, witness)
) STRICT;

-- Heads of peers, as received and checked; the newest of a peer is what the next must continue.
CREATE TABLE witness_head (
    id INTEGER PRIMARY KEY,
    node BLOB NOT NULL CHECK (length(node) = 32),
    oid BLOB NOT NULL CHECK (length(oid) = 32),
    size INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
CREATE INDEX witness_head_node ON witness_head (node, id);

-- Contradictions: two heads that one hub signed and that cannot both be of one growing log.
CREATE TABLE audit_alarm (
    id INTEGER PRIMARY KEY,
    node BLOB NOT NULL CHECK (length(node) = 32), -- whose log; our own id: ours
    kind INTEGER NOT NULL,                        -- enum audit_alarm_kind
    held BLOB NOT NULL,                           -- serialised Signed AuditHead
    shown BLOB,                                   -- the other one; NULL: the log itself
    proof BLOB,                                   -- that was shown with it
    at_ms INTEGER NOT NULL,
    settled_ms INTEGER NOT NULL -- 0: a person has not looked at it
) STRICT;
CREATE INDEX audit_alarm_node ON audit_alarm (node, id);
