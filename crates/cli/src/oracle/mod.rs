//! What the commands about oracles ask, check and say.

pub mod audit;
pub mod epoch;
pub mod status;

use std::time::Duration;

use lumora_client::oracle_api::{OracleApiError, OracleClient};
use url::Url;

/// How long an oracle may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

fn client(oracle: Url) -> Result<OracleClient, OracleApiError> {
    OracleClient::new(oracle, PATIENCE)
}
