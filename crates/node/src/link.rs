//! The link that a node shares with its owner: reads the counters of the network interface, and keeps the node's traffic
//! within the limit and out of its owner's way ([`crate::plan::link`] decides).

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use lumora_data::fetch::{Paused, Throttle};
use lumora_pob::Background;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::plan::{
    allowance::Metering,
    link::{Counted, Share, TICK_MILLIS, Traffic, View},
};

/// How often it is looked whether the default route goes over another interface.
const ROUTE_EVERY: Duration = Duration::from_secs(10);
/// After a measurement, so long nothing is concluded from the counters, milliseconds: its last packets may not be counted yet.
const SETTLE_MILLIS: u64 = 300;
/// NetworkManager gets this long for an answer.
const ANSWER: Duration = Duration::from_secs(2);

/// The link. Cheap to clone.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    limit_kbps: u32,
    configured: Option<String>,
    throttle: Throttle,
    measured: Measured,
    model: Mutex<Model>,
    began: Instant,
}

/// Bytes of the IP layer that measurements moved.
#[derive(Default)]
struct Measured {
    received: AtomicU64,
    sent: AtomicU64,
}

struct Model {
    interface: Option<String>,
    down: Traffic,
    up: Traffic,
    share: Share,
    measuring: bool,
    /// Until then counters are not compared, milliseconds.
    settling_until: u64,
}

/// While it lives, the node fetches nothing, for its link is being measured.
#[must_use]
pub struct Measuring {
    link: Link,
    _paused: Paused,
}

/// Counts what a measurement moves; what it shares the link with is not reported.
struct Meter(Link);

impl Background for Meter {
    fn bytes(&self) -> (u64, u64) {
        (0, 0)
    }

    fn moved(&self, received: u64, sent: u64) {
        self.0.0.measured.received.fetch_add(received, Relaxed);
        self.0.0.measured.sent.fetch_add(sent, Relaxed);
    }
}

impl Link {
    /// A link of which the node may use `limit_kbps`, over `interface` or whichever the default route takes.
    pub fn new(limit_kbps: u32, interface: Option<String>) -> Self {
        let model = Model {
            interface: interface.clone(),
            down: Traffic::default(),
            up: Traffic::default(),
            share: Share::new(limit_kbps),
            measuring: false,
            settling_until: 0,
        };
        Self(Arc::new(Inner {
            limit_kbps,
            configured: interface,
            throttle: Throttle::limited_to(limit_kbps),
            measured: Measured::default(),
            model: Mutex::new(model),
            began: Instant::now(),
        }))
    }

    /// What all fetching goes through.
    pub fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// What a measurement is counted by.
    pub fn meter(&self) -> Arc<dyn Background> {
        Arc::new(Meter(self.clone()))
    }

    /// Bytes of the IP layer that the node moved since it was started, fetching and being measured: towards it and from it.
    pub fn moved(&self) -> (u64, u64) {
        let (received, sent) = self.0.throttle.moved();
        let measured = &self.0.measured;
        (
            received.saturating_add(measured.received.load(Relaxed)),
            sent.saturating_add(measured.sent.load(Relaxed)),
        )
    }

    /// Stops fetching for a measurement. One at a time.
    pub fn measure(&self) -> Measuring {
        self.model(|model| model.measuring = true);
        Measuring {
            link: self.clone(),
            _paused: self.0.throttle.pause(),
        }
    }

    /// A measurement under `limit_kbps` gave these figures.
    pub fn on_measurement(&self, down_kbps: u32, up_kbps: u32, limit_kbps: u32) {
        self.model(|model| {
            model.down.capacity.on_measurement(down_kbps, limit_kbps);
            model.up.capacity.on_measurement(up_kbps, limit_kbps);
        });
    }

    /// What the owner uses of the link (kbit/s, both directions), where that leaves no room for a measurement.
    pub fn in_use(&self) -> Option<u64> {
        let limit = self.0.limit_kbps;
        self.model(|model| {
            let bears = model.down.bears_measurement(limit) && model.up.bears_measurement(limit);
            (!bears).then(|| model.down.others_kbps().saturating_add(model.up.others_kbps()))
        })
    }

    /// How things stand.
    pub fn view(&self) -> View {
        self.model(|model| View {
            interface: model.interface.clone(),
            capacity_down_kbps: model.down.capacity.kbps(),
            capacity_up_kbps: model.up.capacity.kbps(),
            others_down_kbps: model.down.others_kbps(),
            others_up_kbps: model.up.others_kbps(),
            rate_kbps: model.share.rate_kbps(),
        })
    }

    /// Follows the interface's counters and sets the rate, for ever. Where there are none to be read, the limit alone holds.
    pub async fn follow(&self) {
        let mut tick = interval(Duration::from_millis(TICK_MILLIS));
        // A late look is as good as one in time: rates are reckoned with the time that passed.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut routed = None::<Instant>;
        loop {
            tick.tick().await;
            if routed.is_none_or(|at| at.elapsed() >= ROUTE_EVERY) {
                routed = Some(Instant::now());
                let interface = self.0.configured.clone().or_else(default_interface);
                self.model(|model| model.use_interface(interface));
            }
            self.look();
        }
    }

    fn look(&self) {
        let (received, sent) = self.moved();
        let now = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let rate = self.model(|model| {
            let counters = model.interface.as_deref().and_then(counters)?;
            if model.measuring {
                model.settling_until = now.saturating_add(SETTLE_MILLIS);
            }
            if now < model.settling_until {
                model.down.forget();
                model.up.forget();
            }
            let counted = |total, own| Counted {
                total,
                own: framed(own),
            };
            model.down.look(now, counted(counters.0, received));
            model.up.look(now, counted(counters.1, sent));
            Some(model.share.decide(now, &model.down))
        });
        self.0.throttle.set_rate(rate.unwrap_or(self.0.limit_kbps));
    }

    fn model<T>(&self, look: impl FnOnce(&mut Model) -> T) -> T {
        look(&mut self.0.model.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Model {
    fn use_interface(&mut self, interface: Option<String>) {
        if self.interface != interface {
            // Another link: nothing that was learnt holds for it.
            (self.down, self.up) = (Traffic::default(), Traffic::default());
            self.interface = interface;
        }
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        self.link.model(|model| model.measuring = false);
    }
}

/// Bytes as an interface counts them: 14 of Ethernet for a packet of 1,500.
fn framed(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 1_500 * 14)
}

/// Bytes that an interface has received and sent.
fn counters(interface: &str) -> Option<(u64, u64)> {
    counters_in(&std::fs::read_to_string("/proc/net/dev").ok()?, interface)
}

/// From `/proc/net/dev`: a line `eth0: bytes packets ...`, eight numbers received and eight sent.
fn counters_in(text: &str, interface: &str) -> Option<(u64, u64)> {
    let rest = text.lines().find_map(|line| {
        let (name, rest) = line.split_once(':')?;
        (name.trim() == interface).then_some(rest)
    })?;
    let mut numbers = rest.split_whitespace().map(str::parse);
    let received = numbers.next()?.ok()?;
    Some((received, numbers.nth(7)?.ok()?))
}

/// The interface of the default route, IPv4's first.
pub(crate) fn default_interface() -> Option<String> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    route_v4(&read("/proc/net/route")).or_else(|| route_v6(&read("/proc/net/ipv6_route")))
}

/// From `/proc/net/route`: interface, destination, gateway, flags, use, reference count, metric, mask.
fn route_v4(text: &str) -> Option<String> {
    let routes = text.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (interface, metric) = (*fields.first()?, fields.get(6)?.parse::<u32>().ok()?);
        let is_default = fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000");
        is_default.then_some((metric, interface))
    });
    routes.min().map(|(_, interface)| interface.to_owned())
}

/// From `/proc/net/ipv6_route`: destination, its length, source, its length, gateway, metric, ..., interface.
fn route_v6(text: &str) -> Option<String> {
    let routes = text.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (metric, interface) = (u32::from_str_radix(fields.get(5)?, 16).ok()?, *fields.last()?);
        let is_default = fields.get(1) == Some(&"00") && fields.first()?.bytes().all(|byte| byte == b'0');
        (is_default && interface != "lo").then_some((metric, interface))
    });
    routes.min().map(|(_, interface)| interface.to_owned())
}

/// What tells that an interface is paid for by volume, if something does.
pub(crate) async fn metering(interface: &str) -> Option<Metering> {
    let class = Path::new("/sys/class/net").join(interface);
    let uevent = std::fs::read_to_string(class.join("uevent")).unwrap_or_default();
    let driver = std::fs::read_link(class.join("device/driver")).unwrap_or_default();
    let driver = driver.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match metering_of(interface, &uevent, &driver) {
        None if network_manager_says_metered(interface).await => Some(Metering::NetworkManager),
        told => told,
    }
}

/// From the name of the interface, its `uevent` and its driver.
fn metering_of(interface: &str, uevent: &str, driver: &str) -> Option<Metering> {
    let is_called = |beginnings: &[&str]| beginnings.iter().any(|beginning| interface.starts_with(beginning));
    let is_modem = is_called(&["ww", "ppp", "rmnet"])
        || uevent.lines().any(|line| line == "DEVTYPE=wwan")
        || ["cdc_mbim", "qmi_wwan", "huawei_cdc_ncm", "sierra_net"].contains(&driver);
    let is_phone = is_called(&["bnep"]) || ["ipheth", "rndis_host"].contains(&driver);
    match (is_modem, is_phone) {
        (true, _) => Some(Metering::Modem),
        (_, true) => Some(Metering::Phone),
        _ => None,
    }
}

/// Asks NetworkManager, where there is one: it knows what the owner chose, and guesses from what a phone announces.
async fn network_manager_says_metered(interface: &str) -> bool {
    let mut command = tokio::process::Command::new("nmcli");
    command
        .args(["--get-values", "GENERAL.METERED", "device", "show", interface])
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    match tokio::time::timeout(ANSWER, command.output()).await {
        Ok(Ok(answer)) => answer.stdout.starts_with(b"yes"),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_the_name_of_the_interface() {
        let text = "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes ...\n\
                    \x20   lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0\n  eth0:5000 40 0 0 0 0 0 0 700 9 0 0 0 0 0 0\n";
        assert_eq!(counters_in(text, "eth0"), Some((5_000, 700)));
        assert_eq!(counters_in(text, "lo"), Some((100, 100)));
        assert_eq!(counters_in(text, "eth"), None);
        assert_eq!(counters_in("  eth0: a lot", "eth0"), None);
    }

    #[test]
    fn the_default_route_with_the_least_metric_is_taken() {
        let text = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                    wlan0 00000000 0100A8C0 0003 0 0 600 00000000 0 0 0\n\
                    eth0 00000000 0100A8C0 0003 0 0 100 00000000 0 0 0\n\
                    eth1 0000A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n";
        assert_eq!(route_v4(text).as_deref(), Some("eth0"));
        assert_eq!(route_v4(""), None);
        let zeros = "0".repeat(32);
        let text = format!(
            "{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200 lo\n\
             {zeros} 00 {zeros} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n"
        );
        assert_eq!(route_v6(&text).as_deref(), Some("eth0"));
    }

    #[test]
    fn links_that_cost_by_volume_are_known_by_what_they_are() {
        assert_eq!(metering_of("wwan0", "", ""), Some(Metering::Modem));
        assert_eq!(
            metering_of("usb0", "DEVTYPE=wwan\nINTERFACE=usb0\n", ""),
            Some(Metering::Modem)
        );
        assert_eq!(metering_of("ppp0", "", ""), Some(Metering::Modem));
        assert_eq!(
            metering_of("enx0a", "INTERFACE=enx0a\n", "rndis_host"),
            Some(Metering::Phone)
        );
        assert_eq!(metering_of("eth1", "", "ipheth"), Some(Metering::Phone));
        for (interface, driver) in [
            ("eth0", "e1000e"),
            ("wlp3s0", "iwlwifi"),
            ("enx0b", "ax88179_178a"),
            ("eth0", ""),
        ] {
            assert_eq!(metering_of(interface, "DEVTYPE=wlan\n", driver), None, "{interface}");
        }
    }

    #[tokio::test]
    async fn what_a_measurement_moves_is_counted_and_fetching_waits_for_it() {
        let link = Link::new(20_000, None);
        let measuring = link.measure();
        link.meter().moved(1_000, 300);
        link.meter().moved(500, 0);
        assert_eq!(link.moved(), (1_500, 300));
        drop(measuring);
        assert_eq!(link.in_use(), None);
    }
}
