-- Codes on the paper slips of referrals this hub sent. The code opens the slip's page without an account.
CREATE TABLE slip (
    referral INTEGER PRIMARY KEY REFERENCES referral (id) ON DELETE CASCADE,
    hash BLOB NOT NULL CHECK (length(hash) = 32), -- of the code, keyed by the hub key: to find it
    code BLOB NOT NULL,                           -- under the data key of the referral: to print it again
    made_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX slip_hash ON slip (hash);
