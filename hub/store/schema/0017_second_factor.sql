-- What an account shows besides its passphrase, and what a browser shows that has signed in before.
CREATE TABLE second_factor (
    account INTEGER PRIMARY KEY REFERENCES account (id),
    data_key BLOB NOT NULL,        -- wrapped by the hub key
    secret BLOB NOT NULL,          -- of the one-time codes, sealed with data_key
    begun_ms INTEGER NOT NULL,
    confirmed_ms INTEGER NOT NULL, -- 0: no code was shown yet, sign-in does not ask for one
    last_step INTEGER NOT NULL     -- of the newest code taken: no code works twice
) STRICT;

CREATE TABLE recovery_code (
    hash BLOB PRIMARY KEY,         -- SHA-256 of account and code; a row goes when its code is used
    account INTEGER NOT NULL REFERENCES account (id)
) STRICT;
CREATE INDEX recovery_code_by_account ON recovery_code (account);

-- A passphrase was right and the code is still to come: good for nothing but that.
CREATE TABLE half_session (
    hash BLOB PRIMARY KEY,         -- SHA-256 of the bearer text
    account INTEGER NOT NULL REFERENCES account (id),
    browser TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX half_session_by_expiry ON half_session (expires_ms);

-- Browsers that have signed in before: strangers cannot use up their tries.
CREATE TABLE known_device (
    hash BLOB NOT NULL,            -- SHA-256 of the cookie
    account INTEGER NOT NULL REFERENCES account (id),
    used_ms INTEGER NOT NULL,
    PRIMARY KEY (hash, account)
) STRICT;
CREATE INDEX known_device_by_account ON known_device (account, used_ms);
