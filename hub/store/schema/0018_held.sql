-- What people have sent and may still take back for some seconds. Written by hub/domain/held.c.
-- What is in it is personal: encrypted under a key of its own, and both go once it is sent.
CREATE TABLE held (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,  -- random name, as pages and the API show it
    account INTEGER NOT NULL REFERENCES account (id),
    method TEXT NOT NULL,        -- "Referrals/Send"
    state INTEGER NOT NULL,      -- enum held_state
    created_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,     -- when it is sent, or when this row goes
    content BLOB,                -- the request and the form, encrypted; NULL once sent
    content_key BLOB,            -- and its key, wrapped by the hub key
    onward TEXT NOT NULL,        -- sent: where to look at it, a path of ids
    problem INTEGER NOT NULL,    -- enum err_code of what stopped it; 0: nothing
    problem_text TEXT NOT NULL
) STRICT;
CREATE INDEX held_due ON held (state, due_ms);
CREATE INDEX held_account ON held (account, state);

-- What an account said when it last accepted somebody, to fill the next form. Written by
-- hub/domain/last_answer.c. Encrypted as above; goes after 90 days.
CREATE TABLE last_answer (
    account INTEGER PRIMARY KEY REFERENCES account (id),
    at_ms INTEGER NOT NULL,
    content BLOB NOT NULL,
    content_key BLOB NOT NULL
) STRICT;
