//! How QUIC is set up for measuring: no congestion control of its own (the pacer does it), large windows, few
//! acknowledgements.

use std::any::Any;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::congestion::{Controller, ControllerFactory};
use quinn::{AckFrequencyConfig, Connection, TransportConfig, VarInt};
use socket2::SockRef;

use crate::wire::{WireCounters, header_bytes};

/// Most payload that may be on its way: 1 Gbit/s over 130 ms.
const WINDOW: u32 = 16 << 20;
/// Kernel buffer, so that a process that is scheduled late loses nothing. The kernel gives what it allows.
const SOCKET_BUFFER: usize = 4 << 20;

pub(crate) fn config() -> Arc<TransportConfig> {
    let mut acknowledgements = AckFrequencyConfig::default();
    // An acknowledgement for every other packet would take 2 % of a symmetric link and more of an asymmetric one.
    acknowledgements
        .ack_eliciting_threshold(VarInt::from_u32(10))
        .max_ack_delay(Some(Duration::from_millis(10)));
    let mut config = TransportConfig::default();
    config
        .congestion_controller_factory(Arc::new(Unlimited))
        .ack_frequency_config(Some(acknowledgements))
        .stream_receive_window(VarInt::from_u32(WINDOW))
        .receive_window(VarInt::from_u32(WINDOW))
        .send_window(u64::from(WINDOW))
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(1))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(VarInt::from_u32(5_000).into()));
    Arc::new(config)
}

pub(crate) fn socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    let reference = SockRef::from(&socket);
    for outcome in [
        reference.set_recv_buffer_size(SOCKET_BUFFER),
        reference.set_send_buffer_size(SOCKET_BUFFER),
    ] {
        if let Err(error) = outcome {
            tracing::debug!(%error, "the kernel keeps its own socket buffer size");
        }
    }
    Ok(socket)
}

pub(crate) fn counters(connection: &Connection) -> WireCounters {
    let headers = header_bytes(connection.remote_address().ip());
    let stats = connection.stats();
    WireCounters {
        sent: stats.udp_tx.bytes + headers * stats.udp_tx.datagrams,
        lost: stats.path.lost_bytes + headers * stats.path.lost_packets,
        received: stats.udp_rx.bytes + headers * stats.udp_rx.datagrams,
    }
}

/// A window without end: above 2^32 bytes quinn does not pace either.
#[derive(Clone, Copy, Debug)]
struct Unlimited;

const WINDOW_WITHOUT_END: u64 = 1 << 40;

impl ControllerFactory for Unlimited {
    fn build(self: Arc<Self>, _now: Instant, _current_mtu: u16) -> Box<dyn Controller> {
        Box::new(*self)
    }
}

impl Controller for Unlimited {
    fn on_congestion_event(&mut self, _now: Instant, _sent: Instant, _persistent: bool, _lost_bytes: u64) {}

    fn on_mtu_update(&mut self, _new_mtu: u16) {}

    fn window(&self) -> u64 {
        WINDOW_WITHOUT_END
    }

    fn initial_window(&self) -> u64 {
        WINDOW_WITHOUT_END
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
