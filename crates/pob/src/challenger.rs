//! The oracle's side: listens, asks the policy, measures whom it allows, hands the receipts on.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::driver::{self, CLOSE_DONE, CLOSE_FAILED, Control};
use crate::error::PobError;
use crate::frame::Frame;
use crate::identity::Identity;
use crate::neighbours::Neighbourhood;
use crate::protocol::{self, LONGEST_WINDOW_US, SHORTEST_WINDOW_US, Terms, VERSION, Violation};
use crate::prover::unix_timestamp;
use crate::receipt::{Context, Receipt, SignedReceipt};
use crate::{tls, transport};
use lumora_core::reason::Reason;
use lumora_core::schedule::NetworkTag;

/// Time for the handshake and Hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// How a challenger measures.
#[derive(Clone, Debug)]
pub struct Config {
    /// The only network whose nodes are measured; zero for measurements by hand.
    pub network_id: [u8; 32],
    /// How long a direction is watched at most when its estimate does not settle (120 to 800 ms). Most settle at once.
    pub window: Duration,
    /// Measurements at once; who comes when they run is told to come again in a moment. Eight times as many may be at the
    /// door, to wait for their turn or to be told when it is; more are turned away.
    pub concurrent: usize,
}

/// How many may be at the door for each place.
const WAITING_PER_PLACE: usize = 8;
/// Longest that a node which comes early is kept waiting: it gives up on a silent challenger after three seconds.
pub const LONGEST_HOLD: Duration = Duration::from_secs(2);
/// When a node is to come again that found no place, unless the policy names another time then.
const BUSY_MILLIS: u32 = 500;

impl Default for Config {
    fn default() -> Self {
        Self {
            network_id: [0; 32],
            window: Duration::from_micros(LONGEST_WINDOW_US),
            concurrent: 64,
        }
    }
}

/// What a prover says it is. Only `prover_key` and `address` are proven; the policy checks the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub prover_key: [u8; 32],
    pub address: SocketAddr,
    pub node: [u8; 32],
    pub epoch: u64,
    pub round: u32,
    pub limit_kbps: u32,
}

/// A policy's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Measure.
    Allow(Permit),
    /// Not yet: the node is to dial again in so many milliseconds.
    Later { millis: u32 },
    /// Another process of this oracle, with the same key, measures this node: the node is to dial there.
    Elsewhere { address: SocketAddr },
    /// Do not; the sentence reaches the node's owner.
    Refuse { reason: u8, sentence: String },
}

/// How a node is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Up to this rate in kbit/s, or the node's own limit when that is lower.
    pub limit_kbps: u32,
    /// Which network it dials from; see [`Receipt::network`](crate::Receipt::network).
    pub network: NetworkTag,
    /// The pass of its round and when it begins, at most [`LONGEST_HOLD`] from now; `None` for at once.
    pub instant: Option<(u8, Instant)>,
}

impl Permit {
    /// At once, and of no network in particular.
    pub fn up_to(limit_kbps: u32) -> Self {
        Self {
            limit_kbps,
            network: NetworkTag::default(),
            instant: None,
        }
    }
}

/// Says whom to measure. Any `async` closure from [`Claim`] to [`Decision`] is one.
pub trait Policy: Send + Sync + 'static {
    fn decide(&self, claim: Claim) -> impl Future<Output = Decision> + Send;
}

impl<F, D> Policy for F
where
    F: Fn(Claim) -> D + Send + Sync + 'static,
    D: Future<Output = Decision> + Send,
{
    fn decide(&self, claim: Claim) -> impl Future<Output = Decision> + Send {
        self(claim)
    }
}

/// A listening challenger.
pub struct Challenger {
    endpoint: Endpoint,
    identity: Identity,
    config: Config,
}

impl Challenger {
    /// Opens the UDP socket. Must be called within a tokio runtime.
    pub fn bind(address: SocketAddr, identity: Identity, config: Config) -> Result<Self, PobError> {
        let bind = |source| PobError::Bind { address, source };
        let socket = transport::socket(address).map_err(bind)?;
        let mut server = ServerConfig::with_crypto(Arc::new(tls::server(&identity)?));
        server
            .transport_config(transport::config())
            .migration(false)
            .max_incoming(WAITING_PER_PLACE * config.concurrent.max(1));
        let endpoint =
            Endpoint::new(EndpointConfig::default(), Some(server), socket, Arc::new(TokioRuntime)).map_err(bind)?;
        Ok(Self {
            endpoint,
            identity,
            config,
        })
    }

    pub fn local_addr(&self) -> Result<SocketAddr, PobError> {
        let unknown = ([0, 0, 0, 0], 0).into();
        self.endpoint.local_addr().map_err(|source| PobError::Bind {
            address: unknown,
            source,
        })
    }

    /// The key that provers must be told.
    pub fn key(&self) -> [u8; 32] {
        self.identity.public()
    }

    /// Stops [`Self::serve`], and ends the measurements that run.
    pub fn close(&self) {
        self.endpoint.close(CLOSE_DONE, b"the challenger stops");
    }

    /// Measures whoever dials and is allowed, until [`Self::close`] is called or nobody takes receipts any more. Each
    /// result, failures after the commitment included, goes to `receipts`.
    pub async fn serve<P: Policy>(&self, policy: P, receipts: mpsc::Sender<SignedReceipt>) {
        let policy = Arc::new(policy);
        let concurrent = self.config.concurrent.max(1);
        let door = Arc::new(Semaphore::new(WAITING_PER_PLACE * concurrent));
        let places = Arc::new(Semaphore::new(concurrent));
        let neighbourhood = Neighbourhood::default();
        let mut measurements = JoinSet::new();
        loop {
            let incoming = tokio::select! {
                incoming = self.endpoint.accept() => incoming,
                Some(_) = measurements.join_next() => continue,
                () = receipts.closed() => None,
            };
            let Some(incoming) = incoming else { break };
            let Ok(entered) = Arc::clone(&door).try_acquire_owned() else {
                tracing::warn!(address = %incoming.remote_address(), "turned away: too many are waiting");
                incoming.refuse();
                continue;
            };
            let measurement = Measurement {
                identity: self.identity.clone(),
                config: self.config.clone(),
                policy: Arc::clone(&policy),
                places: Arc::clone(&places),
                receipts: receipts.clone(),
                neighbourhood: neighbourhood.clone(),
            };
            measurements.spawn(async move {
                let address = incoming.remote_address();
                if let Err(error) = measurement.run(incoming).await {
                    tracing::info!(%address, %error, "a measurement failed");
                }
                drop(entered);
            });
        }
        // Dropping the set would cut off measurements whose receipts somebody may still take.
        if receipts.is_closed() {
            measurements.abort_all();
        }
        while measurements.join_next().await.is_some() {}
    }
}

struct Measurement<P> {
    identity: Identity,
    config: Config,
    policy: Arc<P>,
    places: Arc<Semaphore>,
    receipts: mpsc::Sender<SignedReceipt>,
    neighbourhood: Neighbourhood,
}

impl<P: Policy> Measurement<P> {
    async fn run(self, incoming: Incoming) -> Result<(), PobError> {
        let address = incoming.remote_address();
        let hello = async {
            let connection = incoming.await.map_err(connection_error)?;
            let streams = connection.accept_bi().await.map_err(connection_error)?;
            let mut control = Control::new(streams);
            let frame = control.next_frame().await?;
            Ok::<_, PobError>((connection, control, frame))
        };
        let (connection, mut control, frame) =
            tokio::time::timeout(HELLO_TIMEOUT, hello)
                .await
                .map_err(|_| Violation::TimedOut {
                    expected: "Hello",
                    seconds: HELLO_TIMEOUT.as_secs(),
                })??;

        let result = match self.admit(&connection, address, frame).await {
            Ok((terms, _place)) => self.measure(&connection, &mut control, terms).await,
            Err(refusal) => {
                let outcome = control.send(&refusal).await;
                let _ = control.sender.finish();
                outcome
            }
        };
        // The prover closes when it has read the last frame; closing first could overtake it.
        let _ = tokio::time::timeout(Duration::from_secs(2), connection.closed()).await;
        connection.close(if result.is_ok() { CLOSE_DONE } else { CLOSE_FAILED }, b"");
        result
    }

    /// The terms and a place, at the instant at which it begins; or the frame that refuses.
    async fn admit(
        &self,
        connection: &Connection,
        address: SocketAddr,
        frame: Frame,
    ) -> Result<(Terms, SemaphorePermit<'_>), Frame> {
        let aborted = |sentence: &str| Frame::refuse(Reason::Aborted as u8, sentence);
        let Frame::Hello {
            version,
            network_id,
            epoch,
            round,
            node,
            limit_kbps,
        } = frame
        else {
            let violation = Violation::Unexpected {
                frame: frame.name(),
                expected: "Hello",
            };
            return Err(aborted(&violation.to_string()));
        };
        if version != VERSION {
            return Err(aborted(&Violation::Version(version).to_string()));
        }
        if network_id != self.config.network_id {
            return Err(aborted(
                "This challenger serves another network. Check which network the node is configured for.",
            ));
        }
        let prover_key = tls::peer_key(connection).map_err(|error| aborted(&error.to_string()))?;
        let claim = Claim {
            prover_key,
            address,
            node,
            epoch,
            round,
            limit_kbps,
        };
        let permit = match self.policy.decide(claim).await {
            Decision::Allow(permit) => permit,
            Decision::Later { millis } => return Err(Frame::Later { millis }),
            Decision::Elsewhere { address } => return Err(Frame::elsewhere(address)),
            Decision::Refuse { reason, sentence } => return Err(Frame::refuse(reason, &sentence)),
        };
        let limit_kbps = limit_kbps.min(permit.limit_kbps);
        if limit_kbps == 0 {
            return Err(aborted(
                "A limit of 0 kbit/s leaves nothing to measure. Raise the node's limit.",
            ));
        }
        if let Some((_, instant)) = permit.instant {
            tokio::time::sleep_until(instant.min(Instant::now() + LONGEST_HOLD)).await;
        }
        let place = self
            .places
            .try_acquire()
            .map_err(|_| Frame::Later { millis: BUSY_MILLIS })?;
        let challenger_key = self.identity.public();
        let terms = Terms {
            context: Context {
                network_id,
                epoch,
                round,
                node,
                prover_key,
                challenger_key,
            },
            limit_kbps,
            seed: rand::random(),
            unix_timestamp: unix_timestamp(),
            network: permit.network,
            pass: permit.instant.map_or(Receipt::UNSCHEDULED, |(pass, _)| pass),
            window_us: self
                .config
                .window
                .as_micros()
                .clamp(SHORTEST_WINDOW_US.into(), LONGEST_WINDOW_US.into()) as u64,
        };
        Ok((terms, place))
    }

    async fn measure(&self, connection: &Connection, control: &mut Control, terms: Terms) -> Result<(), PobError> {
        let mut machine = protocol::Challenger::new(self.identity.clone(), terms);
        let membership = self.neighbourhood.enter(connection.remote_address().ip());
        let result = driver::run(connection, control, &mut machine, membership).await;
        let receipt = match &result {
            Ok(()) => {
                let _ = control.sender.finish();
                machine.into_signed()
            }
            Err(PobError::Violation(violation)) => Some(machine.failure(violation.reason())),
            Err(_) => Some(machine.failure(Reason::Aborted)),
        };
        if let Some(receipt) = receipt {
            // Nobody takes it when the challenger is being shut down.
            let _ = self.receipts.send(receipt).await;
        }
        result
    }
}

fn connection_error(error: impl std::fmt::Display) -> PobError {
    PobError::Connection(error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use quinn::ClientConfig;

    use super::*;
    use crate::Request;

    /// A peer that speaks QUIC and TLS rightly and nothing else.
    async fn connect(challenger: &Challenger) -> (Endpoint, Connection) {
        let endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
        let mut config = ClientConfig::new(Arc::new(tls::client(&Identity::generate(), challenger.key()).unwrap()));
        config.transport_config(transport::config());
        let connecting = endpoint
            .connect_with(config, challenger.local_addr().unwrap(), "challenger.lumora")
            .unwrap();
        (endpoint, connecting.await.unwrap())
    }

    fn challenger(concurrent: usize) -> (Arc<Challenger>, mpsc::Receiver<SignedReceipt>) {
        let config = Config {
            concurrent,
            ..Config::default()
        };
        let challenger = Arc::new(Challenger::bind(([127, 0, 0, 1], 0).into(), Identity::generate(), config).unwrap());
        let (sender, receiver) = mpsc::channel(16);
        let serving = Arc::clone(&challenger);
        let everybody = |_: Claim| async { Decision::Allow(Permit::up_to(10_000)) };
        tokio::spawn(async move { serving.serve(everybody, sender).await });
        (challenger, receiver)
    }

    /// On a machine with far too much to do, a measurement may well be inconclusive.
    fn assert_served(outcome: &Result<SignedReceipt, PobError>) {
        let served = match outcome {
            Ok(_) => true,
            Err(PobError::Refused { reason, .. }) => *reason == Reason::Inconclusive as u8,
            Err(_) => false,
        };
        assert!(served, "{outcome:?}");
    }

    /// What the challenger says to a peer whose first bytes are `bytes`.
    async fn answer_to(challenger: &Challenger, bytes: &[u8]) -> String {
        let (_endpoint, connection) = connect(challenger).await;
        let mut control = Control::new(connection.open_bi().await.unwrap());
        control.sender.write_all(bytes).await.unwrap();
        match control.next_frame().await {
            Ok(Frame::Refuse { sentence, .. }) => sentence,
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn garbage_is_turned_away_and_the_next_prover_is_served() {
        let (challenger, mut receipts) = challenger(8);
        for bytes in [&[0xff; 64][..], &[3, 0, 0xee, 1, 2], &Frame::Pong { nonce: 1 }.encode()] {
            let answer = answer_to(&challenger, bytes).await;
            assert!(!answer.contains("Commit"), "{answer}");
        }
        let hello = Frame::Hello {
            version: 99,
            network_id: [0; 32],
            epoch: 0,
            round: 0,
            node: [0; 32],
            limit_kbps: 1,
        };
        let answer = answer_to(&challenger, &hello.encode()).await;
        assert!(answer.contains("version 99"), "{answer}");

        // Rightly begun, then garbage: recorded as a failure.
        let hello = Frame::Hello {
            version: 1,
            network_id: [0; 32],
            epoch: 0,
            round: 0,
            node: [5; 32],
            limit_kbps: 9_000,
        };
        let (_endpoint, connection) = connect(&challenger).await;
        let mut control = Control::new(connection.open_bi().await.unwrap());
        control.send(&hello).await.unwrap();
        assert!(matches!(
            control.next_frame().await.unwrap(),
            Frame::Commit { limit_kbps: 9_000, .. }
        ));
        control.sender.write_all(&[0xff; 300]).await.unwrap();
        let failure = receipts.recv().await.unwrap();
        failure.verify().unwrap();
        assert_eq!(
            (failure.receipt.node, failure.receipt.reason),
            ([5; 32], Reason::Aborted as u8)
        );

        let target = challenger.local_addr().unwrap();
        let outcome = crate::measure(target, challenger.key(), &Identity::generate(), Request::default()).await;
        let kept = receipts.recv().await.unwrap();
        assert_served(&outcome);
        if let Ok(signed) = outcome {
            assert_eq!(kept, signed);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn more_than_have_room_at_the_door_are_turned_away_and_silence_makes_room() {
        let (challenger, _receipts) = challenger(1);
        let mut silent = Vec::new();
        for _ in 0..WAITING_PER_PLACE {
            silent.push(connect(&challenger).await);
        }
        let target = challenger.local_addr().unwrap();
        let identity = Identity::generate();
        let ask = || crate::measure(target, challenger.key(), &identity, Request::default());
        assert!(matches!(ask().await, Err(PobError::Connect { .. })));
        // The silent ones are dropped after the time for Hello (and two seconds for them to close).
        for (_endpoint, silent) in &silent {
            tokio::time::timeout(Duration::from_secs(9), silent.closed())
                .await
                .unwrap();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_served(&ask().await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_finds_no_place_is_told_to_come_again() {
        let (challenger, _receipts) = challenger(1);
        let (_endpoint, connection) = connect(&challenger).await;
        let mut control = Control::new(connection.open_bi().await.unwrap());
        let hello = Frame::Hello {
            version: VERSION,
            network_id: [0; 32],
            epoch: 0,
            round: 0,
            node: [5; 32],
            limit_kbps: 9_000,
        };
        control.send(&hello).await.unwrap();
        assert!(matches!(control.next_frame().await.unwrap(), Frame::Commit { .. }));
        let target = challenger.local_addr().unwrap();
        let second = crate::measure(target, challenger.key(), &Identity::generate(), Request::default()).await;
        assert!(
            matches!(second, Err(PobError::Later { millis: BUSY_MILLIS })),
            "{second:?}"
        );
    }
}
