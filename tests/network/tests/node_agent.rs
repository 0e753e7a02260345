//! Nodes and oracles as they run, on the embedded network: links are measured, figures attested, proven and paid for, and
//! a job is done although one of the nodes is killed over and over.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use {
    lumora_client::{history::history, keys::save, tasks as build, token},
    lumora_core::geo::UnitVector,
    lumora_data::{
        fetch::AGENT,
        key::ResultsSecretKey,
        manifest::{Field, Format, Manifest, Pages, Scope, url_list},
        shard::{open, result_name},
        site::{Site, SiteOptions},
        store::Store,
    },
    lumora_interface::{
        registry::{Node, node_address},
        rewards::{Reward, reward_address},
        tasks::{Assignment, CreateJobArguments, ResultRevealed, ShardSettled, ShardState, job_address},
    },
    lumora_localnet::{Localnet, Options, keys},
    lumora_migrations::Oracle,
    lumora_node::{
        Event, Events, NodeConfig,
        config::{Fetching, Limits, Measurement, OracleEndpoint, Place},
        event::Outcome,
        owner::{self, Withdrawal},
    },
    lumora_oracle::{OracleConfig, Peer},
    solana_address::Address,
    solana_keypair::Keypair,
    solana_signer::Signer,
    std::{
        collections::BTreeMap,
        io::Write,
        net::{SocketAddr, TcpListener, UdpSocket},
        path::Path,
        sync::{Arc, Mutex},
        time::{Duration, Instant},
    },
    tempfile::TempDir,
    tokio::task::JoinHandle,
    tokio_util::sync::CancellationToken,
};

const ORACLES: u16 = 3;
const NODES: u8 = 3;
const SHARDS: u32 = 6;
const PAGES: usize = 48;
const FORBIDDEN: usize = 4;
const LIMIT_KBPS: u32 = 20_000;
const BOND: u64 = 200_000_000;
const PATIENCE: Duration = Duration::from_secs(240);

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Event>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        eprint!("{}", String::from_utf8_lossy(line));
        self.0.lock().unwrap().push(serde_json::from_slice(line)?);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A node that can be killed.
struct Agent {
    config: NodeConfig,
    node: Address,
    log: Log,
    running: Option<JoinHandle<lumora_node::Result<()>>>,
}

impl Agent {
    fn start(&mut self) {
        let (config, events) = (self.config.clone(), Events::to(self.log.clone()));
        self.running = Some(tokio::spawn(lumora_node::run_with(
            config,
            events,
            CancellationToken::new(),
        )));
    }

    /// Drops everything that it is doing, wherever it stands.
    async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            assert!(!running.is_finished(), "a node stopped by itself: {:?}", running.await);
            running.abort();
            let _ = running.await;
        }
        // The parts that ran beside it end a moment later; a killed process would have released its lock at once.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    fn events(&self) -> Vec<Event> {
        self.log.0.lock().unwrap().clone()
    }

    fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events().iter().any(wanted)
    }
}

struct World {
    localnet: Localnet,
    folder: TempDir,
    agents: Vec<Agent>,
    shutdown: CancellationToken,
    site: Site,
    store: Store,
}

fn free_udp() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn free_tcp() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let addresses: Vec<(SocketAddr, SocketAddr)> = (0..ORACLES).map(|_| (free_udp(), free_tcp())).collect();
        let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"));
        options.settings.network.max_wait_seconds = 6;
        options.settings.oracles.epoch_seconds = 14;
        options.settings.oracles.commit_seconds = 8;
        options.settings.oracles.dispute_seconds = 1;
        options.settings.oracles.members = (0..ORACLES)
            .map(|index| Oracle {
                key: keys::oracle(index).pubkey().into(),
                endpoint: addresses[usize::from(index)].0,
                owner: None,
            })
            .collect();
        options.funded = (0..ORACLES).map(|index| keys::oracle(index).pubkey()).collect();
        let localnet = Localnet::start(options).await.unwrap();

        let site = serve_pages(folder.path()).await;
        let shutdown = CancellationToken::new();
        for index in 0..ORACLES {
            let config = oracle_config(&localnet, folder.path(), &addresses, index);
            let observed = move |event| eprintln!("oracle {index}: {}", serde_json::to_string(&event).unwrap());
            tokio::spawn(lumora_oracle::run_observed(config, shutdown.clone(), observed));
        }
        let mut agents = Vec::new();
        for index in 0..NODES {
            agents.push(agent(&localnet, folder.path(), &addresses, site.address(), index).await);
        }
        let store = Store::local(folder.path().join("store")).unwrap();
        Self {
            localnet,
            folder,
            agents,
            shutdown,
            site,
            store,
        }
    }

    /// Waits until something is so.
    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await {
            assert!(Instant::now() < deadline, "waited in vain: {what}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

fn oracle_config(
    localnet: &Localnet,
    folder: &Path,
    addresses: &[(SocketAddr, SocketAddr)],
    index: u16,
) -> OracleConfig {
    let path = folder.join(format!("oracle-{index}.json"));
    save(&path, &keys::oracle(index)).unwrap();
    let peers = (0..ORACLES).filter(|peer| *peer != index).map(|peer| Peer {
        key: keys::oracle(peer).pubkey(),
        http: format!("http://{}", addresses[usize::from(peer)].1).parse().unwrap(),
    });
    let (measure, http) = addresses[usize::from(index)];
    let config = serde_json::json!({
        "rpc_url": localnet.rpc_url(),
        "ws_url": localnet.websocket_url(),
        "key": path,
        "data_dir": folder.join(format!("oracle-{index}")),
        "measure": measure,
        "http": http,
        "peers": peers.collect::<Vec<_>>(),
    });
    serde_json::from_value(config).unwrap()
}

async fn agent(
    localnet: &Localnet,
    folder: &Path,
    addresses: &[(SocketAddr, SocketAddr)],
    site: SocketAddr,
    index: u8,
) -> Agent {
    let key = |name: &str| {
        let path = folder.join(format!("node-{index}-{name}.json"));
        let keypair = Keypair::new();
        save(&path, &keypair).unwrap();
        (path, keypair.pubkey())
    };
    let ((owner_key, owner), (operator_key, operator), (transport_key, _)) =
        (key("owner"), key("operator"), key("transport"));
    for address in [owner, operator] {
        localnet.airdrop(&address, 10_000_000_000).await.unwrap();
    }
    localnet.grant_lmr(&owner, 2 * BOND).await.unwrap();
    let oracles = (0..ORACLES).map(|oracle| OracleEndpoint {
        key: keys::oracle(oracle).pubkey(),
        measure: addresses[usize::from(oracle)].0,
        http: format!("http://{}", addresses[usize::from(oracle)].1).parse().unwrap(),
    });
    let config = NodeConfig {
        rpc_url: localnet.rpc_url().to_owned(),
        ws_url: Some(localnet.websocket_url().to_owned()),
        owner_key: Some(owner_key),
        owner: None,
        operator_key,
        transport_key,
        index: 0,
        data_dir: folder.join(format!("node-{index}")),
        store: folder.join("store").display().to_string(),
        // Berlin, Paris, Madrid: the job's data lives in Berlin.
        location: [(52.52, 13.40), (48.86, 2.35), (40.42, -3.70)]
            .map(|(latitude, longitude)| Place { latitude, longitude })[usize::from(index)],
        limits: Limits::new(LIMIT_KBPS, 3),
        bond: BOND,
        oracles: oracles.collect(),
        measurement: Measurement::default(),
        fetching: Fetching {
            private_addresses: vec![site],
        },
        minimum_claim: 1,
        poll_seconds: 2,
    };
    Agent {
        config,
        node: node_address(&owner, 0).0,
        log: Log::default(),
        running: None,
    }
}

/// Pages of which some are forbidden.
async fn serve_pages(folder: &Path) -> Site {
    let root = folder.join("site");
    for index in 0..PAGES {
        let part = if index < FORBIDDEN { "private" } else { "pages" };
        std::fs::create_dir_all(root.join(part)).unwrap();
        let words: String = (0..60)
            .map(|word| format!("word{} ", (index * 7 + word * 13) % 97))
            .collect();
        let page =
            format!("<html><title>Page {index}</title><body><h1>Number {index}</h1><p>{words}</p></body></html>");
        std::fs::write(root.join(format!("{part}/{index}.html")), page).unwrap();
    }
    let robots_txt = Some("User-agent: *\nDisallow: /private/\n".to_owned());
    Site::start(SiteOptions {
        robots_txt,
        ..SiteOptions::new(root)
    })
    .await
    .unwrap()
}

fn manifest(site: &Site, client: &ResultsSecretKey) -> (Manifest, String) {
    let page = |index: usize| {
        let part = if index < FORBIDDEN { "private" } else { "pages" };
        site.url().join(&format!("{part}/{index}.html")).unwrap()
    };
    let (list, reference) = url_list((0..PAGES).map(page));
    let css = |selector: &str| Field {
        css: Some(selector.to_owned()),
        ..Field::default()
    };
    let manifest = Manifest {
        version: 1,
        name: "Pages of the test".into(),
        description: String::new(),
        licence: "CC0-1.0".into(),
        contact: "mailto:test@example.org".into(),
        sites: vec![site.url()],
        pages: Pages::UrlList(reference),
        scope: Scope::default(),
        format: Format::Html,
        fields: BTreeMap::from([("title".to_owned(), css("h1")), ("text".to_owned(), css("p"))]),
        max_bytes: 1 << 20,
        // Slow enough for a kill to find a shard half done.
        requests_per_second: 4.0,
        timeout_seconds: 20,
        results_key: Some(client.public()),
    };
    (manifest, list)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_are_measured_and_paid_and_finish_a_job_although_one_is_killed_over_and_over() {
    let mut world = World::start().await;
    world.agents.iter_mut().for_each(Agent::start);

    every_node_is_proven_and_paid(&world).await;
    a_second_start_goes_on_from_the_first(&mut world).await;
    let (job, client, secret) = a_job_is_created(&world).await;
    it_is_finished_although_a_node_is_killed(&mut world, &job).await;
    the_results_are_what_was_paid_for(&world, &job, &secret).await;
    no_lmr_is_lost(&world, &job, &client).await;
    how_it_stands_is_told(&world).await;
    the_owner_takes_single_steps(&mut world).await;
    world.shutdown.cancel();
}

async fn every_node_is_proven_and_paid(world: &World) {
    for agent in &world.agents {
        world
            .until("a reward is claimed", async || {
                agent.has(|event| matches!(event, Event::RewardClaimed { .. }))
            })
            .await;
        let reward: Reward = world
            .localnet
            .connection()
            .fetch(&reward_address(&agent.node).0)
            .await
            .unwrap();
        assert!(reward.claimed > 0);
        let proven = agent.events().into_iter().find_map(|event| match event {
            Event::Proven { down_kbps, up_kbps, .. } if down_kbps > 0 => Some((down_kbps, up_kbps)),
            _ => None,
        });
        let (down, up) = proven.expect("a claim without figures");
        // Loopback is faster than the limit, so the limit is what is attested, and never more.
        assert!(
            down <= LIMIT_KBPS && up <= LIMIT_KBPS && down > LIMIT_KBPS / 2,
            "{down} {up}"
        );
    }
}

/// Registered, bonded and measured rounds are not done again.
async fn a_second_start_goes_on_from_the_first(world: &mut World) {
    let agent = &mut world.agents[1];
    agent.kill().await;
    let before = agent.events().len();
    agent.start();
    let deadline = Instant::now() + Duration::from_secs(20);
    while agent.events().len() == before {
        assert!(Instant::now() < deadline, "the node did not start again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let again = agent.events().split_off(before);
    let repeated = |event: &Event| {
        matches!(
            event,
            Event::Registered { .. } | Event::Updated { .. } | Event::Bonded { .. }
        )
    };
    assert!(!again.iter().any(repeated), "{again:?}");
}

async fn a_job_is_created(world: &World) -> (Address, Keypair, ResultsSecretKey) {
    let (client, secret) = (Keypair::new(), ResultsSecretKey::random().unwrap());
    let (manifest, list) = manifest(&world.site, &secret);
    world.store.put(manifest.canonical()).await.unwrap();
    world.store.put(list).await.unwrap();
    world.localnet.airdrop(&client.pubkey(), 1_000_000_000).await.unwrap();
    world.localnet.grant_lmr(&client.pubkey(), 1_000_000_000).await.unwrap();
    let UnitVector { x, y, z } = lumora_client::location::Location::from_degrees(52.52, 13.40)
        .unwrap()
        .centre;
    let arguments = CreateJobArguments {
        manifest_hash: manifest.hash(),
        uri_hash: [1; 32],
        target: [x, y, z],
        replicas: 2,
        max_replicas: 2,
        tolerance_bits: 6,
        tolerance_count: 500,
        price: 1_000_001,
        deadline: world.localnet.connection().unix_timestamp().await.unwrap() + 600,
        commit_seconds: 25,
        reveal_seconds: 25,
        challenge_seconds: 0,
    };
    let create = build::create_job(&client.pubkey(), 0, SHARDS, &arguments);
    world.localnet.sender().send(&[create], &[&client]).await.unwrap();
    (job_address(&client.pubkey(), 0).0, client, secret)
}

/// Killed as soon as it has done the next step, so that each step is once the last one.
async fn it_is_finished_although_a_node_is_killed(world: &mut World, job: &Address) {
    let steps: [fn(&Event) -> bool; 6] = [
        |event| matches!(event, Event::ShardClaimed { .. }),
        |event| matches!(event, Event::ShardProgress { .. }),
        |event| matches!(event, Event::ShardRun { .. }),
        |event| matches!(event, Event::Committed { .. }),
        |event| matches!(event, Event::Revealed { .. }),
        |event| matches!(event, Event::Settled { .. }),
    ];
    let deadline = Instant::now() + PATIENCE;
    let mut kills = 0;
    loop {
        let seen = world.agents[0].events().len();
        let patience = Instant::now() + Duration::from_secs(6);
        while !world.agents[0].events()[seen..].iter().any(steps[kills % steps.len()]) && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (_, states) = world.localnet.connection().job(job).await.unwrap().unwrap();
        if states.iter().all(|state| state.is_settled()) {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "after {kills} kills the shards are {states:?}"
        );
        world.agents[0].kill().await;
        world.agents[0].start();
        kills += 1;
    }
    eprintln!("{kills} kills");
    let resumed = |event: &Event| matches!(event, Event::Started { resumed, .. } if *resumed > 0);
    assert!(
        world.agents[0].has(resumed),
        "it was never killed between a result and its settlement"
    );
}

async fn the_results_are_what_was_paid_for(world: &World, job: &Address, secret: &ResultsSecretKey) {
    let connection = world.localnet.connection();
    let (account, states) = connection.job(job).await.unwrap().unwrap();
    assert!(
        states.iter().all(|state: &ShardState| state.replicas() == 0b11),
        "somebody was not agreed with: {states:?}"
    );
    assert_eq!(account.settled_shards, SHARDS);

    let log = history(connection, job).await.unwrap();
    let settled: Vec<ShardSettled> = log.iter().flat_map(|entry| entry.events::<ShardSettled>()).collect();
    assert_eq!(settled.len(), SHARDS as usize);
    let revealed: Vec<ResultRevealed> = log.iter().flat_map(|entry| entry.events::<ResultRevealed>()).collect();
    let mut records = 0;
    for shard in &settled {
        for reveal in revealed.iter().filter(|reveal| reveal.shard == shard.shard) {
            let name = result_name(&job.to_bytes(), reveal.shard, &reveal.node.to_bytes());
            let cid = world
                .store
                .resolve(&name)
                .await
                .unwrap()
                .expect("no result under its name");
            let result = open(&cid, secret, &world.store).await.unwrap();
            assert_eq!(result.result_root, reveal.result_root);
            records += result.records.len();
        }
    }
    assert_eq!(records, 2 * (PAGES - FORBIDDEN));
    assert_eq!(world.site.forbidden_requests(AGENT), BTreeMap::new());
    let won = |event: &Event| {
        matches!(
            event,
            Event::AssignmentEnded {
                outcome: Outcome::Won,
                ..
            }
        )
    };
    for agent in &world.agents[1..] {
        world
            .until("the nodes see that they won", async || agent.has(won))
            .await;
    }
    assert!(connection.fetch_all::<Assignment>(&[]).await.unwrap().is_empty());
}

async fn no_lmr_is_lost(world: &World, job: &Address, client: &Keypair) {
    let connection = world.localnet.connection();
    let (account, _) = connection.job(job).await.unwrap().unwrap();
    let before = connection.lmr_balance(&client.pubkey()).await.unwrap();
    let close = build::close_job(job, &client.pubkey());
    world.localnet.sender().send(&[close], &[]).await.unwrap();
    let refunded = connection.lmr_balance(&client.pubkey()).await.unwrap() - before;
    assert_eq!(account.escrowed, account.paid + account.fees + refunded);
    assert_eq!(account.escrowed, u64::from(SHARDS) * 2 * 1_000_001);
    for agent in &world.agents {
        let owner = lumora_client::keys::load(agent.config.owner_key.as_deref().unwrap())
            .unwrap()
            .pubkey();
        let held = connection.token_balance(&token::lmr_account(&owner)).await.unwrap();
        assert!(held > BOND, "the node's owner was paid nothing");
    }
}

async fn how_it_stands_is_told(world: &World) {
    for agent in &world.agents {
        let status = lumora_node::status(&agent.config).await.unwrap();
        eprintln!("{status}");
        assert!(
            status
                .registration
                .is_some_and(|registration| registration.bond == BOND)
        );
        assert!(status.claimed > 0 && status.attested.is_some());
        // Nothing is to be done any more, and the reason for that is told.
        assert!(!status.explanations.is_empty());
    }
    assert!(world.folder.path().join("node-0/status.json").exists());
}

/// Claim, limits, withdrawal beside the agents; a measurement by hand without its agent.
async fn the_owner_takes_single_steps(world: &mut World) {
    let connection = world.localnet.connection().clone();
    let status = lumora_node::status(&world.agents[1].config).await.unwrap();
    let report = status.agent.expect("the agent runs");
    assert!(
        report.usage.is_some_and(|usage| usage.used_bytes > 0),
        "what was measured is not counted"
    );
    // How they ended says something about this machine, not about the report.
    assert!(!report.measured.is_empty());

    let agent = &world.agents[1];
    let claimed = owner::claim(agent.config.clone()).await.unwrap();
    let reward: Reward = connection.fetch(&reward_address(&agent.node).0).await.unwrap();
    assert!(claimed.lifetime > 0 && claimed.lifetime <= reward.claimed && claimed.rest.is_some());

    let mut config = agent.config.clone();
    config.limits.rate_kbps = LIMIT_KBPS / 2;
    assert!(owner::publish(config.clone()).await.unwrap());
    assert!(
        !owner::publish(config).await.unwrap(),
        "what is so already was changed again"
    );
    let node: Node = connection.fetch(&agent.node).await.unwrap();
    assert_eq!(node.limit_kbps, LIMIT_KBPS / 2);

    let asked = owner::withdraw(agent.config.clone(), Some(BOND / 2)).await.unwrap();
    assert!(matches!(asked, Withdrawal::Waiting { amount, due_at, now } if amount == BOND / 2 && due_at > now));
    let too_much = owner::withdraw(agent.config.clone(), Some(BOND + 1)).await.unwrap_err();
    assert!(too_much.to_string().contains(&BOND.to_string()), "{too_much}");
    let mut keyless = agent.config.clone();
    (keyless.owner, keyless.owner_key) = (Some(node.owner), None);
    let refused = owner::withdraw(keyless, None).await.unwrap_err().to_string();
    assert!(refused.contains("owner_key"), "{refused}");

    let locked = owner::measure(world.agents[2].config.clone(), None)
        .await
        .unwrap_err()
        .to_string();
    assert!(locked.contains("no other node uses this folder"), "{locked}");
    world.agents[2].kill().await;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match owner::measure(world.agents[2].config.clone(), None).await {
            // Measured, or told by each oracle why not: its turn is another round, it has measured, a machine is too busy.
            Ok(measured) => {
                assert!(measured.figures.is_some() || measured.refusals.len() == usize::from(ORACLES));
                break;
            }
            // Between two epochs there is no round.
            Err(error) => assert!(matches!(error, lumora_node::Error::NotMeasurable(_)), "{error}"),
        }
        assert!(Instant::now() < deadline, "no round has come");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
