//! Creates the oracle set and adds the members that the settings name. Removing one is a decision of its own, not a migration.

use {
    crate::{Context, Error, Outcome},
    lumora_client::{
        Outcome as Sent,
        bandwidth::{add_oracle, initialize},
    },
    lumora_interface::bandwidth::{AddOracleArguments, ORACLE_SET, OracleSet},
};

pub(crate) async fn run(context: &Context<'_>) -> Result<Outcome, Error> {
    let (sender, connection) = (context.sender, context.sender.connection());
    let authority = sender.payer_address();
    let mut done = Vec::new();

    let create = initialize(&authority, &context.settings.oracles_arguments());
    let exists = || async { Ok(connection.account(&ORACLE_SET).await?.is_some()) };
    if let Sent::Landed(_) = sender.send_unless(exists, &[create], &[]).await? {
        done.push("created the oracle set".to_owned());
    }

    for oracle in &context.settings.oracles.members {
        let key = oracle.key.0;
        let arguments = AddOracleArguments {
            key,
            endpoint: oracle.endpoint_bytes(),
        };
        let is_member = || async {
            Ok(connection
                .fetch::<OracleSet>(&ORACLE_SET)
                .await?
                .index_of(&key)
                .is_some())
        };
        if let Sent::Landed(_) = sender
            .send_unless(is_member, &[add_oracle(&authority, &arguments)], &[])
            .await?
        {
            done.push(format!("added oracle {key}"));
        }
    }
    Ok(Outcome::of(done))
}
