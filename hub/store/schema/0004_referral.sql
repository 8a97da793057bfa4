-- Referrals: one row a chain with the state its events evaluate to, and the events themselves.
-- Personal content is only in referral_event.payload, encrypted under referral.data_key.
CREATE TABLE referral (
    id INTEGER PRIMARY KEY,
    oid BLOB NOT NULL CHECK (length(oid) = 32),   -- referral id: oid of its REFER event
    peer BLOB NOT NULL CHECK (length(peer) = 32), -- the other party
    is_out INTEGER NOT NULL,                      -- 1: this hub is the sender
    is_open INTEGER NOT NULL,                     -- live, or REFER not held yet; counted in referral_peer
    status INTEGER NOT NULL,                      -- enum ReferralStatus; 0: REFER not held yet
    business_status INTEGER NOT NULL,
    flags INTEGER NOT NULL,                       -- enum referral_flag
    sender_seq INTEGER NOT NULL,
    sender_head BLOB,
    receiver_seq INTEGER NOT NULL,
    receiver_head BLOB,
    answer_due_s INTEGER NOT NULL,
    asked_s INTEGER NOT NULL,
    due_s INTEGER NOT NULL,                       -- when somebody owes an answer; 0: nobody
    status_event BLOB,
    pending INTEGER NOT NULL,                     -- events that wait for an earlier one
    events INTEGER NOT NULL,
    delivery INTEGER NOT NULL,                    -- enum referral_delivery, of REFER
    urgency INTEGER NOT NULL,
    feedback INTEGER NOT NULL,
    exercise INTEGER NOT NULL,
    service TEXT NOT NULL,                        -- uid at the receiver
    service_name TEXT NOT NULL,
    theme TEXT NOT NULL,
    reason TEXT NOT NULL,
    outcome TEXT NOT NULL,
    consent BLOB,                                 -- serialised receipt
    part_of BLOB,
    scheduled_s INTEGER NOT NULL,
    review_s INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,                  -- the sender stops waiting; 0: not ours to say
    ended_ms INTEGER NOT NULL,
    purge_ms INTEGER NOT NULL,                    -- personal content is erased then; 0: not yet known
    purged_ms INTEGER NOT NULL,
    late_stage INTEGER NOT NULL,                  -- reminders of this clock already told: 0, 1, 2
    next_ms INTEGER NOT NULL,                     -- when the clock has something to do; 0: never
    account INTEGER NOT NULL,                     -- who sent it
    request_key TEXT,
    data_key BLOB                                 -- wrapped by the hub key; NULL once erased
) STRICT;
CREATE UNIQUE INDEX referral_oid ON referral (oid);
CREATE UNIQUE INDEX referral_request ON referral (account, request_key)
    WHERE request_key IS NOT NULL;
CREATE INDEX referral_next ON referral (next_ms) WHERE next_ms > 0;
CREATE INDEX referral_created ON referral (created_ms, id);

CREATE TABLE referral_event (
    id INTEGER PRIMARY KEY,
    referral INTEGER NOT NULL REFERENCES referral (id),
    side INTEGER NOT NULL, -- enum referral_side
    seq INTEGER NOT NULL,
    oid BLOB NOT NULL CHECK (length(oid) = 32),
    prev BLOB,
    seen BLOB,
    action INTEGER NOT NULL,
    business_status INTEGER NOT NULL,
    on_behalf INTEGER NOT NULL,
    confirms INTEGER NOT NULL,
    created_s INTEGER NOT NULL,    -- as its author says
    answer_due_s INTEGER NOT NULL, -- REFER
    at_ms INTEGER NOT NULL,        -- authored or taken here
    verdict INTEGER NOT NULL,      -- enum referral_verdict
    delivery INTEGER NOT NULL,     -- enum referral_delivery, of own events
    payload BLOB                   -- encrypted salt and payload
) STRICT;
CREATE UNIQUE INDEX referral_event_oid ON referral_event (oid);
CREATE INDEX referral_event_place ON referral_event (referral, side, seq);

-- How many open referrals a peer has with this hub, without counting them each time.
CREATE TABLE referral_peer (
    peer BLOB PRIMARY KEY,
    open_in INTEGER NOT NULL
) STRICT;
