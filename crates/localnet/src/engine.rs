//! Runs Surfpool in this process: the JSON-RPC and WebSocket servers on loopback, the chain behind them.

use {
    crate::{Error, clock::Clock},
    solana_address::Address,
    std::{
        net::{Ipv4Addr, TcpListener},
        thread,
        time::{Duration, Instant},
    },
    surfpool_core::{
        runloops::start_local_surfnet_runloop,
        surfnet::{
            locker::SurfnetSvmLocker,
            svm::{SurfnetSvm, SurfnetSvmConfig},
        },
    },
    surfpool_types::{
        BlockProductionMode, RpcConfig, SimnetCommand, SimnetConfig, SimnetEvent, SurfpoolConfig,
        channel::{Receiver, Sender, bounded, unbounded},
    },
};

const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Both servers say when they are down.
const SERVERS: usize = 2;

pub(crate) struct Configuration {
    pub(crate) rpc_port: u16,
    pub(crate) websocket_port: u16,
    pub(crate) slot_time: Duration,
    /// Wallets that hold lamports from the first slot on.
    pub(crate) funded: Vec<Address>,
    pub(crate) lamports: u64,
}

pub(crate) struct Engine {
    commands: Sender<SimnetCommand>,
    down: Receiver<()>,
    clock: Option<Clock>,
}

impl Engine {
    /// Starts the network and returns once it answers.
    pub(crate) fn start(configuration: &Configuration) -> Result<Self, Error> {
        for port in [configuration.rpc_port, configuration.websocket_port] {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| Error::PortTaken {
                port,
                reason: error.to_string(),
            })?;
        }
        let slot_time = u64::try_from(configuration.slot_time.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let simnet = SimnetConfig {
            offline_mode: true,
            remote_rpc_url: None,
            slot_time,
            // Blocks are asked for by our own clock.
            block_production_mode: BlockProductionMode::Manual,
            airdrop_addresses: configuration.funded.clone(),
            airdrop_token_amount: configuration.lamports,
            instruction_profiling_enabled: false,
            max_profiles: 1,
            ..Default::default()
        };
        let chain_config = SurfnetSvmConfig {
            surfnet_id: simnet.surfnet_id.clone(),
            slot_time,
            instruction_profiling_enabled: simnet.instruction_profiling_enabled,
            max_profiles: simnet.max_profiles,
            log_bytes_limit: simnet.log_bytes_limit,
            skip_blockhash_check: simnet.skip_blockhash_check,
            ..Default::default()
        };
        let config = SurfpoolConfig {
            simnets: vec![simnet],
            rpc: RpcConfig {
                bind_host: Ipv4Addr::LOCALHOST.to_string(),
                bind_port: configuration.rpc_port,
                ws_port: configuration.websocket_port,
                ..Default::default()
            },
            ..Default::default()
        };

        let (chain, events, geyser_events) =
            SurfnetSvm::new(chain_config).map_err(|error| Error::Start(error.to_string()))?;
        let chain = SurfnetSvmLocker::new(chain);
        let (commands, commands_received) = unbounded();
        // The engine blocks its thread and wants a runtime of its own.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("lumora-localnet")
            .enable_all()
            .build()
            .map_err(|error| Error::Start(error.to_string()))?;
        spawn("lumora-localnet", {
            let (chain, commands) = (chain.clone(), commands.clone());
            move || {
                let run = start_local_surfnet_runloop(chain, config, commands, commands_received, geyser_events);
                if let Err(error) = runtime.block_on(run) {
                    tracing::error!(%error, "the embedded network stopped");
                }
            }
        })?;

        wait_until_started(&events)?;
        let (down_sender, down) = bounded(SERVERS);
        spawn("lumora-localnet-events", move || follow(&events, &down_sender))?;
        let clock = Clock::start(chain, commands.clone(), configuration.slot_time)
            .map_err(|error| Error::Start(error.to_string()))?;
        Ok(Self {
            commands,
            down,
            clock: Some(clock),
        })
    }

    pub(crate) fn advance_clock(&self, by: Duration) {
        if let Some(clock) = &self.clock {
            clock.advance(by);
        }
    }

    /// Closes both servers and frees their ports.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        if self.clock.take().is_none() {
            return Ok(());
        }
        let unconfirmed = || Error::Stop {
            seconds: STOP_PATIENCE.as_secs(),
        };
        self.commands
            .send(SimnetCommand::Terminate(None))
            .map_err(|_| unconfirmed())?;
        let deadline = Instant::now() + STOP_PATIENCE;
        for _ in 0..SERVERS {
            self.down.recv_deadline(deadline).map_err(|_| unconfirmed())?;
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "the embedded network may still hold its ports");
        }
    }
}

/// Two neighbouring free ports, because a Solana client looks for the WebSocket on the port after the RPC's.
pub(crate) fn free_ports() -> Result<(u16, u16), Error> {
    const ATTEMPTS: usize = 64;
    for _ in 0..ATTEMPTS {
        let Ok(first) = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) else {
            continue;
        };
        let Ok(port) = first.local_addr().map(|address| address.port()) else {
            continue;
        };
        let Some(next) = port.checked_add(1) else { continue };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, next)).is_ok() {
            return Ok((port, next));
        }
    }
    Err(Error::NoFreePorts)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map_err(|error| Error::Start(error.to_string()))?;
    Ok(())
}

fn wait_until_started(events: &Receiver<SimnetEvent>) -> Result<(), Error> {
    loop {
        match events.recv() {
            Ok(SimnetEvent::CoreStarted(_)) => return Ok(()),
            Ok(SimnetEvent::Aborted(reason)) => return Err(Error::Start(reason)),
            Ok(SimnetEvent::Shutdown) => return Err(Error::Start("it shut down while starting".into())),
            Ok(_) => {}
            Err(_) => return Err(Error::Start("its thread ended; look at the log for the reason".into())),
        }
    }
}

/// Keeps the channel of events empty, logs what matters, and tells when a server is down.
fn follow(events: &Receiver<SimnetEvent>, down: &Sender<()>) {
    for event in events {
        match event {
            SimnetEvent::Shutdown => {
                // Nobody waits any more once the engine is dropped.
                let _ = down.try_send(());
            }
            // Whoever sent the transaction is told; a lost race is no news for anybody else.
            SimnetEvent::ErrorLog(_, message) => tracing::debug!(message, "embedded network"),
            SimnetEvent::WarnLog(_, message) => tracing::debug!(message, "embedded network"),
            _ => {}
        }
    }
}
