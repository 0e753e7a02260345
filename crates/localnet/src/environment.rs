//! What a program needs to know to use a local network, as a `.env` file.

use {
    crate::{Error, Localnet},
    lumora_interface::{bandwidth, market, registry, rewards, tasks},
    solana_signer::Signer,
    std::{fmt::Write, path::Path},
};

impl Localnet {
    /// The network's addresses as lines of `NAME=value`.
    pub fn environment(&self) -> String {
        let pairs = [
            ("LUMORA_RPC_URL", self.rpc_url().to_owned()),
            ("LUMORA_WEBSOCKET_URL", self.websocket_url().to_owned()),
            ("LUMORA_AUTHORITY", self.authority().pubkey().to_string()),
            ("LUMORA_REGISTRY_PROGRAM", registry::ID.to_string()),
            ("LUMORA_BANDWIDTH_PROGRAM", bandwidth::ID.to_string()),
            ("LUMORA_REWARDS_PROGRAM", rewards::ID.to_string()),
            ("LUMORA_TASKS_PROGRAM", tasks::ID.to_string()),
            ("LUMORA_MARKET_PROGRAM", market::ID.to_string()),
            ("LUMORA_LMR_MINT", rewards::MINT.to_string()),
        ];
        let mut text = String::new();
        for (name, value) in pairs {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}={value}");
        }
        text
    }

    /// Writes [`Localnet::environment`] to a file.
    pub fn write_environment(&self, path: &Path) -> Result<(), Error> {
        std::fs::write(path, self.environment()).map_err(|source| Error::Environment {
            path: path.to_owned(),
            source,
        })
    }
}
