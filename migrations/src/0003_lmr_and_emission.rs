//! Creates the LMR mint with its emission schedule and, where the network can, its name; and the vault that holds bonds in it.

use {
    crate::{Context, Error, Outcome},
    lumora_client::{
        Outcome as Sent,
        registry::create_vault,
        rewards::{create_metadata, initialize},
    },
    lumora_interface::{
        registry::BOND_VAULT,
        rewards::{EMISSION, METADATA, TOKEN_METADATA, TOKEN_NAME, TOKEN_SYMBOL},
    },
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

    if name_mint(context).await? {
        done.push(format!("named it {TOKEN_NAME} ({TOKEN_SYMBOL})"));
    }

    let exists = || async { Ok(connection.account(&BOND_VAULT).await?.is_some()) };
    if let Sent::Landed(_) = sender.send_unless(exists, &[create_vault(&authority)], &[]).await? {
        done.push("created the bond vault".to_owned());
    }
    Ok(Outcome::of(done))
}

/// Gives the mint its metadata, and says whether it did: not every network has the Token Metadata program.
async fn name_mint(context: &Context<'_>) -> Result<bool, Error> {
    let (sender, connection) = (context.sender, context.sender.connection());
    let program = connection.account(&TOKEN_METADATA).await?;
    if !program.is_some_and(|program| program.executable) {
        tracing::info!("the LMR mint stays without a name: this network has no Token Metadata program");
        return Ok(false);
    }
    let uri = &context.settings.emission.metadata_uri;
    let create = create_metadata(&sender.payer_address(), TOKEN_NAME, TOKEN_SYMBOL, uri);
    let exists = || async { Ok(connection.account(&METADATA).await?.is_some()) };
    let outcome = sender.send_unless(exists, &[create], &[]).await?;
    Ok(matches!(outcome, Sent::Landed(_)))
}
