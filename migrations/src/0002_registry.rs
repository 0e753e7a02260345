//! Creates the network's configuration.

use {
    crate::{Context, Error, Outcome},
    lumora_client::registry::initialize,
    lumora_interface::registry::{NETWORK, Network},
};

pub(crate) async fn run(context: &Context<'_>) -> Result<Outcome, Error> {
    let connection = context.sender.connection();
    let authority = context.sender.payer_address();
    if let Some(network) = connection.fetch_optional::<Network>(&NETWORK).await? {
        // Somebody else's network: its parameters are not what the settings say, and nothing further would be allowed.
        if network.authority != authority {
            return Err(Error::NotAuthority {
                authority: network.authority,
            });
        }
        return Ok(Outcome::AlreadyDone);
    }
    let instruction = initialize(&authority, &context.settings.registry_arguments(authority));
    let exists = || async { Ok(connection.account(&NETWORK).await?.is_some()) };
    context.sender.send_unless(exists, &[instruction], &[]).await?;
    Ok(Outcome::Changed(format!(
        "created the network {:?}",
        context.settings.network.name
    )))
}
