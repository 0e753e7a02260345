//! A veth pair into a network namespace of its own, shaped both ways by `tc tbf`.
//!
//! The host's end is 10.77.INDEX.1/30 and stays in the root namespace, the node's is 10.77.INDEX.2 and lives in the
//! namespace. All is gone when the [`Link`] is dropped; what a killed process left behind, the next one
//! removes: the namespace's name holds the process's number.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;

use super::LabError;

const PREFIX: &str = "lumora-";
/// IP bytes of a full packet, and what Ethernet adds to it: `tbf` counts the frame.
const PACKET_BYTES: u64 = 1_500;
const ETHERNET_BYTES: u64 = 14;
/// Longest time that a packet waits in the shaper before it is dropped.
const QUEUE_MS: u32 = 50;
/// The token bucket in milliseconds of the rate, and its least size: it must hold a few packets.
const BURST_MS: u64 = 2;
const LEAST_BURST: u64 = 8_192;

/// A shaped link to a network namespace.
#[derive(Debug)]
pub struct Link {
    /// Name of the network namespace, for `ip netns exec`.
    pub namespace: String,
    /// The address inside the namespace.
    pub node_ip: IpAddr,
    /// The host's address on this link: where a process in the namespace reaches the host.
    pub host_ip: IpAddr,
    /// The shaped rate in both directions, kbit/s of the IP layer (for packets of 1,500 bytes).
    pub rate_kbps: u32,
    index: u8,
}

impl Link {
    /// Whether this machine can make such links; the error says why not.
    pub fn is_available() -> Result<(), LabError> {
        // The owner of a file that this process has just opened for itself: the effective user, without a libc binding.
        let user = std::fs::metadata("/proc/self").map_or(u32::MAX, |metadata| {
            use std::os::unix::fs::MetadataExt;
            metadata.uid()
        });
        if user != 0 {
            return Err(LabError::NotRoot(user));
        }
        run(&["ip", "-Version"])?;
        run(&["tc", "-Version"])?;
        let probe = format!("{PREFIX}{}-probe", std::process::id());
        run(&["ip", "netns", "add", &probe])?;
        run(&["ip", "netns", "delete", &probe])
    }

    /// Makes link number `index` (1 to 254; links of one machine need different ones) with `rate_kbps` both ways.
    pub fn create(name: &str, index: u8, rate_kbps: u32) -> Result<Self, LabError> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 20 || !name.bytes().all(good) {
            return Err(LabError::BadName(name.to_owned()));
        }
        let (host, node) = (host_interface(index), node_interface(index));
        if index == 0 || index == u8::MAX || Path::new("/sys/class/net").join(&host).exists() {
            return Err(LabError::IndexTaken(index));
        }
        let link = Self {
            namespace: format!("{PREFIX}{}-{name}", std::process::id()),
            node_ip: Ipv4Addr::new(10, 77, index, 2).into(),
            host_ip: Ipv4Addr::new(10, 77, index, 1).into(),
            rate_kbps,
            index,
        };
        run(&["ip", "netns", "add", &link.namespace])?;
        // From here on, dropping `link` cleans up whatever was made.
        run(&[
            "ip",
            "link",
            "add",
            &host,
            "type",
            "veth",
            "peer",
            "name",
            &node,
            "netns",
            &link.namespace,
        ])?;
        run(&["ip", "address", "add", &format!("{}/30", link.host_ip), "dev", &host])?;
        run(&["ip", "link", "set", &host, "up"])?;
        link.inside(&["ip", "address", "add", &format!("{}/30", link.node_ip), "dev", &node])?;
        link.inside(&["ip", "link", "set", "lo", "up"])?;
        link.inside(&["ip", "link", "set", &node, "up"])?;
        link.inside(&["ip", "route", "add", "default", "via", &link.host_ip.to_string()])?;
        let shape = |device: &str| shaper(device, rate_kbps);
        run(&shape(&host).iter().map(String::as_str).collect::<Vec<_>>())?;
        link.inside(&shape(&node).iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(link)
    }

    /// Makes a link with the first free index from 128 on.
    pub fn create_any(name: &str, rate_kbps: u32) -> Result<Self, LabError> {
        for index in 128..=254 {
            match Self::create(name, index, rate_kbps) {
                Err(LabError::IndexTaken(_)) => {}
                // Somebody else took it in between.
                Err(LabError::Command { output, .. }) if output.contains("File exists") => {}
                other => return other,
            }
        }
        Err(LabError::NoFreeIndex)
    }

    /// A command that runs `program` inside the namespace. Only the link leads out of it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Bytes of whole Ethernet frames that went over the link so far: towards the node, and from it. As the host's end
    /// counts them.
    pub fn frame_bytes(&self) -> Result<(u64, u64), LabError> {
        self.counters()()
    }

    /// [`Link::frame_bytes`] for another thread; fails once the link is gone.
    pub fn counters(&self) -> impl Fn() -> Result<(u64, u64), LabError> + Send + 'static {
        let interface = host_interface(self.index);
        let read = move |counter: &str| {
            let path = format!("/sys/class/net/{interface}/statistics/{counter}");
            let text = std::fs::read_to_string(&path).map_err(LabError::Counter)?;
            text.trim()
                .parse()
                .map_err(|error| LabError::Counter(io::Error::other(format!("{path}: {error}"))))
        };
        move || Ok((read("tx_bytes")?, read("rx_bytes")?))
    }

    fn inside(&self, arguments: &[&str]) -> Result<(), LabError> {
        run(&[&["ip", "netns", "exec", self.namespace.as_str()], arguments].concat())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Deleting the namespace takes both ends along, but only when its last process and socket have gone.
        let _ = run(&["ip", "link", "delete", &host_interface(self.index)]);
        let _ = run(&["ip", "netns", "delete", &self.namespace]);
    }
}

/// Removes the links of processes that no longer run. Returns the names of the namespaces that were removed.
pub fn cleanup_stale() -> Result<Vec<String>, LabError> {
    let listed = output(&["ip", "netns", "list"])?;
    let mut removed = Vec::new();
    for namespace in listed.lines().filter_map(|line| line.split_whitespace().next()) {
        let owner = namespace
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        let Some(owner) = owner else { continue };
        if Path::new("/proc").join(owner.to_string()).exists() {
            continue;
        }
        // The host's end outlives the namespace while a process holds on to it; the node's end tells its number.
        let interfaces = output(&["ip", "-n", namespace, "-o", "link", "show"]).unwrap_or_default();
        for index in interfaces.lines().filter_map(index_of_node_interface) {
            let _ = run(&["ip", "link", "delete", &host_interface(index)]);
        }
        run(&["ip", "netns", "delete", namespace])?;
        removed.push(namespace.to_owned());
    }
    Ok(removed)
}

fn host_interface(index: u8) -> String {
    format!("{PREFIX}h{index}")
}

fn node_interface(index: u8) -> String {
    format!("{PREFIX}n{index}")
}

/// From a line such as `2: lumora-n130@if7: <BROADCAST,...`.
fn index_of_node_interface(line: &str) -> Option<u8> {
    let name = line.split_whitespace().nth(1)?.split(['@', ':']).next()?;
    name.strip_prefix(PREFIX)?.strip_prefix('n')?.parse().ok()
}

fn shaper(device: &str, rate_kbps: u32) -> Vec<String> {
    let frame_bits = u64::from(rate_kbps) * 1_000 * (PACKET_BYTES + ETHERNET_BYTES) / PACKET_BYTES;
    let burst = (u64::from(rate_kbps) * 125 * BURST_MS / 1_000).max(LEAST_BURST);
    let words = format!("tc qdisc add dev {device} root tbf rate {frame_bits}bit burst {burst} latency {QUEUE_MS}ms");
    words.split(' ').map(str::to_owned).collect()
}

fn run(words: &[&str]) -> Result<(), LabError> {
    output(words).map(|_| ())
}

fn output(words: &[&str]) -> Result<String, LabError> {
    let command = words.join(" ");
    let output = Command::new(words[0])
        .args(&words[1..])
        .output()
        .map_err(|source| LabError::NoTool {
            command: command.clone(),
            source,
        })?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(LabError::Command { command, output });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_index_off_an_interface() {
        assert_eq!(
            index_of_node_interface("2: lumora-n130@if7: <BROADCAST,MULTICAST,UP>"),
            Some(130)
        );
        assert_eq!(index_of_node_interface("1: lo: <LOOPBACK,UP>"), None);
        assert_eq!(index_of_node_interface("3: lumora-h130@if8: <UP>"), None);
    }

    #[test]
    fn shapes_by_the_frame_what_was_asked_by_the_packet() {
        let words = shaper("x", 100_000);
        assert!(words.contains(&"100933333bit".to_owned()), "{words:?}");
    }

    #[test]
    fn refuses_bad_names_before_touching_anything() {
        for name in ["", "UPPER", "a b", "../x", "abcdefghijklmnopqrstu"] {
            assert!(
                matches!(Link::create(name, 200, 1_000), Err(LabError::BadName(_))),
                "{name}"
            );
        }
    }
}
