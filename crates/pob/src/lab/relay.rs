//! A UDP relay on loopback with a token bucket and a delay each way: a link of a known rate where network namespaces
//! are not to be had.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::LabError;
use crate::wire::bytes_per_second;

/// IPv4 and UDP headers, so that the rate is that of the IP layer.
const HEADERS: usize = 28;
/// How long a relay thread sleeps at most before it looks whether it should end.
const POLL: Duration = Duration::from_millis(50);

/// One direction of a relay.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// kbit/s of the IP layer.
    pub rate_kbps: u32,
    /// Added to every packet.
    pub delay: Duration,
    /// The bucket: so many bytes pass at once after a pause.
    pub burst_bytes: u64,
    /// A packet that would wait longer is dropped.
    pub queue: Duration,
    /// So many packets in a million are lost besides.
    pub loss_ppm: u32,
}

impl Shape {
    /// A link as `tc tbf` makes it: 2 ms of burst, 50 ms of queue, no delay.
    pub fn rate(rate_kbps: u32) -> Self {
        let burst_bytes = (bytes_per_second(rate_kbps) / 500).max(8_192);
        Self {
            rate_kbps,
            delay: Duration::ZERO,
            burst_bytes,
            queue: Duration::from_millis(50),
            loss_ppm: 0,
        }
    }

    /// A path that only delays: for a link whose rate something else shapes.
    pub fn path(delay: Duration) -> Self {
        Self::rate(u32::MAX).delay(delay)
    }

    pub fn loss(self, loss_ppm: u32) -> Self {
        Self { loss_ppm, ..self }
    }

    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// A relay between one client and a target. It ends when dropped.
pub struct Relay {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Relays from a new port of `front` to `target`: `up` shapes what clients send, `down` what they receive.
    pub fn start_at(front: IpAddr, target: SocketAddr, down: Shape, up: Shape) -> Result<Self, LabError> {
        let open = |address: IpAddr| -> io::Result<UdpSocket> {
            let socket = UdpSocket::bind((address, 0))?;
            socket.set_read_timeout(Some(POLL))?;
            // The kernel gives what it allows.
            let _ = SockRef::from(&socket).set_recv_buffer_size(4 << 20);
            let _ = SockRef::from(&socket).set_send_buffer_size(4 << 20);
            Ok(socket)
        };
        let (front, back) = (
            Arc::new(open(front).map_err(LabError::Socket)?),
            Arc::new(open(target.ip()).map_err(LabError::Socket)?),
        );
        back.connect(target).map_err(LabError::Socket)?;
        let address = front.local_addr().map_err(LabError::Socket)?;
        let stop = Arc::new(AtomicBool::new(false));
        let client: Arc<Mutex<Option<SocketAddr>>> = Arc::default();

        let mut threads = Vec::new();
        let mut lane = |from: &Arc<UdpSocket>, to: &Arc<UdpSocket>, shape: Shape, towards_client: bool| {
            let queue = Arc::new(Queue::default());
            let (from, to, stop) = (Arc::clone(from), Arc::clone(to), Arc::clone(&stop));
            let (filled, client, stopped) = (Arc::clone(&queue), Arc::clone(&client), Arc::clone(&stop));
            threads.push(std::thread::spawn({
                let client = Arc::clone(&client);
                move || receive(&from, &filled, shape, (!towards_client).then_some(&*client), &stopped)
            }));
            threads.push(std::thread::spawn(move || {
                send(&to, &queue, towards_client.then_some(&*client), &stop)
            }));
        };
        lane(&front, &back, up, false);
        lane(&back, &front, down, true);
        Ok(Self { address, stop, threads })
    }

    /// Relays from a new loopback port to `target`: `up` shapes what clients send, `down` what they receive.
    pub fn start(target: SocketAddr, down: Shape, up: Shape) -> Result<Self, LabError> {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), target, down, up)
    }

    /// Where clients dial.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

type Client = Mutex<Option<SocketAddr>>;

#[derive(Default)]
struct Queue {
    packets: Mutex<VecDeque<(Instant, Vec<u8>)>>,
    changed: Condvar,
}

fn receive(socket: &UdpSocket, queue: &Queue, shape: Shape, client: Option<&Client>, stop: &AtomicBool) {
    let mut buffer = [0u8; 2_048];
    // The bucket as a clock: when the link will have sent all it was given. It may lag behind by the burst.
    let mut free_at = Instant::now();
    let rate = bytes_per_second(shape.rate_kbps).max(1) as f64;
    let burst = Duration::from_secs_f64(shape.burst_bytes as f64 / rate);
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        if let Some(client) = client {
            *client.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
        }
        if shape.loss_ppm > 0 && rand::random_range(0..1_000_000) < shape.loss_ppm {
            continue;
        }
        let now = Instant::now();
        free_at = free_at.max(now.checked_sub(burst).unwrap_or(now));
        if free_at > now + shape.queue {
            continue;
        }
        free_at += Duration::from_secs_f64((length + HEADERS) as f64 / rate);
        let departure = free_at.max(now) + shape.delay;
        queue
            .packets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back((departure, buffer[..length].to_vec()));
        queue.changed.notify_one();
    }
}

fn send(socket: &UdpSocket, queue: &Queue, client: Option<&Client>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let mut packets = queue.packets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((departure, _)) = packets.front() else {
            drop(
                queue
                    .changed
                    .wait_timeout(packets, POLL)
                    .unwrap_or_else(PoisonError::into_inner),
            );
            continue;
        };
        let wait = departure.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            drop(packets);
            std::thread::sleep(wait.min(POLL));
            continue;
        }
        let Some((_, packet)) = packets.pop_front() else {
            continue;
        };
        drop(packets);
        // A socket error is a lost packet, as on any link.
        let _ = match client {
            Some(client) => match *client.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(address) => socket.send_to(&packet, address),
                None => continue,
            },
            None => socket.send(&packet),
        };
    }
}
