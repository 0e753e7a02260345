//! What the watch over the other oracles, and clearing old epochs away, read from the chain and send to it.

use lumora_client::{Outcome, bandwidth as instructions, oracle_api::SignedStatement, statements, token};
use lumora_interface::{
    Address,
    bandwidth::{Epoch, ORACLE_SET, OracleSet, epoch_address, epoch_state},
};

use super::Chain;
use crate::{
    error::Result,
    watch::offence::{Offence, Prospect, prospect},
};

impl Chain {
    /// An epoch that the view does not reach back to, unless its account is closed.
    pub async fn old_epoch(&self, number: u64) -> Result<Option<Epoch>> {
        Ok(self.connection.fetch_optional(&epoch_address(number).0).await?)
    }

    /// The accounts of several epochs.
    pub async fn old_epochs(&self, numbers: &[u64]) -> Result<Vec<Option<Epoch>>> {
        let addresses: Vec<Address> = numbers.iter().map(|number| epoch_address(*number).0).collect();
        Ok(self.connection.fetch_many(&addresses).await?)
    }

    /// The epoch attested last before this one, as far as the accounts that are left say.
    pub async fn attested_before(&self, number: u64) -> Result<Option<u64>> {
        const AT_ONCE: u64 = 64;
        let mut end = number;
        while end > 0 {
            let numbers: Vec<u64> = (end.saturating_sub(AT_ONCE)..end).collect();
            let epochs: Vec<Epoch> = self.old_epochs(&numbers).await?.into_iter().flatten().collect();
            if epochs.is_empty() {
                return Ok(None);
            }
            if let Some(attested) = epochs.iter().rev().find(|epoch| epoch.state == epoch_state::ATTESTED) {
                return Ok(Some(attested.epoch));
            }
            end = end.saturating_sub(AT_ONCE);
        }
        Ok(None)
    }

    /// The statements about an epoch whose signatures were put on chain.
    pub async fn submitted(&self, network_id: [u8; 32], epoch: &Epoch) -> Result<Vec<SignedStatement>> {
        Ok(statements::submitted(&self.connection, network_id, epoch).await?)
    }

    /// Reports an oracle, unless somebody did. The reporter's part of the bond comes to this oracle's LMR account, which is
    /// made where there is none.
    pub async fn report_equivocation(&self, offence: &Offence) -> Result<Outcome> {
        let own = self.sender.payer_address();
        let tokens = token::lmr_account(&own);
        let has_account = || async { Ok(self.connection.account(&tokens).await?.is_some()) };
        self.sender
            .send_unless(has_account, &[token::create_lmr_account(&own, &own)], &[])
            .await?;
        let [first, second] = [&offence.first, &offence.second];
        let figures = [first.arguments(), second.arguments()];
        let instructions = instructions::report_equivocation(
            offence.epoch(),
            &own,
            &offence.oracle(),
            [
                (&figures[0], first.statement().digest(), first.signature),
                (&figures[1], second.statement().digest(), second.signature),
            ],
        );
        let is_done = || async {
            let set: OracleSet = self.connection.fetch(&ORACLE_SET).await?;
            let epoch: Option<Epoch> = self
                .connection
                .fetch_optional(&epoch_address(offence.epoch()).0)
                .await?;
            Ok(prospect(offence, &set, epoch.as_ref()) != Prospect::Open)
        };
        Ok(self.sender.send_unless(is_done, &instructions, &[]).await?)
    }

    /// Closes epochs, given with who paid for them, unless somebody closed the first.
    pub async fn close_epochs(&self, epochs: &[(u64, Address)]) -> Result<Outcome> {
        let Some((first, _)) = epochs.first() else {
            return Ok(Outcome::AlreadyDone);
        };
        let address = epoch_address(*first).0;
        let instructions: Vec<_> = epochs
            .iter()
            .map(|(number, rent_payer)| instructions::close_epoch(*number, rent_payer))
            .collect();
        let is_done = || async { Ok(self.connection.account(&address).await?.is_none()) };
        Ok(self.sender.send_unless(is_done, &instructions, &[]).await?)
    }
}
