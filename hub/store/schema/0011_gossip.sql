-- Open objects of circles and what repairs them. Which of them are passed on is a function of the
-- objects (R-NO-6): the newest version of each, two of an equivocation, until they expire.
CREATE TABLE gossip_object (
    id INTEGER PRIMARY KEY,
    oid BLOB NOT NULL UNIQUE,
    scope BLOB NOT NULL,
    part INTEGER NOT NULL,      -- 1: notices, 2: entries, charters, memberships, incarnations, 3: unknown
    author BLOB NOT NULL,
    key BLOB NOT NULL,          -- versions with one key replace each other
    version INTEGER NOT NULL,
    created_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    keep_s INTEGER NOT NULL,    -- latest expiry of any version, and 30 d: the row stays (R-NO-2)
    passed_on INTEGER NOT NULL, -- 0: over the budget of its author (R-NO-4)
    passed_s INTEGER NOT NULL,  -- created_s of the newest version passed on
    held INTEGER NOT NULL       -- waits for a person's look at its author
) STRICT;
CREATE INDEX gossip_object_set ON gossip_object (scope, part, created_s, oid);
CREATE INDEX gossip_object_key ON gossip_object (author, key);
CREATE INDEX gossip_object_keep ON gossip_object (keep_s);

-- How many rows a set has, so that it can be bounded.
CREATE TABLE gossip_count (
    scope BLOB NOT NULL,
    part INTEGER NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (scope, part)
) STRICT;

-- Token buckets of authors, in the time of their own objects.
CREATE TABLE gossip_budget (
    scope BLOB NOT NULL,
    author BLOB NOT NULL,
    tokens INTEGER NOT NULL, -- thousandths
    at_s INTEGER NOT NULL,
    PRIMARY KEY (scope, author)
) STRICT;

-- Who the authors are, from the newest entry each signed for a scope.
CREATE TABLE gossip_entry (
    node BLOB NOT NULL,
    scope BLOB NOT NULL,
    version INTEGER NOT NULL,
    oid BLOB NOT NULL,
    created_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    commune TEXT NOT NULL,
    PRIMARY KEY (node, scope)
) STRICT;

-- This hub's own entry in each scope: what it was made from, and when.
CREATE TABLE gossip_own_entry (
    scope BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    source BLOB NOT NULL, -- oid of the card it repeats
    published_s INTEGER NOT NULL
) STRICT;

-- Authors who signed two objects with one version (F22).
CREATE TABLE gossip_proof (
    id INTEGER PRIMARY KEY,
    author BLOB NOT NULL,
    first BLOB NOT NULL,
    second BLOB NOT NULL,
    found_ms INTEGER NOT NULL,
    released_ms INTEGER NOT NULL, -- 0: a person has not looked at it
    UNIQUE (first, second)
) STRICT;
CREATE INDEX gossip_proof_author ON gossip_proof (author, released_ms);

-- When the salted pass with a neighbour last ended (R-NO-7).
CREATE TABLE gossip_salted (
    node BLOB NOT NULL,
    scope BLOB NOT NULL,
    part INTEGER NOT NULL,
    at_s INTEGER NOT NULL,
    PRIMARY KEY (node, scope, part)
) STRICT;
