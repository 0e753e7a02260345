//! What checking single results reads from the chain and sends to it.

use std::{collections::BTreeMap, mem::offset_of};

use lumora_client::{
    Filter, Outcome, quorum,
    tasks::{self as instructions, Replica},
    token,
    watch::{self, Change},
};
use lumora_core::{hash::Hash, verdict::Verdict};
use lumora_interface::{
    Address,
    tasks::{
        Assignment, ID, Job, RejectResultArguments, TasksError, Verdict as VerdictAccount, assignment_state,
        verdict_address,
    },
};
use solana_signature::Signature;
use tokio::sync::mpsc;

use super::Chain;
use crate::{
    error::Result,
    verdicts::{Case, Docket},
};

/// How often signatures are sent anew because another oracle brought the first ones in between.
const ATTEMPTS: u32 = 5;

impl Chain {
    /// What there is to check and to clear away.
    pub async fn docket(&self) -> Result<Docket> {
        let connection = &self.connection;
        let assignments = async |state| -> Result<BTreeMap<Address, Assignment>> {
            Ok(connection.fetch_all(&[in_state(state)]).await?.into_iter().collect())
        };
        let single = Filter::field(offset_of!(Job, replicas), [1]);
        // In this order: see the type.
        Ok(Docket {
            verdicts: connection.fetch_all(&[]).await?,
            revealed: assignments(assignment_state::REVEALED).await?,
            rejected: assignments(assignment_state::REJECTED).await?,
            jobs: connection.fetch_all(&[single]).await?.into_iter().collect(),
        })
    }

    /// Tells when a result is revealed.
    pub fn reveals(&self) -> mpsc::Receiver<Change<Assignment>> {
        watch::accounts(&self.connection, vec![in_state(assignment_state::REVEALED)])
    }

    /// Hash of the block that holds the last reveal of an assignment, if it is found.
    pub async fn reveal_block(&self, assignment: &Address) -> Result<Option<Hash>> {
        Ok(self.connection.reveal_block(assignment).await?)
    }

    /// Brings this oracle's signature under a verdict, unless it was counted or the result cannot be rejected any more.
    pub async fn sign_verdict(
        &self,
        case: &Case,
        verdict: &Verdict,
        signature: Signature,
        seat: usize,
    ) -> Result<Outcome> {
        let (digest, own) = (verdict.digest(), self.sender.payer_address());
        let counting = verdict_address(&digest).0;
        let arguments = RejectResultArguments {
            digest,
            reason: verdict.reason,
            set_version: verdict.set_version,
            expires_at: verdict.expires_at,
        };
        let is_done = || async {
            if !self.is_revealed(case).await? {
                return Ok(true);
            }
            let counted: Option<VerdictAccount> = self.connection.fetch_optional(&counting).await?;
            Ok(counted.is_some_and(|counted| counted.signers >> seat & 1 == 1))
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let counted: Option<VerdictAccount> = self.connection.fetch_optional(&counting).await?;
            let rent_payer = counted.map_or(own, |counted| counted.rent_payer);
            let both = [
                quorum::signatures_instruction(&digest, &[(own, signature)]),
                instructions::reject_result(&own, case.replica(), &case.assignment.node, &rent_payer, &arguments),
            ];
            match self.sender.send_unless(is_done, &both, &[]).await {
                Err(error) if attempt < ATTEMPTS && error.is_refusal_of(&ID, TasksError::WrongRentPayer.code()) => {}
                result => return Ok(result?),
            }
        }
    }

    /// Whether the result still stands as it was revealed.
    pub async fn is_revealed(&self, case: &Case) -> std::result::Result<bool, lumora_client::Error> {
        let now = self.connection.fetch_optional(&case.address).await?;
        Ok(now.is_some_and(|now| case.is_of(&now)))
    }

    /// Has the node of a rejected assignment slashed, unless it was. `reporter`: wallet that receives the reporter's part.
    pub async fn slash_rejected(
        &self,
        address: &Address,
        rejected: &Assignment,
        client: &Address,
        reporter: &Address,
    ) -> Result<Outcome> {
        let replica = Replica {
            job: rejected.job,
            shard: rejected.shard,
            replica: rejected.replica,
        };
        let reporter = token::lmr_account(reporter);
        let instruction = instructions::slash_assignment(replica, &rejected.node, client, &reporter);
        let is_done = || async {
            let now: Option<Assignment> = self.connection.fetch_optional(address).await?;
            Ok(now.is_none_or(|now| now.slashed != 0 || now.claimed_at != rejected.claimed_at))
        };
        Ok(self.sender.send_unless(is_done, &[instruction], &[]).await?)
    }

    /// Closes the account of a verdict that is void, unless it is closed.
    pub async fn close_verdict(&self, address: &Address, verdict: &VerdictAccount) -> Result<Outcome> {
        let instruction = instructions::close_verdict(&verdict.digest, &verdict.assignment, &verdict.rent_payer);
        let is_done = || async { Ok(self.connection.account(address).await?.is_none()) };
        Ok(self.sender.send_unless(is_done, &[instruction], &[]).await?)
    }
}

fn in_state(state: u8) -> Filter {
    Filter::field(offset_of!(Assignment, state), [state])
}
