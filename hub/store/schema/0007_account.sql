-- People and programs of this hub, and what they present instead of a passphrase.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    roles INTEGER NOT NULL,     -- bits of enum role
    passphrase TEXT NOT NULL,   -- Argon2id PHC string
    disabled INTEGER NOT NULL,  -- 0 or 1
    created_ms INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL -- 0: never
) STRICT;

CREATE TABLE token (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,  -- SHA-256 of the bearer text
    account INTEGER NOT NULL REFERENCES account (id),
    kind TEXT NOT NULL CHECK (kind IN ('session', 'token')),
    label TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    renewed_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX token_by_account ON token (account);
CREATE INDEX token_by_expiry ON token (expires_ms);
