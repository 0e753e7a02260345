//! The node's side: dials a challenger, is measured, comes back with the receipt.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, TokioRuntime};

use crate::driver::{self, CLOSE_DONE, CLOSE_FAILED, Control};
use crate::error::PobError;
use crate::identity::Identity;
use crate::protocol::{self, Asked, Machine};
use crate::receipt::{Context, SignedReceipt};
use crate::{tls, transport};

/// Time for the handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What to be measured for. `Default` is a measurement by hand: network, node, epoch and round zero, no limit to speak of.
#[derive(Clone)]
pub struct Request {
    /// Genesis hash or program id that tells networks apart; zero for a measurement by hand.
    pub network_id: [u8; 32],
    /// Address of the node's account; zero by hand.
    pub node: [u8; 32],
    pub epoch: u64,
    pub round: u32,
    /// The provider's own limit in kbit/s of the IP layer, both ways. Never exceeded: then it is what gets attested.
    pub limit_kbps: u32,
    /// What the node moves for others meanwhile.
    pub background: Arc<dyn Background>,
    /// Local address to dial from; `None` for any.
    pub local: Option<SocketAddr>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            network_id: [0; 32],
            node: [0; 32],
            epoch: 0,
            round: 0,
            limit_kbps: 1_000_000,
            background: Arc::new(NoBackground),
            local: None,
        }
    }
}

/// Counts what a node moves for others, which shares the link with a measurement.
pub trait Background: Send + Sync + 'static {
    /// Bytes received and sent for others since some start, ever growing.
    fn bytes(&self) -> (u64, u64);

    /// The measurement itself has received and sent so many more bytes of the IP layer.
    fn moved(&self, _received: u64, _sent: u64) {}
}

/// Nothing else uses the link.
pub struct NoBackground;

impl Background for NoBackground {
    fn bytes(&self) -> (u64, u64) {
        (0, 0)
    }
}

/// Has the link between here and the challenger at `target` measured. The challenger must prove `challenger_key`.
///
/// Where the challenger names another process that has the same key, that one is dialled. The receipt is signed by both, and
/// has been replayed from the revealed seed. Takes about half a second, on long paths two.
pub async fn measure(
    target: SocketAddr,
    challenger_key: [u8; 32],
    identity: &Identity,
    request: Request,
) -> Result<SignedReceipt, PobError> {
    let machine = |asked| protocol::Prover::new(identity.clone(), asked);
    match with_machine(target, challenger_key, identity, request.clone(), machine).await {
        // Once, and to nobody but who has the same key: it cannot be sent round in circles.
        Err(PobError::Elsewhere(to)) if !may_be_sent(target.ip(), to) => Err(PobError::SentInside { from: target, to }),
        Err(PobError::Elsewhere(to)) => with_machine(to, challenger_key, identity, request, machine).await,
        outcome => outcome,
    }
}

/// Whether a challenger at `from` may send a node to `to`. One on the Internet must not have nodes knock at doors inside their
/// own networks.
fn may_be_sent(from: IpAddr, to: SocketAddr) -> bool {
    let (from, ip) = (from.to_canonical(), to.ip().to_canonical());
    let is_one_host = !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::from([255; 4]);
    let reach = |ip: IpAddr| match ip {
        ip if ip.is_loopback() => Reach::Machine,
        IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() => Reach::Site,
        IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => Reach::Site,
        _ => Reach::Internet,
    };
    to.port() != 0 && is_one_host && reach(ip) >= reach(from)
}

/// From how far an address can be reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Machine,
    Site,
    Internet,
}

/// A prover's machine, honest or not.
pub(crate) trait Signing: Machine {
    /// The receipt that both have signed.
    fn into_signed(self) -> Option<SignedReceipt>;
}

impl Signing for protocol::Prover {
    fn into_signed(self) -> Option<SignedReceipt> {
        self.into_signed()
    }
}

/// [`measure`], with the machine of the caller's choice.
pub(crate) async fn with_machine<M: Signing>(
    target: SocketAddr,
    challenger_key: [u8; 32],
    identity: &Identity,
    request: Request,
    machine: impl FnOnce(Asked) -> M,
) -> Result<SignedReceipt, PobError> {
    let local = request.local.unwrap_or(if target.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    });
    let bind = |source| PobError::Bind { address: local, source };
    let socket = transport::socket(local).map_err(bind)?;
    let endpoint = Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime)).map_err(bind)?;
    let mut config = ClientConfig::new(Arc::new(tls::client(identity, challenger_key)?));
    config.transport_config(transport::config());

    // The name is not checked: the challenger's key is.
    let connecting = endpoint
        .connect_with(config, target, "challenger.lumora")
        .map_err(|error| connect_error(target, error))?;
    let connection = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| PobError::ConnectTimeout {
            target,
            seconds: CONNECT_TIMEOUT.as_secs(),
        })?
        .map_err(|error| match error {
            quinn::ConnectionError::TimedOut => PobError::ConnectTimeout {
                target,
                seconds: CONNECT_TIMEOUT.as_secs(),
            },
            other => connect_error(target, other),
        })?;
    let result = be_measured(&connection, challenger_key, identity, request, machine).await;
    let code = if result.is_ok() { CLOSE_DONE } else { CLOSE_FAILED };
    connection.close(code, b"");
    // The close is one packet; it is out when the endpoint is idle. The receipt need not wait for it.
    tokio::spawn(async move {
        let _ = tokio::time::timeout(Duration::from_millis(200), endpoint.wait_idle()).await;
    });
    result
}

async fn be_measured<M: Signing>(
    connection: &Connection,
    challenger_key: [u8; 32],
    identity: &Identity,
    request: Request,
    machine: impl FnOnce(Asked) -> M,
) -> Result<SignedReceipt, PobError> {
    let streams = connection
        .open_bi()
        .await
        .map_err(|error| PobError::Connection(error.to_string()))?;
    let mut control = Control::new(streams);
    let context = Context {
        network_id: request.network_id,
        epoch: request.epoch,
        round: request.round,
        node: request.node,
        prover_key: identity.public(),
        challenger_key,
    };
    let asked = Asked {
        context,
        limit_kbps: request.limit_kbps,
        unix_timestamp: unix_timestamp(),
    };
    let mut machine = machine(asked);
    driver::run(connection, &mut control, &mut machine, &*request.background).await?;
    machine
        .into_signed()
        .ok_or_else(|| PobError::Connection("it ended without a receipt".into()))
}

fn connect_error(target: SocketAddr, error: impl std::fmt::Display) -> PobError {
    PobError::Connect {
        target,
        reason: error.to_string(),
    }
}

pub(crate) fn unix_timestamp() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenger_sends_no_node_into_a_network_that_is_nearer_than_itself() {
        let sent = |from: [u8; 4], to: [u8; 4]| may_be_sent(from.into(), (to, 7001).into());
        let (machine, site, internet) = ([127, 0, 0, 1], [10, 0, 0, 1], [203, 0, 113, 5]);
        for (from, to, allowed) in [
            (internet, internet, true),
            (internet, site, false),
            (internet, machine, false),
            (site, internet, true),
            (site, site, true),
            (site, machine, false),
            (machine, machine, true),
            (machine, internet, true),
            (machine, [0, 0, 0, 0], false),
            (machine, [224, 0, 0, 1], false),
            (machine, [255; 4], false),
        ] {
            assert_eq!(sent(from, to), allowed, "{from:?} to {to:?}");
        }
        assert!(!may_be_sent(machine.into(), (internet, 0).into()));
        // An IPv4 address in the clothes of IPv6 is the same address.
        let mapped = std::net::Ipv4Addr::from(machine).to_ipv6_mapped();
        assert!(!may_be_sent(internet.into(), (mapped, 7001).into()));
    }
}
