//! Creates the LMR mint with its emission schedule, and the vault that holds bonds in it.

use {
    crate::{Context, Error, Outcome},
    lumora_client::{Outcome as Sent, registry::create_vault, rewards::initialize},
    lumora_interface::{registry::BOND_VAULT, rewards::EMISSION},
};

pub(crate) async fn run(context: &Context<'_>) -> Result<Outcome, Error> {
    let (sender, connection) = (context.sender, context.sender.connection());
    let authority = sender.payer_address();
    let mut done = Vec::new();

    let now = connection.unix_timestamp().await?;
    let create = initialize(&authority, &context.settings.rewards_arguments(now));
    let exists = || async { Ok(connection.account(&EMISSION).await?.is_some()) };
    if let Sent::Landed(_) = sender.send_unless(exists, &[create], &[]).await? {
        done.push("created the LMR mint and its emission schedule".to_owned());
    }

    let exists = || async { Ok(connection.account(&BOND_VAULT).await?.is_some()) };
    if let Sent::Landed(_) = sender.send_unless(exists, &[create_vault(&authority)], &[]).await? {
        done.push("created the bond vault".to_owned());
    }
    Ok(Outcome::of(done))
}
