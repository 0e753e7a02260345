//! What this node knows of the chain's jobs and assignments.

use std::collections::BTreeMap;

use lumora_interface::{
    Address,
    bandwidth::{Attestation, attestation_address},
    registry::{NETWORK, Network, Node},
    tasks::{Assignment, Job, ShardState},
};

use crate::{agent::Agent, error::Result, plan::tasks::JobView};

/// Jobs of which something is left to do, all assignments, and what the score is made of.
pub(super) struct Mirror {
    pub network: Network,
    pub node: Node,
    pub attestation: Option<Attestation>,
    pub jobs: BTreeMap<Address, JobView>,
    pub assignments: BTreeMap<Address, Assignment>,
}

/// Accounts as a step saw them after it was done.
#[derive(Default)]
pub(super) struct Seen {
    pub job: Option<(Address, Option<JobView>)>,
    pub assignments: Vec<(Address, Option<Assignment>)>,
}

impl Mirror {
    /// Reads everything.
    pub async fn read(agent: &Agent) -> Result<Self> {
        let connection = &agent.connection;
        let mut mirror = Self {
            network: connection.fetch(&NETWORK).await?,
            node: connection.fetch(&agent.node).await?,
            attestation: connection.fetch_optional(&attestation_address(&agent.node).0).await?,
            // Assignments first: a job that is read later knows of all of them.
            assignments: connection.fetch_all(&[]).await?.into_iter().collect(),
            jobs: BTreeMap::new(),
        };
        for (address, job) in connection.fetch_all::<Job>(&[]).await? {
            if job.settled_shards < job.shard_count || job.tombstones > 0 {
                mirror.read_job(agent, address).await?;
            }
        }
        Ok(mirror)
    }

    /// Reads one job with the states of its shards.
    pub async fn read_job(&mut self, agent: &Agent, address: Address) -> Result<()> {
        let view = job(agent, &address).await?;
        self.put_job(address, view);
        Ok(())
    }

    /// Assignments that this node works on.
    pub fn own(&self, node: &Address) -> impl Iterator<Item = (Address, Assignment)> {
        self.assignments
            .iter()
            .filter(|(_, found)| found.node == *node && found.is_live())
            .map(|(address, found)| (*address, *found))
    }

    /// Replaces or forgets an assignment.
    pub fn put(&mut self, address: Address, assignment: Option<Assignment>) {
        match assignment {
            Some(assignment) => self.assignments.insert(address, assignment),
            None => self.assignments.remove(&address),
        };
    }

    /// Takes in what a step saw.
    pub fn take(&mut self, seen: Seen) {
        for (address, assignment) in seen.assignments {
            self.put(address, assignment);
        }
        if let Some((address, view)) = seen.job {
            self.put_job(address, view);
        }
    }

    fn put_job(&mut self, address: Address, view: Option<JobView>) {
        match view {
            Some(view) => self.jobs.insert(address, view),
            None => self.jobs.remove(&address),
        };
    }
}

/// A job with the states of its shards; `None` once it is closed.
pub(super) async fn job(agent: &Agent, address: &Address) -> Result<Option<JobView>> {
    let found: Option<(Job, Vec<ShardState>)> = agent.connection.job(address).await?;
    Ok(found.map(|(job, shards)| JobView { job, shards }))
}
