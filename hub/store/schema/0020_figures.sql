-- What the first page and the figures read. The indexes serve waiting.c and figures.c: open
-- referrals by the clock of whoever owes an answer (everything the page counts is in the index),
-- newest events first, and first answers. They leave out the event that brings a referral, so that
-- taking one in costs a single entry more.
CREATE INDEX referral_open ON referral
    (due_s, is_out, status, flags, created_ms, exercise, review_s, is_open) WHERE is_open = 1;
CREATE INDEX referral_event_news ON referral_event (at_ms) WHERE action > 1;
CREATE INDEX referral_event_answer ON referral_event
    (referral, created_s, verdict, action) WHERE action IN (5, 6, 7);
CREATE INDEX claim_changed ON claim (changed_ms);

-- Until when an account has read the news of one thing. Forgotten when it is too old to be news.
CREATE TABLE home_seen (
    account INTEGER NOT NULL,
    kind TEXT NOT NULL, -- "referral", "claim"
    subject INTEGER NOT NULL, -- row
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (account, kind, subject)
) STRICT;

-- The last copy of this database that was asked for and made.
CREATE TABLE backup_made (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    made_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;

-- First version of a notice: later ones have dates of their own. 0: posted before this was kept.
ALTER TABLE notice_own ADD COLUMN posted_ms INTEGER NOT NULL DEFAULT 0;
