//! Creates the oracle set and the vault for its bonds, brings a set of an older layout to the present one, and adds the members that
//! the settings name. Removing one is a decision of its own, not a migration; so is depositing its bond.

use {
    crate::{Context, Error, Outcome},
    lumora_client::{
        Outcome as Sent,
        bandwidth::{add_oracle, create_oracle_vault, initialize, migrate_oracle_set},
    },
    lumora_interface::bandwidth::{AddOracleArguments, BOND_VAULT, ORACLE_SET, ORACLE_SET_SPACE_V1, OracleSet},
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

    let is_migrated = || async {
        let set = connection.account(&ORACLE_SET).await?;
        Ok(set.is_none_or(|account| account.data.len() != ORACLE_SET_SPACE_V1))
    };
    if let Sent::Landed(_) = sender
        .send_unless(is_migrated, &[migrate_oracle_set(&authority)], &[])
        .await?
    {
        done.push("brought the oracle set to its present layout".to_owned());
    }

    let exists = || async { Ok(connection.account(&BOND_VAULT).await?.is_some()) };
    if let Sent::Landed(_) = sender
        .send_unless(exists, &[create_oracle_vault(&authority)], &[])
        .await?
    {
        done.push("created the vault of the oracles' bonds".to_owned());
    }

    for oracle in &context.settings.oracles.members {
        let key = oracle.key.0;
        let arguments = AddOracleArguments {
            key,
            endpoint: oracle.endpoint_bytes(),
            owner: oracle.owner.map_or(authority, |owner| owner.0),
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
