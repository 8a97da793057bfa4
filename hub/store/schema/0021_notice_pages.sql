-- What this hub keeps of a notice beside its versions, for its own people.
ALTER TABLE notice ADD COLUMN first_s INTEGER NOT NULL DEFAULT 0;     -- 0: before this was kept
ALTER TABLE notice ADD COLUMN perishable INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notice ADD COLUMN hidden TEXT NOT NULL DEFAULT '';        -- why it is not for us
ALTER TABLE notice ADD COLUMN outcome TEXT NOT NULL DEFAULT '';       -- ours, closed: did it reach people
ALTER TABLE notice ADD COLUMN closed_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notice_own ADD COLUMN what TEXT NOT NULL DEFAULT '';      -- withdrawn: what it was about

-- What a notice said when we answered it: our people are told when that changes.
CREATE TABLE claim_terms (
    claim_id BLOB PRIMARY KEY,
    what TEXT NOT NULL,
    amount INTEGER NOT NULL,
    place TEXT NOT NULL,
    from_s INTEGER NOT NULL,
    to_s INTEGER NOT NULL
) STRICT;
