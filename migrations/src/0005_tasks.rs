//! Names the treasury that receives the fees for work: the token account from which `burn_fees` burns a share of them.

use {
    crate::{Context, Error, Outcome},
    lumora_client::{Outcome as Sent, tasks::initialize},
    lumora_interface::{rewards::FEES, tasks::config_address},
};

pub(crate) async fn run(context: &Context<'_>) -> Result<Outcome, Error> {
    let (sender, connection) = (context.sender, context.sender.connection());
    let authority = sender.payer_address();
    let (config, _) = config_address();
    let instructions = [initialize(&authority, &FEES)];
    let exists = || async { Ok(connection.account(&config).await?.is_some()) };
    match sender.send_unless(exists, &instructions, &[]).await? {
        Sent::Landed(_) => Ok(Outcome::Changed("named the treasury for work".to_owned())),
        Sent::AlreadyDone => Ok(Outcome::AlreadyDone),
    }
}
