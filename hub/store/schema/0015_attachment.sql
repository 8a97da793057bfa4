-- What is attached to referrals, and which referrals a human here was shown. Names, types and keys
-- are in the encrypted payload of the event that carries the manifest, and nowhere else once it is
-- sent. Written by hub/domain/attachment*.c; the column of table referral by referral_present.c.

CREATE TABLE attachment (
    id INTEGER PRIMARY KEY,
    referral INTEGER REFERENCES referral (id), -- NULL: an upload, not sent yet
    peer BLOB,                   -- the other party
    event BLOB,                  -- oid of the event that carries the manifest
    position INTEGER NOT NULL,   -- in that event, from 0
    is_ours INTEGER NOT NULL,    -- 1: its bytes came from here
    state INTEGER NOT NULL,      -- enum attachment_state
    size INTEGER NOT NULL,       -- bytes of the file
    parts INTEGER NOT NULL,
    have INTEGER NOT NULL,       -- parts that are stored
    hashes BLOB NOT NULL,        -- SHA-256 of each sealed part
    created_ms INTEGER NOT NULL,
    account INTEGER NOT NULL,    -- who uploads it
    upload TEXT,                 -- random name of an upload; NULL once sent
    draft BLOB,                  -- upload: encrypted manifest …
    draft_key BLOB               -- … and its key, wrapped by the hub key
) STRICT;
CREATE UNIQUE INDEX attachment_event ON attachment (event, position) WHERE event IS NOT NULL;
CREATE UNIQUE INDEX attachment_upload ON attachment (upload) WHERE upload IS NOT NULL;
CREATE INDEX attachment_referral ON attachment (referral);
CREATE INDEX attachment_peer ON attachment (peer, state) WHERE is_ours = 0;

-- Sealed parts, as they pass between hubs.
CREATE TABLE attachment_part (
    attachment INTEGER NOT NULL REFERENCES attachment (id),
    number INTEGER NOT NULL, -- from 0
    bytes BLOB NOT NULL,
    PRIMARY KEY (attachment, number)
) STRICT;

-- 1: a human here was shown it, and its sender was told (R-PD-8).
ALTER TABLE referral ADD COLUMN presented INTEGER NOT NULL DEFAULT 0;
