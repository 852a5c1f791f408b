-- The newest index of images that was seen of each publisher: an older one, played back, would offer what was taken away since.
CREATE TABLE image_indexes (
    key text PRIMARY KEY CHECK (key ~ '^[0-9a-f]{64}$'), -- the Ed25519 key that signed it
    serial bigint NOT NULL CHECK (serial > 0),
    seen_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE image_indexes OWNER TO croft_owner;
ALTER TABLE image_indexes ENABLE ROW LEVEL SECURITY;
ALTER TABLE image_indexes FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON image_indexes TO croft_owner USING (true) WITH CHECK (true);
