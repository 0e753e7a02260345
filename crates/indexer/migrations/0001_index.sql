-- What the chain says, for SQLite and PostgreSQL alike.
--
-- Addresses and signatures are base58. Amounts are LMR base units, rates kbit/s, latencies microseconds, shares basis
-- points, times Unix seconds. A column of 64 bits holds at most 2^63 - 1; what a program stores beyond that is cut to it
-- here and exact in accounts.data.

-- Single numbers: `indexed_slot`, everything up to it is here; `next_seq`, the number of the next event; `writer`, whose
-- row whoever writes takes first, so that writers follow one another.
CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO marks (name, value) VALUES ('indexed_slot', 0), ('next_seq', 1), ('writer', 0);

-- How far each program's transactions are listed. While a listing of several pages is under way, `head_*` is where it
-- began and `before` where it goes on.
CREATE TABLE listings_of_programs (
    program TEXT PRIMARY KEY,
    newest_signature TEXT,
    newest_slot BIGINT NOT NULL,
    head_signature TEXT,
    head_slot BIGINT,
    before_signature TEXT,
    listed BIGINT NOT NULL
);

-- Transactions that are listed and not yet read, in the order of the chain: by slot, then by rank.
CREATE TABLE pending (
    signature TEXT PRIMARY KEY,
    slot BIGINT NOT NULL,
    rank BIGINT NOT NULL
);
CREATE INDEX pending_in_order ON pending (slot, rank, signature);

-- Transactions that were read. One that no node had any more has no events and available = 0.
CREATE TABLE transactions (
    signature TEXT PRIMARY KEY,
    slot BIGINT NOT NULL,
    time BIGINT,
    available BIGINT NOT NULL
);

-- Every event, numbered in the order of the chain. `data` is what the program wrote: discriminator and fields.
CREATE TABLE events (
    seq BIGINT PRIMARY KEY,
    signature TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    time BIGINT,
    program TEXT NOT NULL,
    name TEXT NOT NULL,
    data BYTEA NOT NULL
);
CREATE INDEX events_by_name ON events (name, seq);
CREATE INDEX events_by_program ON events (program, seq);

-- Which events name which address.
CREATE TABLE event_addresses (
    address TEXT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (address, seq)
);

-- Every account of the programs as of `slot`. `data` is NULL when it did not exist any more.
CREATE TABLE accounts (
    address TEXT PRIMARY KEY,
    program TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- The account that it belongs to: of an attestation, a record of work and a reward, the node.
    parent TEXT,
    slot BIGINT NOT NULL,
    data BYTEA
);
CREATE INDEX accounts_by_parent ON accounts (parent);
CREATE INDEX accounts_by_kind ON accounts (kind);

-- From here on: what accounts are searched and summed up by.
CREATE TABLE nodes (
    address TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    operator TEXT NOT NULL,
    active BIGINT NOT NULL,
    region TEXT NOT NULL,
    limit_kbps BIGINT NOT NULL,
    shard_capacity BIGINT NOT NULL,
    bond BIGINT NOT NULL,
    slashed BIGINT NOT NULL,
    registered_at BIGINT NOT NULL
);
CREATE INDEX nodes_in_order ON nodes (registered_at, address);
CREATE INDEX nodes_by_owner ON nodes (owner, registered_at, address);
CREATE INDEX nodes_by_operator ON nodes (operator, registered_at, address);
CREATE INDEX nodes_by_region ON nodes (region, registered_at, address);

CREATE TABLE attestations (
    address TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    reason BIGINT NOT NULL,
    down_kbps BIGINT NOT NULL,
    up_kbps BIGINT NOT NULL,
    rtt_us BIGINT NOT NULL,
    reputation_bps BIGINT NOT NULL,
    measured_at BIGINT NOT NULL
);
CREATE INDEX attestations_by_node ON attestations (node);

-- Jobs outlive their accounts: what a closed one did comes from its events. `observed` is 1 where the account was read at
-- `slot`, which is newer than every event of that slot, and 0 where an event of that slot came after it.
CREATE TABLE jobs (
    address TEXT PRIMARY KEY,
    slot BIGINT NOT NULL,
    observed BIGINT NOT NULL,
    state TEXT NOT NULL,
    client TEXT NOT NULL,
    manifest_hash TEXT NOT NULL,
    replicas BIGINT NOT NULL,
    max_replicas BIGINT NOT NULL,
    shard_count BIGINT NOT NULL,
    settled_shards BIGINT NOT NULL,
    live_assignments BIGINT NOT NULL,
    tombstones BIGINT NOT NULL,
    fee_bps BIGINT NOT NULL,
    price BIGINT NOT NULL,
    escrowed BIGINT NOT NULL,
    paid BIGINT NOT NULL,
    fees BIGINT NOT NULL,
    refunded BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    closed_at BIGINT
);
CREATE INDEX jobs_in_order ON jobs (opened_at, address);
CREATE INDEX jobs_by_client ON jobs (client, opened_at, address);
CREATE INDEX jobs_by_state ON jobs (state, opened_at, address);

CREATE TABLE assignments (
    address TEXT PRIMARY KEY,
    job TEXT NOT NULL,
    shard BIGINT NOT NULL,
    replica BIGINT NOT NULL,
    node TEXT NOT NULL,
    state BIGINT NOT NULL,
    -- Whether it is worked on or waits for the settlement; else it expired or was rejected.
    live BIGINT NOT NULL
);
CREATE INDEX assignments_by_job ON assignments (job, shard);
CREATE INDEX assignments_at_work ON assignments (node) WHERE live = 1;
CREATE INDEX assignments_by_node ON assignments (node, job, shard);

-- When each shard that is being worked on was first claimed.
CREATE TABLE first_claims (
    job TEXT NOT NULL,
    shard BIGINT NOT NULL,
    claimed_at BIGINT NOT NULL,
    PRIMARY KEY (job, shard)
);

CREATE TABLE epochs (
    address TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    attested BIGINT NOT NULL
);
CREATE INDEX epochs_in_order ON epochs (epoch, address);

CREATE TABLE listings (
    address TEXT PRIMARY KEY,
    seller TEXT NOT NULL,
    active BIGINT NOT NULL,
    job TEXT NOT NULL,
    bond BIGINT NOT NULL,
    open_penalties BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX listings_in_order ON listings (created_at, address);
CREATE INDEX listings_by_seller ON listings (seller, created_at, address);

-- Purchases outlive their accounts as jobs do. `dataset_id` and `penalty` are in the account alone: they are NULL where it
-- was gone before it was read.
CREATE TABLE purchases (
    address TEXT PRIMARY KEY,
    slot BIGINT NOT NULL,
    observed BIGINT NOT NULL,
    state TEXT NOT NULL,
    listing TEXT NOT NULL,
    buyer TEXT NOT NULL,
    number BIGINT NOT NULL,
    buyer_key TEXT NOT NULL,
    ephemeral TEXT,
    sealed TEXT,
    dataset_id TEXT,
    amount BIGINT NOT NULL,
    penalty BIGINT,
    rating BIGINT NOT NULL,
    bought_at BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    delivered_at BIGINT,
    rated_at BIGINT,
    closed_at BIGINT
);
CREATE INDEX purchases_in_order ON purchases (bought_at, address);
CREATE INDEX purchases_by_listing ON purchases (listing, bought_at, address);
CREATE INDEX purchases_by_buyer ON purchases (buyer, bought_at, address);

-- Sums over all events, kept as these are written.
CREATE TABLE counters (
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (metric, labels)
);
