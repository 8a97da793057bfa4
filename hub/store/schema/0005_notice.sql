-- Notices of this hub and of its peers, the newest version of each (R-NO-1). What people read is
-- in the object; here is what lists, sums and the clock need.
CREATE TABLE notice (
    id INTEGER PRIMARY KEY,
    author BLOB NOT NULL,
    uid BLOB NOT NULL,
    version INTEGER NOT NULL,
    oid BLOB NOT NULL,        -- the object shown: the lowest oid of this version
    other_oid BLOB,           -- the next oid of the same version: proof of equivocation
    kind INTEGER NOT NULL,    -- 0: withdrawn
    theme TEXT NOT NULL,
    commune TEXT NOT NULL,
    asked INTEGER NOT NULL,   -- 0: takes no claims
    committed INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    created_s INTEGER NOT NULL, -- of this version
    expires_s INTEGER NOT NULL,
    keep_s INTEGER NOT NULL,  -- latest expiry of any version seen; 30 d later the row goes (R-NO-2)
    UNIQUE (uid, author)
) STRICT;

-- What only the author knows.
CREATE TABLE notice_own (
    notice INTEGER PRIMARY KEY REFERENCES notice (id) ON DELETE CASCADE,
    renewals INTEGER NOT NULL,    -- since the last edit
    progress_ms INTEGER NOT NULL, -- when a change of committed or delivered was last published
    publish_due_ms INTEGER,       -- such a change waits until then
    remind_ms INTEGER,            -- 75 % of its life: tell the coordinator
    expire_ms INTEGER,            -- tell that it has ended
    request_key TEXT UNIQUE       -- of the call that posted it
) STRICT;
CREATE INDEX notice_own_publish ON notice_own (publish_due_ms) WHERE publish_due_ms IS NOT NULL;
CREATE INDEX notice_own_remind ON notice_own (remind_ms) WHERE remind_ms IS NOT NULL;
CREATE INDEX notice_own_expire ON notice_own (expire_ms) WHERE expire_ms IS NOT NULL;

-- When rows were last looked over for what may be forgotten.
CREATE TABLE notice_sweep (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    due_ms INTEGER NOT NULL
) STRICT;
INSERT INTO notice_sweep (only_row, due_ms) VALUES (1, 0);

-- Two-party chains on a notice: claimant C, owner O (R-NO-10). Columns after `uid` are the fold
-- of the chain's events.
CREATE TABLE claim (
    id INTEGER PRIMARY KEY,
    claim_id BLOB NOT NULL UNIQUE, -- oid of the first event
    box INTEGER NOT NULL,          -- 1: on our notice, 2: ours on theirs
    peer BLOB NOT NULL,
    uid BLOB NOT NULL,             -- of the notice
    state INTEGER NOT NULL,
    quantity INTEGER NOT NULL,     -- wanted
    agreed INTEGER NOT NULL,
    counted INTEGER NOT NULL,      -- its part of the notice's committed
    delivered INTEGER NOT NULL,
    reason TEXT NOT NULL,
    release_asked_s INTEGER NOT NULL,
    extension_s INTEGER NOT NULL,
    until_s INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    lapses_ms INTEGER NOT NULL,    -- a proposal is held until then; 0: no clock
    due_ms INTEGER,                -- the owner's next clock
    contact_role TEXT NOT NULL,    -- of the other organisation
    phone TEXT NOT NULL,
    pick_up TEXT NOT NULL,
    forked INTEGER NOT NULL,
    request_key TEXT UNIQUE
) STRICT;
CREATE INDEX claim_notice ON claim (uid, box);
CREATE INDEX claim_due ON claim (due_ms) WHERE due_ms IS NOT NULL;

CREATE TABLE claim_event (
    id INTEGER PRIMARY KEY,
    oid BLOB NOT NULL UNIQUE,
    claim_id BLOB NOT NULL,
    author BLOB NOT NULL,
    party INTEGER NOT NULL,       -- 1: claimant, 2: owner, 0: not known yet (pending)
    state INTEGER NOT NULL,       -- as in table object: applied, pending, refused
    seq INTEGER NOT NULL,
    prev BLOB NOT NULL,
    seen BLOB NOT NULL,           -- last event of the other party its author knew
    seen_seq INTEGER NOT NULL,
    action INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    reason TEXT NOT NULL,
    until_s INTEGER NOT NULL,
    waiting_list INTEGER NOT NULL,
    created_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    contact_role TEXT NOT NULL,
    phone TEXT NOT NULL,
    pick_up TEXT NOT NULL
) STRICT;
CREATE INDEX claim_event_chain ON claim_event (claim_id, author, seq);
CREATE INDEX claim_event_pending ON claim_event (author) WHERE state = 2;
