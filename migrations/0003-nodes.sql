-- What is sold, and the machines, images and addresses that it is made of.

-- What of a plan may change lies in plan_versions (0006).
CREATE TABLE plans (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 63),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    active boolean NOT NULL DEFAULT true,
    public boolean NOT NULL DEFAULT true, -- else for the tenants in plan_tenants
    location_ids uuid[] CHECK (cardinality(location_ids) BETWEEN 1 AND 256), -- null: everywhere
    node_tags text[] NOT NULL DEFAULT '{}' CHECK (cardinality(node_tags) <= 32), -- a node has all of these, or is none for it
    private_ipv4 boolean NOT NULL DEFAULT false, -- its IPv4 addresses come from private pools
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE locations (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 63),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE images (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 63),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    os text NOT NULL,
    arch text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size bigint NOT NULL CHECK (size > 0),
    signature text NOT NULL CHECK (signature ~ '^[0-9a-f]{128}$'),
    min_disk_bytes bigint NOT NULL DEFAULT 0 CHECK (min_disk_bytes >= 0),
    active boolean NOT NULL DEFAULT true,
    public boolean NOT NULL DEFAULT true, -- else for the tenants in image_tenants
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz -- vps that are gone still name it
);
CREATE UNIQUE INDEX images_name ON images (name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX images_sha256 ON images (sha256) WHERE deleted_at IS NULL;

-- What an operator decides about a node and what is promised on it. What the node says of itself changes every few
-- seconds and lives in node_status.
CREATE TABLE nodes (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 63),
    location_id uuid NOT NULL REFERENCES locations,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'draining', 'maintenance', 'retired')),
    overcommit_vcpu_percent int NOT NULL DEFAULT 400 CHECK (overcommit_vcpu_percent BETWEEN 1 AND 10000),
    overcommit_memory_percent int NOT NULL DEFAULT 100 CHECK (overcommit_memory_percent BETWEEN 1 AND 10000),
    overcommit_disk_percent int NOT NULL DEFAULT 100 CHECK (overcommit_disk_percent BETWEEN 1 AND 10000),
    -- Declared by the node. May shrink below what is used; the trigger croft_node_capacity refuses only growth of use.
    capacity_vcpus bigint NOT NULL DEFAULT 0 CHECK (capacity_vcpus BETWEEN 0 AND 65536),
    capacity_memory_bytes bigint NOT NULL DEFAULT 0 CHECK (capacity_memory_bytes BETWEEN 0 AND 9007199254740991),
    capacity_disk_bytes bigint NOT NULL DEFAULT 0 CHECK (capacity_disk_bytes BETWEEN 0 AND 1::bigint << 60),
    used_vcpus bigint NOT NULL DEFAULT 0 CHECK (used_vcpus >= 0),
    used_memory_bytes bigint NOT NULL DEFAULT 0 CHECK (used_memory_bytes >= 0),
    used_disk_bytes bigint NOT NULL DEFAULT 0 CHECK (used_disk_bytes >= 0),
    used_vps bigint NOT NULL DEFAULT 0 CHECK (used_vps >= 0),
    -- Range n of 65,536 ids starts at id_base + n * 65536. Fixed while a range is in use.
    id_base bigint CHECK (id_base BETWEEN 65536 AND 4294901760),
    id_count bigint CHECK (id_count BETWEEN 1 AND 65535),
    next_slot int NOT NULL DEFAULT 0,
    task_seq bigint NOT NULL DEFAULT 0, -- given under this row's lock: within a node, in commit order
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (id_base + id_count * 65536 <= 4294967295)
) WITH (fillfactor = 50);
CREATE INDEX nodes_location ON nodes (location_id);

CREATE TABLE node_status (
    node_id uuid PRIMARY KEY REFERENCES nodes,
    epoch bigint NOT NULL DEFAULT 0,
    online boolean NOT NULL DEFAULT false,
    last_seen_at timestamptz,
    boot text,
    agent_version text,
    kernel text,
    features jsonb NOT NULL DEFAULT '{}',
    warnings jsonb NOT NULL DEFAULT '[]',
    images text[] NOT NULL DEFAULT '{}', -- sha256 of those in the node's cache
    disk_free_bytes bigint,
    memory_free_bytes bigint,
    load_milli bigint
) WITH (fillfactor = 50);

CREATE TABLE node_certificates (
    serial text PRIMARY KEY,
    node_id uuid NOT NULL REFERENCES nodes,
    spki_sha256 text NOT NULL CHECK (spki_sha256 ~ '^[0-9a-f]{64}$'),
    fingerprint text NOT NULL UNIQUE CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    not_after timestamptz NOT NULL,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX node_certificates_node ON node_certificates (node_id);

CREATE TABLE join_tokens (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    location_id uuid NOT NULL REFERENCES locations,
    token_hash text NOT NULL UNIQUE CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    node_id uuid REFERENCES nodes,
    spki_sha256 text, -- the one key that it works for
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX join_tokens_location ON join_tokens (location_id);
CREATE INDEX join_tokens_node ON join_tokens (node_id);

-- Containers that a node has and the database does not know: for an operator to look at.
CREATE TABLE node_orphans (
    node_id uuid NOT NULL REFERENCES nodes,
    vps_id uuid NOT NULL,
    observed text NOT NULL,
    generation bigint NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_id, vps_id)
);

CREATE TABLE pools (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    location_id uuid NOT NULL REFERENCES locations,
    node_id uuid REFERENCES nodes, -- null: any node of the location
    cidr cidr NOT NULL,
    family int NOT NULL GENERATED ALWAYS AS (family(cidr)) STORED,
    size numeric NOT NULL CHECK (size > 0), -- addresses that can be given
    used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    next_host numeric NOT NULL DEFAULT 2, -- IPv6: the first host number never given
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pools_not_overfull CHECK (used <= size),
    CONSTRAINT pools_disjoint EXCLUDE USING gist (cidr inet_ops WITH &&)
) WITH (fillfactor = 50);
CREATE INDEX pools_location ON pools (location_id);
CREATE INDEX pools_node ON pools (node_id);
