//! The indexer on the embedded network: a history from before it ran, what happens while it follows over a WebSocket that is
//! cut, and what happens while it is away. What it answers is what the network says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use {
    lumora_client::{Connection, history, registry as build_registry, tasks as build_tasks},
    lumora_core::geo::UnitVector,
    lumora_indexer::{IndexerConfig, bind, catalog::CATALOG, run},
    lumora_interface::{
        registry::{Node, RegisterNodeArguments, UpdateNodeArguments, node_address, status},
        tasks::{CreateJobArguments, job_address},
    },
    lumora_localnet::{Localnet, Options},
    serde_json::Value,
    solana_keypair::Keypair,
    solana_signer::Signer,
    std::{
        path::Path,
        sync::{Arc, Mutex},
        time::Duration,
    },
    tokio::net::{TcpListener, TcpStream},
    tokio_util::sync::CancellationToken,
};

const PATIENCE: Duration = Duration::from_secs(60);
const LMR: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_indexer_answers_is_what_the_network_says() {
    let localnet = Localnet::start(Options::new(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"),
    ))
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::new(&localnet).await;

    // Before it runs: a node with a bond, and a job that is closed again, so that no account is left of it.
    provider.register(0).await;
    provider.deposit(0, 5 * LMR).await;
    let (client, job) = a_job_is_created_and_closed(&localnet).await;

    let socket = Cuttable::to(localnet.websocket_url()).await;
    let indexer = Indexer::start(&localnet, folder.path(), &socket.url).await;
    indexer.agrees_with(localnet.connection()).await;
    let closed = indexer.get(&format!("/v1/jobs/{job}")).await;
    assert_eq!(closed["state"], "closed");
    assert_eq!(closed["client"], client.pubkey().to_string());
    assert_eq!(closed["refunded"], closed["escrowed"]);

    // While it follows. It looks by itself once an hour: what it learns in time, the socket has told it.
    provider.register(1).await;
    provider.pause(1).await;
    indexer.agrees_with(localnet.connection()).await;
    let node = indexer.get(&format!("/v1/nodes/{}", provider.node(1))).await;
    assert_eq!(node["active"], false);

    // While its socket is cut, and after.
    socket.cut();
    provider.deposit(0, 3 * LMR).await;
    indexer.agrees_with(localnet.connection()).await;
    let node = indexer.get(&format!("/v1/nodes/{}", provider.node(0))).await;
    assert_eq!(node["bond"], (8 * LMR).to_string());
    let metrics = reqwest::get(format!("{}/metrics", indexer.url))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let subscriptions = metrics
        .lines()
        .find_map(|line| line.strip_prefix("lumora_indexer_subscriptions_total "))
        .unwrap();
    let subscriptions: u64 = subscriptions.parse().unwrap();
    assert!(
        subscriptions > 5,
        "{subscriptions} subscriptions: the sockets were not made anew"
    );

    // While it is away.
    indexer.stop().await;
    provider.register(2).await;
    provider.deposit(2, LMR).await;
    let indexer = Indexer::start(&localnet, folder.path(), &socket.url).await;
    indexer.agrees_with(localnet.connection()).await;
    indexer.stop().await;
    localnet.stop().await.unwrap();
}

/// Somebody who runs nodes.
struct Provider<'a> {
    localnet: &'a Localnet,
    owner: Keypair,
    operator: Keypair,
}

impl<'a> Provider<'a> {
    async fn new(localnet: &'a Localnet) -> Self {
        let owner = Keypair::new();
        localnet.airdrop(&owner.pubkey(), 10_000_000_000).await.unwrap();
        localnet.grant_lmr(&owner.pubkey(), 100 * LMR).await.unwrap();
        Self {
            localnet,
            owner,
            operator: Keypair::new(),
        }
    }

    fn node(&self, index: u16) -> lumora_interface::Address {
        node_address(&self.owner.pubkey(), index).0
    }

    async fn send(&self, instruction: solana_instruction::Instruction) {
        let sender = self.localnet.sender();
        sender.send(&[instruction], &[&self.owner]).await.unwrap();
    }

    async fn register(&self, index: u16) {
        let arguments = RegisterNodeArguments {
            index,
            operator: self.operator.pubkey(),
            transport_key: self.operator.pubkey().to_bytes(),
            h3_cell: lumora_tests::instructions::BERLIN,
            location: [i16::MAX, 0, 0],
            limit_kbps: 50_000,
            shard_capacity: 4,
        };
        self.send(build_registry::register_node(&self.owner.pubkey(), &arguments))
            .await;
    }

    async fn pause(&self, index: u16) {
        let node: Node = self.localnet.connection().fetch(&self.node(index)).await.unwrap();
        let arguments = UpdateNodeArguments {
            operator: node.operator,
            transport_key: node.transport_key,
            h3_cell: node.h3_cell,
            location: node.location,
            limit_kbps: node.limit_kbps,
            shard_capacity: node.shard_capacity,
            status: status::PAUSED,
        };
        let update = build_registry::update_node(&self.owner.pubkey(), &self.node(index), &arguments);
        self.send(update).await;
    }

    async fn deposit(&self, index: u16, amount: u64) {
        let deposit = build_registry::deposit_bond(&self.owner.pubkey(), &self.node(index), amount);
        self.send(deposit).await;
    }
}

async fn a_job_is_created_and_closed(localnet: &Localnet) -> (Keypair, lumora_interface::Address) {
    let client = Keypair::new();
    localnet.airdrop(&client.pubkey(), 1_000_000_000).await.unwrap();
    localnet.grant_lmr(&client.pubkey(), 100 * LMR).await.unwrap();
    let UnitVector { x, y, z } = lumora_client::location::Location::from_degrees(52.52, 13.40)
        .unwrap()
        .centre;
    let arguments = CreateJobArguments {
        manifest_hash: [4; 32],
        uri_hash: [5; 32],
        target: [x, y, z],
        replicas: 2,
        max_replicas: 2,
        tolerance_bits: 6,
        tolerance_count: 500,
        price: LMR,
        deadline: localnet.connection().unix_timestamp().await.unwrap() + 600,
        commit_seconds: 25,
        reveal_seconds: 25,
        challenge_seconds: 0,
    };
    let create = build_tasks::create_job(&client.pubkey(), 0, 3, &arguments);
    localnet.sender().send(&[create], &[&client]).await.unwrap();
    localnet.advance_clock(Duration::from_secs(700)).await.unwrap();
    let job = job_address(&client.pubkey(), 0).0;
    let close = build_tasks::close_job(&job, &client.pubkey());
    localnet.sender().send(&[close], &[]).await.unwrap();
    (client, job)
}

/// A running indexer.
struct Indexer {
    url: String,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<lumora_indexer::Result<()>>,
}

impl Indexer {
    async fn start(localnet: &Localnet, folder: &Path, websocket_url: &str) -> Self {
        let mut config = IndexerConfig {
            rpc_url: localnet.rpc_url().to_owned(),
            ws_url: Some(websocket_url.to_owned()),
            database: format!("sqlite://{}", folder.join("index.db").display()),
            listen: "127.0.0.1:0".parse().unwrap(),
            poll_ms: 3_600_000,
            ..IndexerConfig::default()
        };
        // A port that was free a moment ago.
        config.listen = bind(&config).await.unwrap().local_addr().unwrap();
        let shutdown = CancellationToken::new();
        Self {
            url: format!("http://{}", config.listen),
            running: tokio::spawn(run(config, shutdown.clone())),
            shutdown,
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.running)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }

    async fn get(&self, path: &str) -> Value {
        reqwest::get(format!("{}{path}", self.url))
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Waits until everything that has happened is indexed, and compares all of it.
    async fn agrees_with(&self, connection: &Connection) {
        for program in CATALOG.programs() {
            let happened = history::history(connection, &program.address).await.unwrap();
            let happened: Vec<(String, Vec<u8>)> = happened
                .iter()
                .flat_map(|entry| entry.events.iter().map(|event| (entry.signature.to_string(), event)))
                .filter(|(_, event)| event.program == program.address)
                .map(|(signature, event)| (signature, event.data.clone()))
                .collect();
            let path = format!("/v1/events?program={}&order=oldest&limit=500", program.name);
            let deadline = tokio::time::Instant::now() + PATIENCE;
            let told = loop {
                if let Ok(answer) = reqwest::get(format!("{}{path}", self.url)).await {
                    let page: Value = answer.json().await.unwrap();
                    let items = page["items"].as_array().unwrap().clone();
                    if items.len() >= happened.len() {
                        break items;
                    }
                }
                assert!(
                    tokio::time::Instant::now() < deadline,
                    "{} is not caught up with",
                    program.name
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            assert_eq!(told.len(), happened.len(), "{}", program.name);
            for (told, (signature, data)) in told.iter().zip(&happened) {
                let layout = program.event(data).unwrap();
                assert_eq!(told["signature"], *signature);
                assert_eq!(told["name"], layout.name);
                assert_eq!(told["fields"], Value::Object(layout.decode(data)));
            }
            self.has_the_accounts_of(connection, program).await;
        }
        let nodes = connection.fetch_all::<Node>(&[]).await.unwrap();
        let page = self.get("/v1/nodes?limit=500").await;
        assert_eq!(page["items"].as_array().unwrap().len(), nodes.len());
    }

    /// The accounts are read with the events that name them, so they are there as soon as these are.
    async fn has_the_accounts_of(&self, connection: &Connection, program: &lumora_indexer::catalog::Program) {
        let (_, accounts) = connection.accounts_of(&program.address).await.unwrap();
        assert!(!accounts.is_empty());
        for (address, account) in accounts {
            let layout = program.account(&account.data).unwrap();
            let told = self.get(&format!("/v1/accounts/{address}")).await;
            assert_eq!(told["kind"], layout.name, "{address}");
            assert_eq!(told["exists"], true, "{address}");
            assert_eq!(told["fields"], Value::Object(layout.decode(&account.data)), "{address}");
        }
    }
}

/// A way to a WebSocket that can be cut. Whoever connects again gets through.
struct Cuttable {
    url: String,
    way: Arc<Mutex<CancellationToken>>,
}

impl Cuttable {
    async fn to(url: &str) -> Self {
        let target = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let way = Arc::new(Mutex::new(CancellationToken::new()));
        let ways = way.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let cut = ways.lock().unwrap().clone();
                let mut far = TcpStream::connect(&target).await.unwrap();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        () = cut.cancelled() => {}
                    }
                });
            }
        });
        Self { url, way }
    }

    fn cut(&self) {
        std::mem::take(&mut *self.way.lock().unwrap()).cancel();
    }
}
