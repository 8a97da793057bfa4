-- What waits for peers, where each lane stands, and the receipts that were sent.

-- One row a peer and lane. Counters of waiting rows make the queue limit free to check.
CREATE TABLE link (
    peer INTEGER NOT NULL REFERENCES peer (id),
    lane INTEGER NOT NULL,
    tx INTEGER NOT NULL DEFAULT 0,       -- last link_seq given out
    acked INTEGER NOT NULL DEFAULT 0,    -- highest hop ack
    acked_ms INTEGER NOT NULL DEFAULT 0, -- when it came
    rx INTEGER NOT NULL DEFAULT 0,       -- highest link_seq of theirs that is durable here
    waiting_rows INTEGER NOT NULL DEFAULT 0,
    waiting_bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (peer, lane)
) STRICT;

CREATE TABLE receipt (
    id INTEGER PRIMARY KEY,
    peer INTEGER NOT NULL REFERENCES peer (id),
    oid BLOB NOT NULL,
    sealed_id BLOB NOT NULL,
    expires_s INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX receipt_expiry ON receipt (expires_s);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    peer INTEGER NOT NULL REFERENCES peer (id),
    lane INTEGER NOT NULL,
    link_seq INTEGER NOT NULL, -- negative: out of the lane until due_ms
    due_ms INTEGER NOT NULL,   -- takes a new link_seq then; 0: no clock runs
    freed_by INTEGER NOT NULL, -- enum outbox_free
    attempts INTEGER NOT NULL,
    acked_ms INTEGER NOT NULL, -- 0: not yet, or not noted yet (link.acked knows)
    created_ms INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    size INTEGER NOT NULL,
    oid BLOB NOT NULL,
    sealed_id BLOB NOT NULL,
    receipt INTEGER REFERENCES receipt (id), -- its sealed bytes are there
    sealed BLOB,
    personal_key BLOB, -- wrapped key of `personal`
    personal BLOB      -- payload and salt, encrypted: what sealing again needs
) STRICT;
CREATE INDEX outbox_order ON outbox (peer, lane, link_seq, due_ms);
CREATE INDEX outbox_due ON outbox (due_ms) WHERE due_ms > 0;
CREATE INDEX outbox_expiry ON outbox (expires_s);
CREATE UNIQUE INDEX outbox_oid ON outbox (oid, peer) WHERE freed_by = 1;
CREATE INDEX outbox_receipt ON outbox (receipt) WHERE receipt IS NOT NULL;

-- What left the queue without reaching the peer, so that people are told the truth.
CREATE TABLE outbox_lost (
    oid BLOB NOT NULL,
    peer INTEGER NOT NULL REFERENCES peer (id),
    why TEXT NOT NULL, -- 'undelivered': expired; 'cancelled': the peer was blocked or left
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (oid, peer)
) STRICT;

-- Lane 2: own open objects in the order they were authored.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    class INTEGER NOT NULL,
    key BLOB NOT NULL,
    object INTEGER NOT NULL REFERENCES object (id),
    expires_s INTEGER NOT NULL -- 0: never
) STRICT;
CREATE UNIQUE INDEX journal_key ON journal (key);
CREATE INDEX journal_object ON journal (object);
-- The last number given out, kept apart: the newest row may go and its number must not come again.
CREATE TABLE journal_head (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO journal_head (only_row, seq) VALUES (1, 0);
CREATE TABLE journal_peer (
    peer INTEGER PRIMARY KEY REFERENCES peer (id),
    acked INTEGER NOT NULL
) STRICT;
