-- Referrals that are attempts for one request of a person (FHIR: Tasks of one ServiceRequest).
-- Known to this hub alone (PROTOCOL.md R-RF-6); a row goes when the person is erased.
CREATE TABLE attempt (
    referral INTEGER PRIMARY KEY REFERENCES referral (id),
    request BLOB NOT NULL CHECK (length(request) = 32) -- id of the first of them
) STRICT;
CREATE INDEX attempt_request ON attempt (request);
