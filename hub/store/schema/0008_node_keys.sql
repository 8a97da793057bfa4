-- Key logs of nodes, with or without a relation; own keys in time.

CREATE TABLE node_key_event (
    node BLOB NOT NULL CHECK (length(node) = 32),
    seq INTEGER NOT NULL,
    bytes BLOB NOT NULL, -- serialised Signed, as received
    PRIMARY KEY (node, seq)
) STRICT;
INSERT INTO node_key_event (node, seq, bytes)
    SELECT p.node, e.seq, e.bytes FROM peer_key_event e JOIN peer p ON p.id = e.peer;
DROP TABLE peer_key_event;

-- What the log says, so that nobody has to verify it to show a word. Rows without valid_until_s
-- of before this table are filled in when the log is next taken.
CREATE TABLE node_key (
    node BLOB PRIMARY KEY NOT NULL CHECK (length(node) = 32),
    seq INTEGER NOT NULL,
    head BLOB NOT NULL CHECK (length(head) = 32),
    valid_until_s INTEGER NOT NULL,        -- of the longest delegation; 0: every key is revoked
    retired_s INTEGER NOT NULL DEFAULT 0,  -- 0: not retired
    successor BLOB,
    duplicity INTEGER NOT NULL DEFAULT 0,  -- 1: frozen until a human decides
    rotations INTEGER NOT NULL DEFAULT 0,  -- times a rotation replaced what was held
    beacon_s INTEGER NOT NULL DEFAULT 0,   -- time of the newest beacon; 0: none yet
    beacon BLOB                            -- serialised Signed
) STRICT;

-- Proof: events that a rotation replaced, and both sides of a contradiction.
CREATE TABLE node_key_proof (
    id INTEGER PRIMARY KEY,
    node BLOB NOT NULL CHECK (length(node) = 32),
    kind TEXT NOT NULL, -- 'replaced', 'held', 'rival'
    at_ms INTEGER NOT NULL,
    bytes BLOB NOT NULL -- serialised Signed
) STRICT;
CREATE INDEX node_key_proof_node ON node_key_proof (node);

-- Attestations that a new node is the organisation whose keys are lost (R-ID-8): read by people.
CREATE TABLE succession (
    oid BLOB PRIMARY KEY NOT NULL CHECK (length(oid) = 32),
    author BLOB NOT NULL CHECK (length(author) = 32),
    lost BLOB NOT NULL CHECK (length(lost) = 32),
    successor BLOB NOT NULL CHECK (length(successor) = 32),
    created_s INTEGER NOT NULL
) STRICT;
CREATE INDEX succession_successor ON succession (successor);
