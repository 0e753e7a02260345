//! Sums over everything that exists now: what the network's page shows and what is exported as metrics.

use lumora_interface::{Account, Address, bandwidth, registry, rewards};
use sqlx::Row as _;

use crate::{
    database::{Step, select, unsigned},
    error::Result,
    project::{job_state, sale_state},
};

/// What a region has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// H3 cell of resolution 3.
    pub region: String,
    /// Nodes registered there.
    pub nodes: u64,
    /// Those of them that are active.
    pub active_nodes: u64,
    /// Rates that active nodes are willing to share, kbit/s.
    pub offered_kbps: u64,
    /// Attested rates towards active nodes, kbit/s.
    pub attested_down_kbps: u64,
    /// Attested rates from active nodes, kbit/s.
    pub attested_up_kbps: u64,
    /// Of the attested rates towards active nodes, the part that is at work: as many shares as shards are being worked
    /// on, of as many as a node is willing to work on.
    pub in_use_kbps: u64,
    /// Shards that active nodes are willing to work on at the same time.
    pub shard_capacity: u64,
    /// Assignments that are worked on or wait for their settlement.
    pub active_assignments: u64,
    /// Mean attested round-trip time of active nodes, microseconds; `None` where nothing is attested.
    pub mean_rtt_us: Option<u64>,
}

/// How many there are in a state.
pub type Counts = Vec<(String, u64)>;

/// The regions after `after`, in alphabetical order, at most as many as `most`.
pub async fn regions(step: &mut Step, after: &str, most: u32) -> Result<Vec<Region>> {
    let sql = format!(
        "SELECT region, COUNT(*) AS nodes, CAST(SUM(nodes.active) AS BIGINT) AS active_nodes, \
         CAST(SUM(nodes.active * limit_kbps) AS BIGINT) AS offered, \
         CAST(SUM(nodes.active * COALESCE(down_kbps, 0)) AS BIGINT) AS down, \
         CAST(SUM(nodes.active * COALESCE(up_kbps, 0)) AS BIGINT) AS up, \
         CAST(SUM(nodes.active * COALESCE(down_kbps, 0) * \
             CASE WHEN at_work > shard_capacity THEN shard_capacity ELSE COALESCE(at_work, 0) END \
             / CASE WHEN shard_capacity = 0 THEN 1 ELSE shard_capacity END) AS BIGINT) AS in_use, \
         CAST(SUM(nodes.active * shard_capacity) AS BIGINT) AS capacity, \
         CAST(SUM(COALESCE(at_work, 0)) AS BIGINT) AS assignments, \
         CAST(SUM(CASE WHEN rtt_us > 0 THEN nodes.active * rtt_us ELSE 0 END) AS BIGINT) AS rtt_sum, \
         CAST(SUM(CASE WHEN rtt_us > 0 THEN nodes.active ELSE 0 END) AS BIGINT) AS rtt_count \
         FROM nodes LEFT JOIN attestations ON attestations.node = nodes.address \
         LEFT JOIN (SELECT node, COUNT(*) AS at_work FROM assignments WHERE live = 1 GROUP BY node) AS work \
         ON work.node = nodes.address \
         WHERE region > $1 GROUP BY region ORDER BY region LIMIT {most}"
    );
    select(step, sql, vec![after.into()])
        .await?
        .iter()
        .map(|row| {
            Ok(Region {
                region: row.try_get("region")?,
                nodes: unsigned(row, "nodes")?,
                active_nodes: unsigned(row, "active_nodes")?,
                offered_kbps: unsigned(row, "offered")?,
                attested_down_kbps: unsigned(row, "down")?,
                attested_up_kbps: unsigned(row, "up")?,
                in_use_kbps: unsigned(row, "in_use")?,
                shard_capacity: unsigned(row, "capacity")?,
                active_assignments: unsigned(row, "assignments")?,
                mean_rtt_us: unsigned(row, "rtt_sum")?.checked_div(unsigned(row, "rtt_count")?),
            })
        })
        .collect()
}

/// The sum of regions; its `region` is empty.
pub fn sum(regions: &[Region]) -> Region {
    let mut total = Region::default();
    for region in regions {
        total.nodes += region.nodes;
        total.active_nodes += region.active_nodes;
        total.offered_kbps += region.offered_kbps;
        total.attested_down_kbps += region.attested_down_kbps;
        total.attested_up_kbps += region.attested_up_kbps;
        total.in_use_kbps += region.in_use_kbps;
        total.shard_capacity += region.shard_capacity;
        total.active_assignments += region.active_assignments;
    }
    total
}

/// Jobs by state.
pub async fn jobs(step: &mut Step) -> Result<Counts> {
    by_state(
        step,
        "SELECT state, COUNT(*) AS number FROM jobs GROUP BY state ORDER BY state",
    )
    .await
}

/// Purchases by state.
pub async fn purchases(step: &mut Step) -> Result<Counts> {
    by_state(
        step,
        "SELECT state, COUNT(*) AS number FROM purchases GROUP BY state ORDER BY state",
    )
    .await
}

/// Listings by state.
pub async fn listings(step: &mut Step) -> Result<Counts> {
    let sql = "SELECT CASE WHEN active = 1 THEN 'active' ELSE 'withdrawn' END AS state, COUNT(*) AS number \
               FROM listings GROUP BY active ORDER BY state";
    by_state(step, sql).await
}

/// Assignments by the code of their state.
pub async fn assignments(step: &mut Step) -> Result<Vec<(u64, u64)>> {
    by_code(
        step,
        "SELECT state AS code, COUNT(*) AS number FROM assignments GROUP BY state ORDER BY state",
    )
    .await
}

/// Attestations by the code of their reason.
pub async fn reasons(step: &mut Step) -> Result<Vec<(u64, u64)>> {
    by_code(
        step,
        "SELECT reason AS code, COUNT(*) AS number FROM attestations GROUP BY reason ORDER BY reason",
    )
    .await
}

/// LMR base units of bond of all nodes, and of what they lost.
pub async fn bonds(step: &mut Step) -> Result<(u64, u64)> {
    let sql = "SELECT CAST(COALESCE(SUM(bond), 0) AS BIGINT) AS bonded, \
               CAST(COALESCE(SUM(slashed), 0) AS BIGINT) AS slashed FROM nodes";
    let rows = select(step, sql, Vec::new()).await?;
    rows.first().map_or(Ok((0, 0)), |row| {
        Ok((unsigned(row, "bonded")?, unsigned(row, "slashed")?))
    })
}

/// LMR base units that the programs hold for work and for data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// In the escrows of jobs.
    pub work: u64,
    /// In the vaults of purchases that are neither delivered nor refunded.
    pub data: u64,
    /// Bonds of sellers.
    pub listing_bonds: u64,
    /// Set aside in these for purchases that may still be late.
    pub open_penalties: u64,
}

/// What the programs hold for work and for data.
pub async fn held(step: &mut Step) -> Result<Held> {
    let sql = format!(
        "SELECT \
         (SELECT CAST(COALESCE(SUM(escrowed - paid - fees - refunded), 0) AS BIGINT) FROM jobs \
             WHERE state <> '{closed}') AS work, \
         (SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM purchases WHERE state = '{open}') AS data, \
         (SELECT CAST(COALESCE(SUM(bond), 0) AS BIGINT) FROM listings) AS bonds, \
         (SELECT CAST(COALESCE(SUM(open_penalties), 0) AS BIGINT) FROM listings) AS penalties",
        closed = job_state::CLOSED,
        open = sale_state::OPEN,
    );
    let rows = select(step, sql, Vec::new()).await?;
    rows.first().map_or(Ok(Held::default()), |row| {
        Ok(Held {
            work: unsigned(row, "work")?,
            data: unsigned(row, "data")?,
            listing_bonds: unsigned(row, "bonds")?,
            open_penalties: unsigned(row, "penalties")?,
        })
    })
}

/// The busiest nodes: address, region, assignments.
pub async fn busiest(step: &mut Step, most: u32) -> Result<Vec<(String, String, u64)>> {
    let sql = format!(
        "SELECT nodes.address AS node, region, COUNT(*) AS number FROM assignments \
         JOIN nodes ON nodes.address = assignments.node WHERE live = 1 \
         GROUP BY nodes.address, region ORDER BY number DESC, nodes.address LIMIT {most}"
    );
    select(step, sql, Vec::new())
        .await?
        .iter()
        .map(|row| Ok((row.try_get("node")?, row.try_get("region")?, unsigned(row, "number")?)))
        .collect()
}

/// Transactions that are listed and not yet read.
pub async fn pending(step: &mut Step) -> Result<u64> {
    let rows = select(step, "SELECT COUNT(*) AS number FROM pending", Vec::new()).await?;
    rows.first().map_or(Ok(0), |row| unsigned(row, "number"))
}

/// An account of which there is one.
pub async fn only<T: Account>(step: &mut Step, address: &Address) -> Result<Option<T>> {
    let sql = "SELECT data FROM accounts WHERE address = $1 AND data IS NOT NULL";
    let rows = select(step, sql, vec![address.to_string().into()]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let data: Vec<u8> = row.try_get("data")?;
    Ok(T::from_account_data(&data).ok())
}

/// The network's configuration, emission and oracles; each `None` before it is initialised.
pub struct Singles {
    /// Parameters.
    pub network: Option<registry::Network>,
    /// What was minted.
    pub emission: Option<rewards::Emission>,
    /// Who measures.
    pub oracles: Option<Box<bandwidth::OracleSet>>,
}

/// Reads the accounts of which there is one.
pub async fn singles(step: &mut Step) -> Result<Singles> {
    Ok(Singles {
        network: only(step, &registry::NETWORK).await?,
        emission: only(step, &rewards::EMISSION).await?,
        oracles: only(step, &bandwidth::ORACLE_SET).await?.map(Box::new),
    })
}

async fn by_state(step: &mut Step, sql: &str) -> Result<Counts> {
    let rows = select(step, sql, Vec::new()).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("state")?, unsigned(row, "number")?)))
        .collect()
}

async fn by_code(step: &mut Step, sql: &str) -> Result<Vec<(u64, u64)>> {
    let rows = select(step, sql, Vec::new()).await?;
    rows.iter()
        .map(|row| Ok((unsigned(row, "code")?, unsigned(row, "number")?)))
        .collect()
}
