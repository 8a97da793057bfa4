-- Sealed blobs in custody for other hubs (R-RE-2), who relays for whom, and which relays hold ours.

-- A row once relaying has to do with this peer at all.
CREATE TABLE relay_peer (
    peer INTEGER PRIMARY KEY REFERENCES peer (id),
    duty INTEGER NOT NULL DEFAULT 0,       -- enum relay_duty: what was decided here
    home INTEGER NOT NULL DEFAULT 0,       -- 1: a home relay of this hub
    granted INTEGER NOT NULL DEFAULT 0,    -- 1: it says that it relays for us
    dials_only INTEGER NOT NULL DEFAULT 0, -- of its directory entry
    homes BLOB,                            -- its home relays, 32 bytes each
    suspect INTEGER NOT NULL DEFAULT 0,    -- objects it took that only another path brought
    suspect_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE relay_blob (
    id INTEGER PRIMARY KEY,
    dest INTEGER NOT NULL REFERENCES peer (id),
    injector INTEGER NOT NULL REFERENCES peer (id),
    hops_left INTEGER NOT NULL,
    size INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    forwarded_ms INTEGER NOT NULL, -- another home relay of the destination has it too; 0: none
    expires_s INTEGER NOT NULL,
    blob BLOB NOT NULL CHECK (length(blob) = 32), -- SHA-256 of `sealed`
    sealed BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX relay_blob_key ON relay_blob (dest, blob);
CREATE INDEX relay_blob_order ON relay_blob (dest, id);
CREATE INDEX relay_blob_expiry ON relay_blob (expires_s);
CREATE INDEX relay_blob_injector ON relay_blob (injector);

-- Sums over relay_blob, so that quotas are free to check.
CREATE TABLE relay_use (
    dest INTEGER NOT NULL REFERENCES peer (id),
    injector INTEGER NOT NULL REFERENCES peer (id),
    blobs INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (dest, injector)
) STRICT;
CREATE INDEX relay_use_injector ON relay_use (injector);

-- Own queued objects that a relay holds; the row of the queue stays until the signed receipt.
CREATE TABLE relay_custody (
    oid BLOB NOT NULL,
    peer INTEGER NOT NULL REFERENCES peer (id), -- whom it is for
    relay INTEGER NOT NULL REFERENCES peer (id),
    held_ms INTEGER NOT NULL,
    late INTEGER NOT NULL, -- 1: no receipt came in time, another path was tried
    PRIMARY KEY (oid, peer, relay)
) STRICT;
ALTER TABLE outbox ADD COLUMN relayed INTEGER NOT NULL DEFAULT 0; -- 1: a relay has held it
