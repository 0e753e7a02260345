//! Measures the measurement: links of known rates in network namespaces, delays and loss in user space, cheating nodes.
//!
//! Run as root by `cargo xtask bench pob`, which says where the figures go and turns them into tables. Each row waits for
//! a machine that is idle, and says how busy it was.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use lumora_core::median::trimmed_lower_median;
use lumora_pob::lab::cheat::{Cheat, attempt};
use lumora_pob::lab::{Link, Relay, Shape, cleanup_stale};
use lumora_pob::{
    Background, Challenger, Claim, Config, Decision, Identity, Permit, Reason, Request, SignedReceipt, measure,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// A machine is idle when others use no more of it than this.
const IDLE_SHARE: f64 = 0.12;
/// Longest wait for an idle machine before a run.
const RUN_PATIENCE: Duration = Duration::from_secs(4);
/// TCP's payload in a packet of 1,500 bytes: what iperf3 counts of what the IP layer carries.
const IPERF_SHARE: f64 = 1_448.0 / 1_500.0;
const IPERF_SECONDS: u32 = 10;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Case {
    rate_mbit: u32,
    /// Of a round trip, added in user space.
    delay_ms: u32,
    loss_pct: u32,
    background_mbit: u32,
    flows: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    rate_mbit: u32,
    direction: String,
    delay_ms: u32,
    loss_pct: u32,
    background_mbit: u32,
    flows: u32,
    runs: usize,
    /// Of the sum of the flows against the link's rate (with background: of measured and counted background together).
    median_error: f64,
    worst_error: f64,
    /// Frames over the link in this direction in one measurement (both its directions), all flows.
    bytes: u64,
    /// From dialling to the checked receipt, both directions; the median, and the longest.
    ms: u64,
    worst_ms: u64,
    iperf_bytes: Option<u64>,
    iperf_error: Option<f64>,
    /// Measurements that ended as inconclusive, and that failed otherwise.
    inconclusive: usize,
    rejected: usize,
    /// The machine's load average when the row began and the share of it that others used just before the runs.
    load: f64,
    others: f64,
}

impl Row {
    fn case(&self) -> Case {
        Case {
            rate_mbit: self.rate_mbit,
            delay_ms: self.delay_ms,
            loss_pct: self.loss_pct,
            background_mbit: self.background_mbit,
            flows: self.flows,
        }
    }
}

/// A provider's limit, at the link's own counters.
#[derive(Debug, Serialize, Deserialize)]
struct LimitKept {
    link_mbit: u32,
    limit_mbit: u32,
    measurements: u32,
    highest_second_down_mbit: f64,
    highest_second_up_mbit: f64,
    measured_down_kbps: u32,
    measured_up_kbps: u32,
}

/// Measurements on a machine with far too much to do.
#[derive(Debug, Serialize, Deserialize)]
struct Starved {
    rate_mbit: u32,
    spinning_threads: usize,
    runs: usize,
    inconclusive: usize,
    median_error: f64,
    worst_error: f64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    machine: BTreeMap<String, String>,
    rows: Vec<Row>,
    limit: Option<LimitKept>,
    starved: Option<Starved>,
}

#[derive(Debug, Serialize)]
struct CheatRow {
    cheat: &'static str,
    gain: String,
    answer: String,
}

/// What a prover process says of a measurement.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    down_kbps: u32,
    up_kbps: u32,
    down_background_kbps: u32,
    up_background_kbps: u32,
    micros: u64,
    reason: Option<u8>,
    error: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["prover", target, key, limit_kbps, flows, background_mbit] => {
            let prover = ProverProcess {
                target: target.parse()?,
                key: key_from(key)?,
                limit_kbps: limit_kbps.parse()?,
                flows: flows.parse()?,
                background_mbit: background_mbit.parse()?,
            };
            prover.serve().await
        }
        ["traffic", host, mbit] => traffic(host.parse()?, mbit.parse()?),
        ["figures", directory, runs, ..] => {
            Link::is_available()?;
            cleanup_stale().ok();
            let mut bench = Bench::open(Path::new(directory), runs.parse()?, words.contains(&"--again"))?;
            bench.all(&words[3..]).await
        }
        _ => bail!("usage: pob_bench figures DIRECTORY RUNS [--again] [rows|limit|starved|cheats ...]"),
    }
}

fn key_from(text: &str) -> Result<[u8; 32]> {
    hex::decode(text)?
        .try_into()
        .map_err(|_| anyhow::anyhow!("a key has 32 bytes"))
}

/// Inside the namespace: measures once for every line that comes in, and answers with a line of JSON.
struct ProverProcess {
    target: SocketAddr,
    key: [u8; 32],
    limit_kbps: u32,
    flows: u32,
    background_mbit: u32,
}

/// Traffic of a known rate.
struct Steady {
    since: Instant,
    mbit: u32,
}

impl Background for Steady {
    fn bytes(&self) -> (u64, u64) {
        let bytes = self.since.elapsed().as_micros() as u64 * u64::from(self.mbit) / 8;
        (bytes, bytes)
    }
}

impl ProverProcess {
    async fn serve(self) -> Result<()> {
        for line in std::io::stdin().lines() {
            line?;
            let runs: Vec<_> = (0..self.flows).map(|_| tokio::spawn(self.run())).collect();
            let mut results = Vec::new();
            for run in runs {
                results.push(run.await?);
            }
            println!("{}", serde_json::to_string(&results)?);
        }
        Ok(())
    }

    fn run(&self) -> impl Future<Output = Measured> + use<> {
        let (target, key) = (self.target, self.key);
        let request = Request {
            limit_kbps: self.limit_kbps,
            background: Arc::new(Steady {
                since: Instant::now(),
                mbit: self.background_mbit,
            }),
            ..Request::default()
        };
        async move {
            let started = Instant::now();
            let outcome = measure(target, key, &Identity::generate(), request).await;
            let micros = started.elapsed().as_micros() as u64;
            match outcome {
                Ok(signed) => Measured {
                    down_kbps: signed.receipt.down.kbps,
                    up_kbps: signed.receipt.up.kbps,
                    down_background_kbps: signed.receipt.down.kbps_with_background(),
                    up_background_kbps: signed.receipt.up.kbps_with_background(),
                    micros,
                    reason: Some(signed.receipt.reason),
                    error: None,
                },
                Err(error) => Measured {
                    down_kbps: 0,
                    up_kbps: 0,
                    down_background_kbps: 0,
                    up_background_kbps: 0,
                    micros,
                    reason: match &error {
                        lumora_pob::PobError::Refused { reason, .. } => Some(*reason),
                        _ => None,
                    },
                    error: Some(error.to_string()),
                },
            }
        }
    }
}

/// Sends UDP at a steady rate to `host`, and takes in what comes back, until its input ends.
fn traffic(host: IpAddr, mbit: u32) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, TRAFFIC_PORT))?;
    let stop = Arc::new(AtomicBool::new(false));
    let sending = spawn_traffic(socket, (host, TRAFFIC_PORT).into(), mbit, Arc::clone(&stop));
    std::io::stdin().lines().for_each(drop);
    stop.store(true, Ordering::Relaxed);
    let _ = sending.join();
    Ok(())
}

const TRAFFIC_PORT: u16 = 9_999;

fn spawn_traffic(socket: UdpSocket, to: SocketAddr, mbit: u32, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        // 1,200 bytes of payload make packets of 1,228.
        let packet = [0x77u8; 1_200];
        let started = Instant::now();
        let (mut sent, mut buffer) = (0u64, [0u8; 2_048]);
        let _ = socket.set_nonblocking(true);
        while !stop.load(Ordering::Relaxed) {
            let due = started.elapsed().as_micros() as u64 * u64::from(mbit) / 8 / 1_228;
            while sent < due {
                // What the link does not take is lost, as on any link.
                let _ = socket.send_to(&packet, to);
                sent += 1;
            }
            while socket.recv(&mut buffer).is_ok() {}
            std::thread::sleep(Duration::from_millis(1));
        }
    })
}

/// A challenger on the host's side of a link, and the provers on the other.
struct Setup {
    link: Link,
    /// Stops the challenger when dropped.
    _receipts: mpsc::Receiver<SignedReceipt>,
    _relay: Option<Relay>,
    address: SocketAddr,
    key: [u8; 32],
}

impl Setup {
    fn new(case: Case) -> Result<Self> {
        let link = Link::create_any("bench", case.rate_mbit * 1_000)?;
        let challenger = Challenger::bind((link.host_ip, 0).into(), Identity::generate(), Config::default())?;
        let (mut address, key) = (challenger.local_addr()?, challenger.key());
        let (sender, receipts) = mpsc::channel(4_096);
        let everybody = |_: Claim| async { Decision::Allow(Permit::up_to(1_000_000)) };
        tokio::spawn(async move { challenger.serve(everybody, sender).await });
        let relay = if case.delay_ms > 0 || case.loss_pct > 0 {
            let path = Shape::path(Duration::from_micros(u64::from(case.delay_ms) * 500)).loss(case.loss_pct * 10_000);
            let relay = Relay::start_at(link.host_ip, address, path, path)?;
            address = relay.address();
            Some(relay)
        } else {
            None
        };
        Ok(Self {
            link,
            _receipts: receipts,
            _relay: relay,
            address,
            key,
        })
    }

    fn provers(&self, limit_kbps: u32, flows: u32, background_mbit: u32) -> Result<Provers> {
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.link.namespace])
            .arg(std::env::current_exe()?)
            .arg("prover")
            .arg(self.address.to_string())
            .arg(hex::encode(self.key))
            .args([limit_kbps, flows, background_mbit].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the prover's process")?;
        let input = child.stdin.take().context("the prover has no input")?;
        let output = std::io::BufReader::new(child.stdout.take().context("the prover has no output")?);
        Ok(Provers { child, input, output })
    }
}

struct Provers {
    child: Child,
    input: ChildStdin,
    output: std::io::BufReader<ChildStdout>,
}

impl Provers {
    fn measure(&mut self) -> Result<Vec<Measured>> {
        self.input.write_all(b"\n")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("the prover said {line:?}"))
    }
}

impl Drop for Provers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Bench {
    directory: PathBuf,
    runs: usize,
    /// Only rows that were measured on a busy machine.
    again: bool,
    figures: Figures,
}

impl Bench {
    fn open(directory: &Path, runs: usize, again: bool) -> Result<Self> {
        let figures = match std::fs::read_to_string(directory.join("pob.json")) {
            Ok(text) => serde_json::from_str(&text).context("pob.json is not what it should be")?,
            Err(_) => Figures::default(),
        };
        let mut bench = Self {
            directory: directory.to_owned(),
            runs,
            again,
            figures,
        };
        bench.figures.machine = machine();
        Ok(bench)
    }

    fn save(&mut self) -> Result<()> {
        let key = |row: &Row| {
            (
                row.flows,
                row.background_mbit,
                row.loss_pct,
                row.delay_ms,
                row.rate_mbit,
                row.direction.clone(),
            )
        };
        self.figures.rows.sort_by_key(key);
        let text = serde_json::to_string_pretty(&self.figures)? + "\n";
        std::fs::write(self.directory.join("pob.json"), text).context("cannot write pob.json")
    }

    async fn all(&mut self, parts: &[&str]) -> Result<()> {
        let wanted = |part: &str| {
            let named = ["rows", "limit", "starved", "cheats"];
            parts.contains(&part) || !parts.iter().any(|part| named.contains(part))
        };
        if wanted("rows") {
            for (case, runs) in cases(self.runs) {
                self.row(case, runs)?;
            }
        }
        if wanted("limit") {
            self.figures.limit = Some(limit_kept()?);
            self.save()?;
        }
        if wanted("starved") {
            self.figures.starved = Some(starved()?);
            self.save()?;
        }
        if wanted("cheats") {
            let rows = cheats().await?;
            let text = serde_json::to_string_pretty(&rows)? + "\n";
            std::fs::write(self.directory.join("cheats.json"), text).context("cannot write cheats.json")?;
        }
        Ok(())
    }

    fn row(&mut self, case: Case, runs: usize) -> Result<()> {
        let known: Vec<&Row> = self.figures.rows.iter().filter(|row| row.case() == case).collect();
        if self.again && known.iter().any(|row| row.others <= IDLE_SHARE && row.runs >= runs) {
            return Ok(());
        }
        let known_others = known.iter().map(|row| row.others).fold(f64::INFINITY, f64::min);
        let load = load_average();
        let setup = Setup::new(case)?;
        let _traffic = Traffic::start(&setup.link, case.background_mbit)?;
        let mut provers = setup.provers(1_000_000, case.flows, case.background_mbit)?;
        let (mut sums, mut micros, mut bytes, mut busy) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut inconclusive, mut rejected) = (0, 0);
        for _ in 0..runs {
            busy.push(wait_for_idle(
                RUN_PATIENCE,
                f64::from(u8::from(case.background_mbit > 0)) * 0.1,
            )?);
            let before = setup.link.frame_bytes()?;
            let measured = provers.measure()?;
            std::thread::sleep(Duration::from_millis(60));
            let after = setup.link.frame_bytes()?;
            for failed in measured.iter().filter(|measured| measured.error.is_some()) {
                if failed.reason == Some(Reason::Inconclusive as u8) {
                    inconclusive += 1;
                } else {
                    rejected += 1;
                    eprintln!("  {case:?}: {}", failed.error.as_deref().unwrap_or_default());
                }
            }
            if measured.iter().any(|measured| measured.error.is_some()) {
                continue;
            }
            let sum = |figure: fn(&Measured) -> u32| measured.iter().map(|it| f64::from(figure(it))).sum::<f64>();
            sums.push(if case.background_mbit > 0 {
                (sum(|it| it.down_background_kbps), sum(|it| it.up_background_kbps))
            } else {
                (sum(|it| it.down_kbps), sum(|it| it.up_kbps))
            });
            micros.extend(measured.iter().map(|it| it.micros));
            bytes.push((after.0 - before.0, after.1 - before.1));
        }
        drop(provers);
        let others = busy.iter().sum::<f64>() / busy.len().max(1) as f64;
        if sums.is_empty() {
            eprintln!("{case:?}: nothing was measured ({inconclusive} inconclusive, {rejected} failed)");
            return Ok(());
        }
        if self.again && others >= known_others {
            return Ok(());
        }
        let wants_iperf = case.delay_ms == 0 && case.loss_pct == 0 && case.background_mbit == 0;
        let iperf = |down| {
            if wants_iperf {
                iperf(&setup.link, case.flows, down).map(Some)
            } else {
                Ok(None)
            }
        };
        let iperf = [iperf(true)?, iperf(false)?];
        self.figures.rows.retain(|row| row.case() != case);
        for (index, direction) in ["down", "up"].into_iter().enumerate() {
            let rate = f64::from(case.rate_mbit) * 1_000.0;
            let mut errors: Vec<f64> = sums.iter().map(|sum| [sum.0, sum.1][index] / rate - 1.0).collect();
            errors.sort_by(f64::total_cmp);
            let mut times = micros.clone();
            times.sort_unstable();
            let frames: u64 = bytes.iter().map(|bytes| [bytes.0, bytes.1][index]).sum();
            let row = Row {
                rate_mbit: case.rate_mbit,
                direction: direction.into(),
                delay_ms: case.delay_ms,
                loss_pct: case.loss_pct,
                background_mbit: case.background_mbit,
                flows: case.flows,
                runs: sums.len(),
                median_error: round(errors[errors.len() / 2]),
                worst_error: round(
                    errors
                        .iter()
                        .copied()
                        .max_by(|a, b| a.abs().total_cmp(&b.abs()))
                        .unwrap_or(0.0),
                ),
                bytes: frames / bytes.len() as u64,
                ms: times[times.len() / 2] / 1_000,
                worst_ms: times[times.len() - 1] / 1_000,
                iperf_bytes: iperf[index].map(|(bytes, _)| bytes),
                iperf_error: iperf[index].map(|(_, rate_bps)| round(rate_bps / IPERF_SHARE / rate / 1_000.0 - 1.0)),
                inconclusive,
                rejected,
                load: round(load),
                others: round(others),
            };
            eprintln!(
                "{:>4} Mbit/s {:<4} delay {:>2} loss {} background {:>2} flows {:>2}: median {:>7.2}% worst {:>7.2}% {:>9} bytes {:>5} ms, others {:.2}, {} inconclusive, {} failed, iperf3 {:?} bytes {:?}",
                row.rate_mbit,
                row.direction,
                row.delay_ms,
                row.loss_pct,
                row.background_mbit,
                row.flows,
                row.median_error * 100.0,
                row.worst_error * 100.0,
                row.bytes,
                row.ms,
                row.others,
                row.inconclusive,
                row.rejected,
                row.iperf_bytes,
                row.iperf_error,
            );
            self.figures.rows.push(row);
        }
        self.save()
    }
}

fn round(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

/// What is measured, and how often.
fn cases(runs: usize) -> Vec<(Case, usize)> {
    let plain = |rate_mbit| Case {
        rate_mbit,
        delay_ms: 0,
        loss_pct: 0,
        background_mbit: 0,
        flows: 1,
    };
    let rates = [5, 20, 50, 100, 300, 900];
    let few = runs.div_ceil(5);
    let mut cases: Vec<_> = rates.into_iter().map(|rate| (plain(rate), runs)).collect();
    for delay_ms in [1, 20, 80] {
        cases.extend(rates.into_iter().map(|rate| {
            (
                Case {
                    delay_ms,
                    ..plain(rate)
                },
                few,
            )
        }));
    }
    for loss_pct in [1, 3] {
        for rate in [5, 20, 100] {
            for delay_ms in [1, 20] {
                let case = Case {
                    loss_pct,
                    delay_ms,
                    ..plain(rate)
                };
                cases.push((case, few));
            }
        }
    }
    for rate in [20, 100] {
        let background_mbit = rate / 5;
        cases.push((
            Case {
                background_mbit,
                ..plain(rate)
            },
            few,
        ));
    }
    for flows in [2, 4, 8, 10] {
        cases.push((Case { flows, ..plain(100) }, few));
    }
    cases
}

/// Traffic over a link both ways; it ends when dropped.
struct Traffic {
    stop: Arc<AtomicBool>,
    child: Option<Child>,
}

impl Traffic {
    fn start(link: &Link, mbit: u32) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        if mbit == 0 {
            return Ok(Self { stop, child: None });
        }
        let child = link
            .command(std::env::current_exe()?)
            .args(["traffic", &link.host_ip.to_string(), &mbit.to_string()])
            .stdin(Stdio::piped())
            .spawn()?;
        let socket = UdpSocket::bind((link.host_ip, TRAFFIC_PORT))?;
        spawn_traffic(socket, (link.node_ip, TRAFFIC_PORT).into(), mbit, Arc::clone(&stop));
        std::thread::sleep(Duration::from_millis(300));
        Ok(Self {
            stop,
            child: Some(child),
        })
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ten seconds of iperf3 one way: bytes, and bits per second of TCP payload.
fn iperf(link: &Link, flows: u32, down: bool) -> Result<(u64, f64)> {
    let mut server = link
        .command("iperf3")
        .args(["--server", "--one-off"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run iperf3 (Debian: apt-get install iperf3)")?;
    std::thread::sleep(Duration::from_millis(300));
    let mut client = Command::new("iperf3");
    client
        .args(["--client", &link.node_ip.to_string(), "--json"])
        .args(["--time", &IPERF_SECONDS.to_string()])
        .args(["--parallel", &flows.to_string()]);
    if !down {
        client.arg("--reverse");
    }
    let output = client.output()?;
    let _ = server.kill();
    let _ = server.wait();
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).context("iperf3 gave no JSON")?;
    let sum = &result["end"]["sum_received"];
    let (Some(bytes), Some(rate)) = (sum["bytes"].as_u64(), sum["bits_per_second"].as_f64()) else {
        bail!("iperf3 failed: {result}");
    };
    Ok((bytes, rate))
}

/// A limit far below the link, at the link's counters: the highest second.
fn limit_kept() -> Result<LimitKept> {
    let (link_mbit, limit_mbit, measurements) = (100, 20, 6);
    let setup = Setup::new(Case {
        rate_mbit: link_mbit,
        delay_ms: 0,
        loss_pct: 0,
        background_mbit: 0,
        flows: 1,
    })?;
    let mut provers = setup.provers(limit_mbit * 1_000, 1, 0)?;
    let samples = Arc::new(Mutex::new(Vec::new()));
    let stop = AtomicBool::new(false);
    let mut last = None;
    std::thread::scope(|scope| -> Result<()> {
        let (link, stopped, samples) = (&setup.link, &stop, Arc::clone(&samples));
        let sampling = scope.spawn(move || -> Result<()> {
            while !stopped.load(Ordering::Relaxed) {
                let bytes = link.frame_bytes()?;
                if let Ok(mut samples) = samples.lock() {
                    samples.push((Instant::now(), bytes));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        });
        // One after another, so that whole seconds are full of them.
        for _ in 0..measurements {
            match provers.measure() {
                Ok(measured) => {
                    let whole = measured.into_iter().find(|it| it.error.is_none());
                    last = whole.or(last.take());
                }
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        sampling.join().map_err(|_| anyhow::anyhow!("the sampler failed"))?
    })?;
    let last = last.context("nothing was measured")?;
    let samples = samples.lock().map_err(|_| anyhow::anyhow!("the sampler failed"))?;
    let highest = |way: fn(&(u64, u64)) -> u64| {
        let mut highest = 0f64;
        for (index, (at, bytes)) in samples.iter().enumerate() {
            let later = samples[index..]
                .iter()
                .find(|(later, _)| later.duration_since(*at).as_secs_f64() >= 1.0);
            if let Some((later, more)) = later {
                let seconds = later.duration_since(*at).as_secs_f64();
                highest = highest.max((way(more) - way(bytes)) as f64 * 8.0 / 1e6 / seconds);
            }
        }
        round(highest)
    };
    let kept = LimitKept {
        link_mbit,
        limit_mbit,
        measurements,
        highest_second_down_mbit: highest(|bytes| bytes.0),
        highest_second_up_mbit: highest(|bytes| bytes.1),
        measured_down_kbps: last.down_kbps,
        measured_up_kbps: last.up_kbps,
    };
    eprintln!("{kept:?}");
    Ok(kept)
}

/// Measurements while threads spin, for some ten seconds.
fn starved() -> Result<Starved> {
    let (rate_mbit, spinning_threads, runs) = (100, 16, 20);
    let setup = Setup::new(Case {
        rate_mbit,
        delay_ms: 0,
        loss_pct: 0,
        background_mbit: 0,
        flows: 1,
    })?;
    let mut provers = setup.provers(1_000_000, 1, 0)?;
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..spinning_threads {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            let end = Instant::now() + Duration::from_secs(25);
            while !stop.load(Ordering::Relaxed) && Instant::now() < end {
                std::hint::spin_loop();
            }
        });
    }
    let (mut errors, mut inconclusive, mut done) = (Vec::new(), 0, 0);
    let began = Instant::now();
    while done < runs && began.elapsed() < Duration::from_secs(20) {
        for measured in provers.measure()? {
            if measured.error.is_some() {
                inconclusive += 1;
            } else {
                let rate = f64::from(rate_mbit) * 1_000.0;
                errors.push(f64::from(measured.down_kbps) / rate - 1.0);
                errors.push(f64::from(measured.up_kbps) / rate - 1.0);
            }
        }
        done += 1;
    }
    stop.store(true, Ordering::Relaxed);
    errors.sort_by(f64::total_cmp);
    let starved = Starved {
        rate_mbit,
        spinning_threads,
        runs: done,
        inconclusive,
        median_error: errors.get(errors.len() / 2).copied().map_or(0.0, round),
        worst_error: errors
            .iter()
            .copied()
            .max_by(|a, b| a.abs().total_cmp(&b.abs()))
            .map_or(0.0, round),
    };
    eprintln!("{starved:?}");
    Ok(starved)
}

/// Each cheat against the real challenger, behind a link of this rate.
const CHEAT_MBIT: u32 = 50;

async fn cheats() -> Result<Vec<CheatRow>> {
    let mut rows = Vec::new();
    let mut largest = 1f64;

    // What is refused is refused on any link.
    let honest = cheat_once(0, Cheat::None).await?;
    let refused = [
        ("early acknowledgement", Cheat::EarlyAnswers),
        (
            "replayed seed (answers of an earlier measurement)",
            Cheat::ReplayedAnswers(honest.answers.clone()),
        ),
        (
            "compressed reply (zeros in place of the keystream)",
            Cheat::CompressiblePayload,
        ),
    ];
    for (cheat, how) in refused {
        let attempt = cheat_once(0, how).await?;
        let answer = match &attempt.outcome {
            Ok(signed) => bail!("{cheat} got a receipt: {:?}", signed.receipt),
            Err(error) => format!("refused: {error}"),
        };
        rows.push(CheatRow {
            cheat,
            gain: "none: no receipt".into(),
            answer,
        });
    }

    let mut slow_then_fast = Vec::new();
    for (from_answer, held_us) in [(20, 50_000), (40, 20_000), (40, 100_000), (80, 50_000), (120, 100_000)] {
        slow_then_fast.push((0, Cheat::SlowThenFast { from_answer, held_us }));
    }
    let mut false_round_trips = Vec::new();
    for pretended_us in [5_000, 10_000, 20_000, 50_000, 100_000] {
        for kept_up_us in [60_000, 150_000] {
            for (delay_ms, dropped_over_us) in [(0, 100_000), (0, 400_000), (10, 300_000)] {
                let cheat = Cheat::FalseRoundTrip {
                    pretended_us,
                    kept_up_us,
                    dropped_over_us,
                };
                false_round_trips.push((delay_ms, cheat));
            }
        }
    }
    let bursts = [20_000, 50_000, 150_000].map(|silent_us| (0, Cheat::SavedUpBurst { silent_us }));
    let timed: [(&'static str, Vec<(u32, Cheat)>, &str); 3] = [
        (
            "slow, then fast (answers held back and given at once)",
            slow_then_fast,
            "what can have crossed the link since it was sent bounds the rate",
        ),
        (
            "a longer round trip pretended and dropped little by little",
            false_round_trips,
            "a round trip is taken off up to a 24th of the time: 1.043 at most, and a bucket's burst",
        ),
        (
            "a token bucket saved up by silence in Up",
            bursts.to_vec(),
            "a link that was idle is not steady; the rate is taken after the burst",
        ),
    ];
    for (cheat, attempts, bound) in timed {
        let (mut gain, mut measured, count) = (0f64, 0, attempts.len());
        for (delay_ms, how) in attempts {
            let is_up = matches!(how, Cheat::SavedUpBurst { .. });
            wait_for_idle(RUN_PATIENCE, 0.0)?;
            if let Ok(signed) = &cheat_once(delay_ms, how.clone()).await?.outcome {
                let kbps = if is_up {
                    signed.receipt.up.kbps
                } else {
                    signed.receipt.down.kbps
                };
                let reached = f64::from(kbps) / f64::from(CHEAT_MBIT) / 1_000.0;
                eprintln!("  {how:?} {delay_ms} ms: {reached:.4}");
                gain = gain.max(reached);
                measured += 1;
            }
        }
        largest = largest.max(gain);
        let answer = format!("{measured} of {count} attempts got a receipt; {bound}");
        rows.push(CheatRow {
            cheat,
            gain: format!("{gain:.3}x"),
            answer,
        });
    }

    let skewed = cheat_once(0, Cheat::SkewedClock { seconds: 300 }).await?;
    let answer = match &skewed.outcome {
        Ok(signed) => format!(
            "the challenger's clock alone counts; measured {:.3}x",
            f64::from(signed.receipt.down.kbps) / f64::from(CHEAT_MBIT) / 1_000.0
        ),
        Err(error) => format!("refused: {error}"),
    };
    rows.push(CheatRow {
        cheat: "clock skew (the node's clock is five minutes fast)",
        gain: "none".into(),
        answer,
    });
    let skewed = cheat_once(0, Cheat::SkewedClock { seconds: 3_600 }).await?;
    ensure!(skewed.outcome.is_err(), "clocks an hour apart went unnoticed");
    rows.push(CheatRow {
        cheat: "clock skew (the challenger's clock is an hour off the node's)",
        gain: "none: no receipt".into(),
        answer: skewed
            .outcome
            .err()
            .map(|error| format!("refused: {error}"))
            .unwrap_or_default(),
    });

    // Seven challengers, two of them corrupt: they sign what the node likes.
    let rate = u64::from(CHEAT_MBIT) * 1_000;
    let best = (largest * rate as f64) as u64;
    let agreed = |corrupt: u64| {
        let mut figures = vec![best; 5];
        figures.extend([corrupt; 2]);
        trimmed_lower_median(&mut figures).unwrap_or(0) as f64 / rate as f64
    };
    rows.push(CheatRow {
        cheat: "seed shared by corrupt challengers (two of seven sign 4 Tbit/s)",
        gain: format!("{:.3}x", agreed(u64::from(u32::MAX))),
        answer:
            "the trimmed lower median of the seven is that of an honest challenger; here each of the other five was \
                 cheated by the best attempt above"
                .into(),
    });
    rows.push(CheatRow {
        cheat: "challengers that under-report (two of seven sign 1 kbit/s)",
        gain: format!("{:.3}x for an honest node", {
            let mut figures = vec![1, 1, rate, rate, rate, rate, rate];
            trimmed_lower_median(&mut figures).unwrap_or(0) as f64 / rate as f64
        }),
        answer: "the trimmed lower median is that of an honest challenger".into(),
    });

    let mut sums = Vec::new();
    let case = Case {
        rate_mbit: 100,
        delay_ms: 0,
        loss_pct: 0,
        background_mbit: 0,
        flows: 10,
    };
    let setup = Setup::new(case)?;
    let mut provers = setup.provers(1_000_000, case.flows, 0)?;
    for _ in 0..5 {
        wait_for_idle(RUN_PATIENCE, 0.0)?;
        let measured = provers.measure()?;
        let down: u32 = measured.iter().map(|it| it.down_kbps).sum();
        let up: u32 = measured.iter().map(|it| it.up_kbps).sum();
        sums.push(f64::from(down.max(up)) / 100_000.0);
    }
    let highest = sums.iter().copied().fold(0f64, f64::max);
    rows.push(CheatRow {
        cheat: "one link sold ten times at once, to one challenger",
        gain: format!("{highest:.3}x for all ten together"),
        answer: "measurements of one network are watched together, so that each gets its share".into(),
    });
    for row in &rows {
        eprintln!("{row:?}");
    }
    Ok(rows)
}

/// One attempt. The cheater runs in this process, over a relay; its rate is set there too, so that no namespace is needed.
async fn cheat_once(delay_ms: u32, cheat: Cheat) -> Result<lumora_pob::lab::cheat::Attempt> {
    let loopback: IpAddr = Ipv4Addr::LOCALHOST.into();
    let challenger = Challenger::bind((loopback, 0).into(), Identity::generate(), Config::default())?;
    let (address, key) = (challenger.local_addr()?, challenger.key());
    let (sender, _receipts) = mpsc::channel(4);
    let everybody = |_: Claim| async { Decision::Allow(Permit::up_to(1_000_000)) };
    tokio::spawn(async move { challenger.serve(everybody, sender).await });
    let shape = Shape {
        // A buffer long enough for what a pretended round trip lets pile up.
        queue: Duration::from_millis(200),
        ..Shape::rate(CHEAT_MBIT * 1_000).delay(Duration::from_millis(delay_ms.into()))
    };
    let relay = Relay::start(address, shape, shape)?;
    Ok(attempt(relay.address(), key, &Identity::generate(), Request::default(), cheat).await)
}

/// Waits until others leave the machine alone, but not for ever; the share that they use, of all processors.
/// `expected` is what this bench uses itself meanwhile.
fn wait_for_idle(patience: Duration, expected: f64) -> Result<f64> {
    let began = Instant::now();
    loop {
        let before = processor_time()?;
        std::thread::sleep(Duration::from_millis(150));
        let after = processor_time()?;
        let total = (after.1 - before.1).max(1) as f64;
        let busy = ((after.0 - before.0) as f64 / total - expected).max(0.0);
        if busy <= IDLE_SHARE || began.elapsed() >= patience {
            return Ok(busy);
        }
    }
}

/// Jiffies that processors were busy, and all.
fn processor_time() -> Result<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let fields: Vec<u64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    ensure!(fields.len() > 4, "/proc/stat is not what it should be");
    let all: u64 = fields.iter().take(8).sum();
    Ok((all - fields[3] - fields[4], all))
}

fn load_average() -> f64 {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(f64::NAN)
}

fn machine() -> BTreeMap<String, String> {
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split(':').nth(1)?.trim().to_owned())
    });
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    BTreeMap::from([
        ("processor".into(), processor.unwrap_or_default()),
        ("cores".into(), cores.to_string()),
        ("kernel".into(), kernel.trim().to_owned()),
    ])
}
