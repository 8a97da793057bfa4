-- Whether this hub may author: incarnation, recovery, clock. One row, written by authoring.c.
CREATE TABLE authoring (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    incarnation INTEGER NOT NULL,
    reason INTEGER NOT NULL,       -- enum recovery_reason; 0: normal
    since_ms INTEGER NOT NULL,     -- of the recovery
    authored_ms INTEGER NOT NULL,  -- clock of the newest own object, to the second
    clock_ms INTEGER NOT NULL,     -- when the clock was last found right; 0: never
    clock_off_ms INTEGER NOT NULL, -- by how much it is wrong; 0: not known to be
    clock_jumped INTEGER NOT NULL  -- 1: was set while running, waits for peers or NTP
) STRICT;
INSERT INTO authoring (only_row, incarnation, reason, since_ms, authored_ms, clock_ms,
                       clock_off_ms, clock_jumped)
VALUES (1, 1, 0, 0, 0, 0, 0, 0);

-- Receipts that could not be signed when their objects came; receipts.c signs them later.
CREATE TABLE receipt_owed (
    id INTEGER PRIMARY KEY,
    peer BLOB NOT NULL CHECK (length(peer) = 32),
    oid BLOB NOT NULL CHECK (length(oid) = 32),
    state INTEGER NOT NULL,
    code INTEGER NOT NULL,
    permanent INTEGER NOT NULL,
    retry_after_s INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    chain_head BLOB,
    recorded INTEGER NOT NULL
) STRICT;

-- Which peers gave back what they hold of this hub, and the incarnation it was whole in.
CREATE TABLE recovery_peer (
    node BLOB PRIMARY KEY NOT NULL CHECK (length(node) = 32),
    incarnation INTEGER NOT NULL
) STRICT;

-- The newest INCARNATION of each peer that was ever restored.
CREATE TABLE peer_incarnation (
    node BLOB PRIMARY KEY NOT NULL CHECK (length(node) = 32),
    incarnation INTEGER NOT NULL,
    oid BLOB NOT NULL CHECK (length(oid) = 32),
    created_s INTEGER NOT NULL
) STRICT;

-- Objects whose stored bytes no longer hash to their oid (F30), until they are fetched again.
CREATE TABLE object_damaged (
    oid BLOB PRIMARY KEY NOT NULL CHECK (length(oid) = 32),
    found_ms INTEGER NOT NULL
) STRICT;

-- Where the walk over all objects is that looks for such ones.
CREATE TABLE object_walk (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    after INTEGER NOT NULL,
    due_ms INTEGER NOT NULL
) STRICT;
INSERT INTO object_walk (only_row, after, due_ms) VALUES (1, 0, 0);

-- Order in a chain is (incarnation, seq, prev): R-OB-5.
ALTER TABLE referral_event ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE claim_event ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 1;
-- What opens the commitment to the contact words, so that a restored author can have them back.
CREATE TABLE claim_event_salt (
    oid BLOB PRIMARY KEY NOT NULL CHECK (length(oid) = 32),
    salt BLOB NOT NULL
) STRICT;
CREATE INDEX referral_peer_changed ON referral (peer, changed_ms);
CREATE INDEX referral_gap ON referral (peer) WHERE pending > 0;
CREATE INDEX claim_peer ON claim (peer, changed_ms);
