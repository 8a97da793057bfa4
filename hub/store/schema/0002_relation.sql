-- What every module writes through (events, audit lines, signed objects, own streams), and peers.

-- What changed, for the watch WebSocket: never what it says.
CREATE TABLE event (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    verb TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

-- Leaves of the later Merkle log (R-AU-1); rows are never changed.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL, -- 'peer', 'clock', 'hub', or a salted pseudonym in hex
    action TEXT NOT NULL,
    oid BLOB
) STRICT;
CREATE TABLE audit_salt (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    salt BLOB NOT NULL
) STRICT;

-- Append-only rowid table; the body comes last, so that the columns before it are cheap to read.
CREATE TABLE object (
    id INTEGER PRIMARY KEY,
    oid BLOB NOT NULL CHECK (length(oid) = 32),
    author BLOB NOT NULL CHECK (length(author) = 32),
    state INTEGER NOT NULL,     -- enum object_state
    held INTEGER NOT NULL,      -- 1: part of a chain that may still be open (R-PD-11)
    receipt INTEGER NOT NULL,   -- row of table receipt; 0: none
    proof INTEGER NOT NULL DEFAULT 0, -- row of the peer's signed receipt for it; 0: none
    expires_s INTEGER NOT NULL, -- 0: never
    bytes BLOB NOT NULL         -- serialised Signed
) STRICT;
CREATE UNIQUE INDEX object_oid ON object (oid);
CREATE INDEX object_expiry ON object (expires_s) WHERE held = 0 AND expires_s > 0;

-- Where each of our own author streams stands (R-OB-5).
CREATE TABLE stream (
    type TEXT NOT NULL,
    stream BLOB NOT NULL,
    seq INTEGER NOT NULL,
    head BLOB NOT NULL CHECK (length(head) = 32),
    PRIMARY KEY (type, stream)
) STRICT;

CREATE TABLE peer (
    id INTEGER PRIMARY KEY,
    node BLOB NOT NULL CHECK (length(node) = 32),
    name TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL DEFAULT '',     -- greeting of their request
    greeting TEXT NOT NULL DEFAULT '', -- of ours
    phone TEXT NOT NULL DEFAULT '',
    ours TEXT NOT NULL DEFAULT 'none',
    theirs TEXT NOT NULL DEFAULT 'none',
    switches INTEGER NOT NULL DEFAULT 0,
    local INTEGER NOT NULL DEFAULT 0,
    tls_proxied INTEGER NOT NULL DEFAULT 0,
    routes TEXT NOT NULL DEFAULT '', -- one a line
    invite BLOB,                     -- secret that we present, until answered
    entry_version INTEGER NOT NULL DEFAULT 0,
    accepted_ms INTEGER NOT NULL DEFAULT 0, -- first acceptance by us; 0: never
    last_contact_ms INTEGER NOT NULL DEFAULT 0,
    changed_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX peer_node ON peer (node);

CREATE TABLE peer_key_event (
    peer INTEGER NOT NULL REFERENCES peer (id),
    seq INTEGER NOT NULL,
    bytes BLOB NOT NULL, -- serialised Signed, as received
    PRIMARY KEY (peer, seq)
) STRICT;

-- Sealing keys of their present directory entry.
CREATE TABLE peer_enc_key (
    peer INTEGER NOT NULL REFERENCES peer (id),
    position INTEGER NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    from_s INTEGER NOT NULL,
    until_s INTEGER NOT NULL,
    PRIMARY KEY (peer, position)
) STRICT;

-- Invites that we handed out. Only the hash of the secret is kept.
CREATE TABLE invite (
    hash BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    created_ms INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    used_ms INTEGER NOT NULL, -- 0: not used
    used_by BLOB
) STRICT;

-- This hub's own directory entry, as last published.
CREATE TABLE card (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    commune TEXT NOT NULL,
    description TEXT NOT NULL,
    routes TEXT NOT NULL, -- one a line
    tls_proxied INTEGER NOT NULL,
    version INTEGER NOT NULL,
    published_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    digest BLOB NOT NULL -- of what was signed, without head, version and key windows
) STRICT;
