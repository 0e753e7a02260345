//! `lumora job` and `lumora dataset` as a client, a seller and a buyer use them, against the network and the nodes of a demo
//! that is kept running.
//!
//! Needs the built programs (`cargo xtask build-sbf`) and the documentation of the Rust toolchain.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use lumora_client::Connection;
use lumora_core::reputation;
use lumora_interface::{bandwidth::Attestation, tasks::Work};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(420);
const PAGES: usize = 24;
/// LMR base units for a replica of a shard.
const PRICE: u64 = 1_000_000;

/// A demo that is kept running; it is told to end when the test does.
struct Network {
    demo: Child,
    folder: PathBuf,
    said: String,
}

impl Network {
    fn start(folder: &Path) -> Self {
        let output = fs::File::create(folder.join("output.txt")).unwrap();
        let demo = Command::new(env!("CARGO_BIN_EXE_lumora"))
            .args(["demo", "--keep", "--nodes", "4", "--oracles", "3"])
            .args(["--pages", "60", "--shards", "4", "--epoch-seconds", "15", "--folder"])
            .arg(folder)
            .stdin(Stdio::null())
            .stderr(output.try_clone().unwrap())
            .stdout(output)
            .spawn()
            .unwrap();
        let mut network = Self {
            demo,
            folder: folder.to_owned(),
            said: String::new(),
        };
        let started = Instant::now();
        while !network.said.contains("\nbuyer ") {
            assert!(
                started.elapsed() < PATIENCE,
                "the demo did not finish: {}",
                network.said
            );
            assert!(network.demo.try_wait().unwrap().is_none(), "{}", network.said);
            std::thread::sleep(Duration::from_millis(200));
            network.said = fs::read_to_string(folder.join("output.txt")).unwrap();
        }
        network
    }

    /// What the demo printed behind a name.
    fn told(&self, name: &str) -> &str {
        let line = self.said.lines().rev().find(|line| line.trim_start().starts_with(name));
        line.and_then(|line| line.split([' ', '=']).rfind(|word| !word.is_empty()))
            .unwrap_or_else(|| panic!("{name} is not in {}", self.said))
    }

    /// A command, such as `["job", "watch"]`.
    fn command(&self, name: [&str; 2], arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lumora"));
        command
            .args(name)
            .args(["--json", "--url", self.told("LUMORA_RPC_URL")]);
        command.args(arguments);
        command
    }

    fn run(&self, name: [&str; 2], arguments: &[&str]) -> Value {
        let output = self.command(name, arguments).output().unwrap();
        assert!(output.status.success(), "{name:?}: {}", complaint(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{:?}", output.stdout))
    }

    /// What a command that must fail says.
    fn refused(&self, name: [&str; 2], arguments: &[&str]) -> String {
        let output = self.command(name, arguments).output().unwrap();
        assert!(!output.status.success(), "{name:?} was not refused");
        complaint(&output)
    }

    fn until_it_works(&self, name: [&str; 2], arguments: &[&str]) {
        let started = Instant::now();
        loop {
            let output = self.command(name, arguments).output().unwrap();
            if output.status.success() {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{name:?}: {}", complaint(&output));
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// Until a node's attested reputation is below what its assignments alone would give. The oracles take it from the ratings
    /// of what was made of its work.
    fn until_ratings_cost_reputation(&self) {
        let connection = Connection::new(self.told("LUMORA_RPC_URL")).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let started = Instant::now();
        let mut latest = None;
        loop {
            let (attested, works) = runtime.block_on(async {
                let works = connection.fetch_all::<Work>(&[]).await.unwrap();
                (connection.fetch_all::<Attestation>(&[]).await.unwrap(), works)
            });
            // Nobody works meanwhile, so that an epoch that began after this one was attested has these outcomes.
            let from = *latest.get_or_insert(attested.iter().map(|(_, it)| it.epoch).max().unwrap_or(0)) + 2;
            let is_marred = |work: &Work| {
                let without = reputation::from_outcomes(work.completed, work.failed, work.expired, 0).0;
                let is_less =
                    |it: &Attestation| it.node == work.node && it.epoch >= from && it.reputation_bps < without;
                attested.iter().any(|(_, it)| is_less(it))
            };
            if works.iter().any(|(_, work)| is_marred(work)) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{attested:?} {works:?}");
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    fn job(&self, subcommand: &str, arguments: &[&str]) -> Value {
        self.run(["job", subcommand], arguments)
    }

    fn dataset(&self, subcommand: &str, arguments: &[&str]) -> Value {
        self.run(["dataset", subcommand], arguments)
    }

    /// Pages of the main site that the demo's client asked for.
    fn pages(&self) -> Vec<String> {
        let mut folders = vec![self.folder.join("store")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if fs::read(&path).unwrap().starts_with(b"http://") {
                    let text = fs::read_to_string(path).unwrap();
                    let site = self.told("site");
                    let pages = text.lines().filter(|page| page.starts_with(site));
                    return pages.take(PAGES).map(str::to_owned).collect();
                }
            }
        }
        panic!("there is no list of pages in the store");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // As Ctrl-C does: it stops its own children.
        let _ = Command::new("kill")
            .args(["-INT", &self.demo.id().to_string()])
            .status();
        let _ = self.demo.wait();
    }
}

/// The terms of a job that nodes can finish within a minute.
fn terms<'a>(manifest: &'a str, wallet: &[&'a str], store: &'a str, id: &'a str) -> Vec<&'a str> {
    let mut arguments = wallet.to_vec();
    arguments.extend(["--manifest", manifest, "--store", store, "--id", id]);
    arguments.extend(["--price", "1000000", "--replicas", "2", "--shards", "3"]);
    arguments.extend(["--deadline", "240", "--commit-seconds", "45", "--reveal-seconds", "20"]);
    arguments.extend(["--latitude", "52.52", "--longitude", "13.4"]);
    arguments
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Where everything is, and who signs.
struct Case<'a> {
    network: &'a Network,
    manifest: String,
    store: String,
    client: &'a str,
    buyer: &'a str,
}

/// A seller's daemon; killed when it is dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Case<'_> {
    fn path(&self, name: &str) -> String {
        self.network.folder.join(name).display().to_string()
    }

    /// Has a job done; its address.
    fn scrape(&self, pages: &[String]) -> String {
        let (network, client) = (self.network, ["--key", self.client]);
        let created = network.job("create", &terms(&self.manifest, &client, &self.store, "71"));
        let job = text(&created["job"]).to_owned();
        // One more replica than are needed may join while results differ; the escrow covers it.
        assert_eq!(created["escrow"], 3 * 3 * PRICE);
        let started = Instant::now();
        let settled = loop {
            let watched = network.job("watch", &["--once", &job]);
            if watched["settled"] == 3 {
                break watched;
            }
            for row in watched["assignments"].as_array().unwrap() {
                assert!(row["score"].as_u64().unwrap() <= 10_000, "{row}");
            }
            assert!(started.elapsed() < PATIENCE, "{watched}");
            std::thread::sleep(Duration::from_secs(1));
        };
        assert_eq!(settled["shards"], 3);
        let paid = settled["paid"].as_u64().unwrap();
        assert!(
            paid > 0 && paid.is_multiple_of(2 * (PRICE - PRICE / 20)),
            "each winner gets the price without the fee: {paid}"
        );
        let out = self.path("records.jsonl");
        let fetch = |key| ["--key", key, "--store", &self.store, "--out", &out, &job].map(str::to_owned);
        let fetched = network.job("fetch", &fetch(self.client).each_ref().map(String::as_str));
        let records = fs::read_to_string(&out).unwrap();
        let urls: BTreeMap<String, Value> = records
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|record| (text(&record["url"]).to_owned(), record["title"].clone()))
            .collect();
        assert_eq!(fetched["records"], urls.len());
        // Some pages forward to others or are forbidden; the rest is there, with its title.
        assert!(urls.len() > PAGES / 2, "{} records", urls.len());
        assert!(urls.iter().all(|(url, title)| pages.contains(url) && title.is_string()));
        // Somebody else's key opens nothing.
        network.refused(["job", "fetch"], &fetch(self.buyer).each_ref().map(String::as_str));
        job
    }

    /// Sells what was scraped, and changes and ends the sale.
    fn sell(&self, job: &str) {
        let (network, work) = (self.network, self.path("work"));
        let (secret, store) = (self.path("second.secret"), self.store.as_str());
        let seller = ["--key", self.client, "--secret", &secret];
        let build = [
            "--job",
            job,
            "--manifest",
            &self.manifest,
            "--store",
            store,
            "--work",
            &work,
        ];
        let built = network.dataset("build", &[seller.as_slice(), &build].concat());
        let rows = built["rows"].as_u64().unwrap();
        assert!(rows > PAGES as u64 / 2, "{built}");
        let list = [
            "--job", job, "--store", store, "--work", &work, "--id", "2", "--price", "5000000",
        ];
        let listed = network.dataset("list", &[seller.as_slice(), &list].concat());
        let listing = text(&listed).to_owned();
        let by_seller = ["--key", self.client, "--listing", &listing];
        let bonded = network.dataset("bond", &[by_seller.as_slice(), &["--amount", "1000000"]].concat());
        assert_eq!(bonded["bond"], 1_000_000);
        network.dataset("update", &[by_seller.as_slice(), &["--price", "4000000"]].concat());
        let sample = ["--listing", &listing, "--store", store, "--work", &work];
        // The block that chooses the sample has to be final.
        network.until_it_works(["dataset", "sample"], &[seller.as_slice(), &sample].concat());
        let found = network.dataset("search", &[]);
        assert!(found.to_string().contains(&listing), "{found}");
        let shown = network.dataset("show", &["--listing", &listing, "--store", store]);
        assert_eq!(
            (&shown["price"], shown["card"]["rows"].as_u64()),
            (&json!(4_000_000), Some(rows))
        );
        assert!(
            text(&shown["sample_verdict"]).contains("verified"),
            "{}",
            shown["sample_verdict"]
        );

        let serve = [seller.as_slice(), &["--listing", &listing]].concat();
        let serving = network
            .command(["dataset", "serve"], &serve)
            .stdout(Stdio::null())
            .spawn();
        let serving = Serving(serving.unwrap());
        let (bought, key) = (self.path("bought.jsonl"), self.path("copy.secret"));
        let copy = [
            "--key",
            self.buyer,
            "--listing",
            &listing,
            "--secret",
            &key,
            "--store",
            store,
        ];
        let received = network.dataset("buy", &[copy.as_slice(), &["--out", &bought]].concat());
        let (again, other) = (self.path("again.jsonl"), self.path("again.secret"));
        let second = ["--key", self.buyer, "--listing", &listing, "--index", "1"];
        let files = ["--secret", &other, "--store", store, "--out", &again];
        network.dataset("buy", &[second.as_slice(), &files].concat());
        drop(serving);
        for count in ["rows", "rows_verified", "rows_from_settled_shards"] {
            assert_eq!(received[count], rows, "{received}");
        }
        let verified = network.dataset("verify", &[copy.as_slice(), &["--file", &bought]].concat());
        assert_eq!(verified["rows_verified"], rows);
        let csv = self.path("bought.csv");
        network.dataset(
            "download",
            &[copy.as_slice(), &["--out", &csv, "--format", "csv"]].concat(),
        );
        assert_eq!(fs::read_to_string(&csv).unwrap().lines().next(), Some("text,title,url"));
        // A row that was changed on the disk is not taken for what was sold.
        let forged = fs::read_to_string(&bought).unwrap().replacen("title", "Title", 1);
        fs::write(&bought, forged).unwrap();
        network.refused(["dataset", "verify"], &[copy.as_slice(), &["--file", &bought]].concat());
        let by_buyer = ["--key", self.buyer, "--listing", &listing];
        for purchase in [by_buyer.as_slice(), &second] {
            network.dataset("rate", &[purchase, &["--rating", "1"]].concat());
        }
        network.until_ratings_cost_reputation();
        let late = network.refused(["dataset", "refund"], &by_buyer);
        assert!(late.contains("NotOpen"), "{late}");

        let withdrawn = network.dataset("withdraw", &by_seller);
        assert_eq!(
            (&withdrawn["is_withdrawn"], &withdrawn["bond"]),
            (&json!(true), &json!(0))
        );
        let early = network.refused(["dataset", "close"], &by_seller);
        assert!(early.contains("37 days") || early.contains("rate"), "{early}");
        let other = self.path("other.secret");
        let third = ["--secret", &other, "--store", store, "--index", "2", "--out", &bought];
        let refused = network.refused(["dataset", "buy"], &[by_buyer.as_slice(), &third].concat());
        assert!(refused.contains("ListingWithdrawn"), "{refused}");
    }

    /// A job that is called off: what nobody works on comes back at once, the rest when it is settled.
    fn call_off(&self) {
        let (network, client) = (self.network, ["--key", self.client]);
        let created = network.job("create", &terms(&self.manifest, &client, &self.store, "72"));
        let job = text(&created["job"]).to_owned();
        let by_name = [client.as_slice(), &[&job]].concat();
        network.job("cancel", &by_name);
        let again = network.refused(["job", "cancel"], &by_name);
        assert!(again.contains("cancelled"), "{again}");
        network.until_it_works(["job", "close"], &by_name);
    }
}

#[test]
fn a_client_has_pages_scraped_and_sells_them_to_a_buyer() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path());
    let pages = network.pages();
    let manifest = folder.path().join("manifest.json");
    let wanted = json!({
        "version": 1,
        "name": "Some pages",
        "licence": "MIT OR Apache-2.0",
        "contact": "mailto:client@example.org",
        "sites": [network.told("site")],
        "pages": {"urls": pages},
        "fields": {"title": {"css": "title", "required": true}, "text": {"text": true}},
        "requests_per_second": 50.0,
    });
    fs::write(&manifest, wanted.to_string()).unwrap();
    let case = Case {
        network: &network,
        manifest: manifest.display().to_string(),
        store: folder.path().join("store").display().to_string(),
        client: network.told("client"),
        buyer: network.told("buyer"),
    };
    let job = case.scrape(&pages);
    case.sell(&job);
    let client = ["--key", case.client];
    network.job("close", &[client.as_slice(), &[&job]].concat());
    let gone = network.refused(["job", "watch"], &["--once", &job]);
    assert!(gone.contains("there is no job"), "{gone}");
    case.call_off();

    // Mistakes are named.
    let mut free = terms(&case.manifest, &client, &case.store, "73");
    let price = free.iter().position(|word| *word == "1000000").unwrap();
    free[price] = "0";
    let refused = network.refused(["job", "create"], &free);
    assert!(refused.contains("must be above zero (PriceZero"), "{refused}");
}
