-- Circles this hub knows, their charters and members; where relations come from.

CREATE TABLE circle (
    id INTEGER PRIMARY KEY,
    scope BLOB NOT NULL UNIQUE CHECK (length(scope) = 32), -- oid of the first charter
    charter BLOB NOT NULL,       -- the one in force; columns up to accept_each_other are of it
    charter_seq INTEGER NOT NULL, -- 0: the first charter is not here, or lacks signatures
    name TEXT NOT NULL,
    principles TEXT NOT NULL,    -- one a line
    stewards BLOB NOT NULL,      -- node ids, 32 bytes each
    threshold INTEGER NOT NULL,
    members_max INTEGER NOT NULL,
    relay_duty INTEGER NOT NULL,
    accept_each_other INTEGER NOT NULL,
    ours TEXT NOT NULL,          -- enum circle_ours by name
    since_ms INTEGER NOT NULL
) STRICT;

-- Every charter with all its signatures; which is in force follows from `prev`.
CREATE TABLE circle_charter (
    oid BLOB PRIMARY KEY NOT NULL,
    circle INTEGER NOT NULL REFERENCES circle (id),
    seq INTEGER NOT NULL,
    prev BLOB NOT NULL,          -- empty in the first
    stewards BLOB NOT NULL,      -- node ids, 32 bytes each
    in_chain INTEGER NOT NULL    -- 1: in force now or before
) STRICT;
CREATE INDEX circle_charter_next ON circle_charter (circle, prev);

-- The membership log. Members are what it adds up to.
CREATE TABLE circle_event (
    id INTEGER PRIMARY KEY,
    oid BLOB NOT NULL UNIQUE,
    circle INTEGER NOT NULL REFERENCES circle (id),
    member BLOB NOT NULL,
    term INTEGER NOT NULL,
    change INTEGER NOT NULL,     -- MembershipChange
    author BLOB NOT NULL,
    seq INTEGER NOT NULL,        -- of its author
    charter BLOB NOT NULL,       -- whose stewards signed; empty for LEAVE
    counts INTEGER NOT NULL,     -- 0: its charter is not in the chain, or its author was ended before
    name TEXT NOT NULL,
    created_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL
) STRICT;
CREATE INDEX circle_event_member ON circle_event (circle, member);

CREATE TABLE circle_bound (
    event INTEGER NOT NULL REFERENCES circle_event (id),
    type TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (event, type)
) STRICT;

CREATE TABLE circle_member (
    circle INTEGER NOT NULL REFERENCES circle (id),
    node BLOB NOT NULL CHECK (length(node) = 32),
    is_in INTEGER NOT NULL,
    added INTEGER NOT NULL,      -- highest term that was added; 0: a steward who never was
    ended INTEGER NOT NULL,      -- highest term that was ended
    name TEXT NOT NULL,
    since_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    PRIMARY KEY (circle, node)
) STRICT;
CREATE INDEX circle_member_in ON circle_member (circle) WHERE is_in = 1; -- to count them
CREATE INDEX circle_member_node ON circle_member (node) WHERE is_in = 1;

-- Changes that wait for signatures of stewards.
CREATE TABLE circle_proposal (
    oid BLOB PRIMARY KEY NOT NULL,
    circle INTEGER NOT NULL REFERENCES circle (id),
    type TEXT NOT NULL,
    body BLOB NOT NULL,
    what TEXT NOT NULL,
    threshold INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE circle_signature (
    id INTEGER PRIMARY KEY,
    proposal BLOB NOT NULL REFERENCES circle_proposal (oid) ON DELETE CASCADE,
    node BLOB NOT NULL,
    sig BLOB NOT NULL,
    UNIQUE (proposal, node)
) STRICT;

-- Hubs that ask to come in.
CREATE TABLE circle_ask (
    circle INTEGER NOT NULL REFERENCES circle (id),
    node BLOB NOT NULL,
    text TEXT NOT NULL,
    asked_ms INTEGER NOT NULL,
    PRIMARY KEY (circle, node)
) STRICT;

-- Members who asked for the whole story again, and when they got it last.
CREATE TABLE circle_told (
    circle INTEGER NOT NULL REFERENCES circle (id),
    node BLOB NOT NULL,
    told_ms INTEGER NOT NULL,
    PRIMARY KEY (circle, node)
) STRICT;

-- Where a relation comes from (R-AB-2).
ALTER TABLE peer ADD COLUMN provenance TEXT NOT NULL DEFAULT ''; -- invite, circle, introduced, own
ALTER TABLE peer ADD COLUMN provenance_id BLOB; -- circle id, or the hub that introduced it
ALTER TABLE peer ADD COLUMN suspended_ms INTEGER NOT NULL DEFAULT 0; -- its provenance ended then
ALTER TABLE peer ADD COLUMN suspension_over INTEGER NOT NULL DEFAULT 0; -- 1: 30 d have passed
ALTER TABLE peer ADD COLUMN commune TEXT NOT NULL DEFAULT ''; -- of its directory entry
ALTER TABLE peer ADD COLUMN join_circle BLOB; -- ask to be taken into it once both have accepted

-- Hubs that a peer suggests to us (R-AB-3): a suggestion with its source, never a decision.
CREATE TABLE introduction (
    id INTEGER PRIMARY KEY,
    node BLOB NOT NULL CHECK (length(node) = 32),
    source BLOB NOT NULL CHECK (length(source) = 32),
    name TEXT NOT NULL,
    routes TEXT NOT NULL, -- one a line
    text TEXT NOT NULL,
    kel BLOB NOT NULL,    -- key events, u32le length and bytes each
    state TEXT NOT NULL,  -- open, accepted, forgotten
    received_ms INTEGER NOT NULL,
    UNIQUE (node, source)
) STRICT;

-- Notices of a circle; the others go to accepted peers.
ALTER TABLE notice ADD COLUMN scope BLOB;
