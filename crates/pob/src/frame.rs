//! The control messages and how they are framed on the control stream: a little-endian u16 length, then borsh.

use std::net::{IpAddr, SocketAddr};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::protocol::Violation;
use crate::receipt::Receipt;

/// Longest frame body. Bounds what a peer can make the other side buffer.
pub const MAXIMUM_BODY: usize = 1_024;
/// Longest sentence in a [`Frame::Refuse`], in bytes.
pub const MAXIMUM_SENTENCE: usize = 512;

/// A control message. P is the prover, C the challenger; they come in this order.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Frame {
    /// P: who wants to be measured. `limit_kbps` is the node's own limit.
    Hello {
        version: u16,
        network_id: [u8; 32],
        epoch: u64,
        round: u32,
        node: [u8; 32],
        limit_kbps: u32,
    },
    /// Either: it ends here, and why. `reason` is a reason code.
    Refuse { reason: u8, sentence: String },
    /// C: the commitment to the seed, before any payload.
    Commit {
        seed_commitment: [u8; 32],
        signature: [u8; 64],
        limit_kbps: u32,
        unix_timestamp: i64,
    },
    /// C: a round trip is timed.
    Ping { nonce: u64 },
    /// P: the answer to it.
    Pong { nonce: u64 },
    /// P, during Down: the running transcript hash after the next chunk.
    Answer { running: [u8; 32] },
    /// C: Down is over; so many chunks are in the transcript.
    DownEnd { chunks: u32 },
    /// C: send the keystream of this key upwards.
    UpStart { key: [u8; 32], min_rtt_us: u32 },
    /// C, during Up: so many chunks have come in whole.
    Received { chunks: u32 },
    /// P, during Up: the link is full since this chunk. Said again when the link was idle in between.
    Steady { chunk: u32 },
    /// C: Up is over; so many chunks are in the transcript.
    UpEnd { chunks: u32 },
    /// P: what it moved for others meanwhile, and by how much it was late in running its side of each direction.
    Report {
        background_down_bytes: u64,
        background_up_bytes: u64,
        late_down_us: u32,
        late_up_us: u32,
    },
    /// C: the receipt, signed.
    Receipt { receipt: Receipt, signature: [u8; 64] },
    /// P: its signature under the same receipt.
    Countersign { signature: [u8; 64] },
    /// C: the seed.
    Reveal { seed: [u8; 32] },
    /// C, instead of Commit: it is not this node's turn yet; dial again in so many milliseconds.
    Later { millis: u32 },
    /// C, instead of Commit: dial here, where somebody has the same key. IPv6 (IPv4 mapped) and port.
    Elsewhere { address: [u8; 16], port: u16 },
}

impl Frame {
    /// A refusal whose sentence fits.
    pub fn refuse(reason: u8, sentence: &str) -> Self {
        let mut end = sentence.len().min(MAXIMUM_SENTENCE);
        while !sentence.is_char_boundary(end) {
            end -= 1;
        }
        Self::Refuse {
            reason,
            sentence: sentence[..end].to_owned(),
        }
    }

    /// Tells where to dial instead.
    pub fn elsewhere(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Self::Elsewhere {
            address: ip.octets(),
            port: address.port(),
        }
    }

    /// Length and body.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0, 0];
        self.serialize(&mut bytes).expect("writing to a vector cannot fail");
        let body = u16::try_from(bytes.len() - 2).expect("every frame is shorter than MAXIMUM_BODY");
        bytes[..2].copy_from_slice(&body.to_le_bytes());
        bytes
    }

    /// The variant's name, for error messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "Hello",
            Self::Refuse { .. } => "Refuse",
            Self::Commit { .. } => "Commit",
            Self::Ping { .. } => "Ping",
            Self::Pong { .. } => "Pong",
            Self::Answer { .. } => "Answer",
            Self::DownEnd { .. } => "DownEnd",
            Self::UpStart { .. } => "UpStart",
            Self::Received { .. } => "Received",
            Self::Steady { .. } => "Steady",
            Self::UpEnd { .. } => "UpEnd",
            Self::Report { .. } => "Report",
            Self::Receipt { .. } => "Receipt",
            Self::Countersign { .. } => "Countersign",
            Self::Reveal { .. } => "Reveal",
            Self::Later { .. } => "Later",
            Self::Elsewhere { .. } => "Elsewhere",
        }
    }
}

/// Cuts frames out of a byte stream.
#[derive(Default)]
pub struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if it is there.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Violation> {
        let Some((length, rest)) = self.buffer.split_first_chunk::<2>() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_le_bytes(*length));
        if length > MAXIMUM_BODY {
            return Err(Violation::FrameTooLong(length));
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = borsh::from_slice(body).map_err(|_| Violation::MalformedFrame)?;
        self.buffer.drain(..2 + length);
        Ok(Some(frame))
    }
}
