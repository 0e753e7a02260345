//! The score follows what is measured, on the embedded network: a quorum of oracles finds that shards wait longer than they
//! need to, and shortens the wait, though one oracle is a liar; the indexer shows it; and while it is frozen nothing moves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod world;

use {
    futures_util::future::join_all,
    lumora_client::{
        Sender, bandwidth as build_bandwidth,
        oracle_api::AdaptationReport,
        registry as build_registry,
        tasks::{self as build, Assigned, Replica},
        token,
    },
    lumora_core::{
        result::{Secret, WORDS},
        sketch::Sketch,
    },
    lumora_indexer::{IndexerConfig, bind, run},
    lumora_interface::{
        bandwidth::{
            AdaptRankingArguments, AdaptationCount, Attestation, Epoch, ORACLE_SET, OracleSet, adaptation,
            adaptation_address, attestation_address, epoch_address,
        },
        registry::{NETWORK, Network},
        tasks::{
            Assignment, CreateJobArguments, Job, RevealResultArguments, ShardState, assignment_state, job_address,
        },
    },
    lumora_localnet::keys,
    lumora_oracle::Event,
    serde_json::{Value, json},
    solana_address::Address,
    solana_instruction::Instruction,
    solana_keypair::Keypair,
    solana_signer::Signer,
    std::{sync::Mutex, time::Duration},
    tokio_util::sync::CancellationToken,
    world::{Provider, World, until},
};

const ORACLES: u16 = 4;
/// The one that lies: three of four are a quorum.
const LIAR: u16 = 3;
/// More claims than the rule needs.
const SHARDS: u32 = 110;
const PRICE: u64 = 100_000;
/// Longest wait: nodes of this test wait for two fifths of it, which is most of what a shard takes here.
const MAX_WAIT: u32 = 120;
const EPOCH_SECONDS: u32 = 45;

/// What only this test asks of its world.
impl World {
    async fn network(&self) -> Network {
        self.connection().fetch(&NETWORK).await.unwrap()
    }

    /// Sends instructions, some to a transaction, all at the same time.
    async fn send_all(&self, sender: &Sender, instructions: &[Instruction], together: usize) {
        let sent = instructions.chunks(together).map(|some| sender.send(some, &[]));
        for sent in join_all(sent).await {
            sent.unwrap();
        }
    }

    /// The next epoch, as soon as its seed is drawn.
    async fn next_epoch(&self) -> Epoch {
        let set: OracleSet = self.connection().fetch(&ORACLE_SET).await.unwrap();
        let address = epoch_address(set.next_epoch).0;
        until("the next epoch is drawn", async || {
            let epoch: Option<Epoch> = self.connection().fetch_optional(&address).await.unwrap();
            epoch.is_some_and(|epoch| epoch.is_drawn())
        })
        .await;
        self.connection().fetch(&address).await.unwrap()
    }

    async fn latest_final(&self) -> Option<Epoch> {
        let set: OracleSet = self.connection().fetch(&ORACLE_SET).await.unwrap();
        let number = set.attestable_from.checked_sub(1)?;
        let epoch: Epoch = self.connection().fetch(&epoch_address(number).0).await.unwrap();
        epoch
            .is_final(self.connection().unix_timestamp().await.unwrap())
            .then_some(epoch)
    }

    async fn report(&self) -> Option<AdaptationReport> {
        self.client(0).adaptation().await.unwrap()
    }

    /// The epochs in which oracles brought an adaptation to the chain.
    fn adapted(&self) -> Vec<u64> {
        let adapted = self.told().into_iter().filter_map(|(_, event)| match event {
            Event::RankingAdapted { epoch, .. } => Some(epoch),
            _ => None,
        });
        adapted.collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_wait_follows_what_a_quorum_measured_and_stays_where_it_is_while_frozen() {
    let world = World::start(ORACLES, |options| {
        let network = &mut options.settings.network;
        (network.max_wait_seconds, network.shard_bond, network.notice_seconds) = (MAX_WAIT, 1_000_000, 40);
        let oracles = &mut options.settings.oracles;
        (oracles.epoch_seconds, oracles.commit_seconds) = (EPOCH_SECONDS, 6);
    })
    .await;
    for index in 0..LIAR {
        let config = world.config(index, json!({}));
        assert!(config.adaptation, "it is on by default");
        world.run(index, config);
    }
    let worker = a_node_is_proven(&world).await;

    let lie = a_lie_is_signed_by_one(&world).await;
    let first = shards_are_done_after_a_long_wait(&world, &worker, 0).await;
    until("the wait is shortened", async || world.network().await.adaptations == 1).await;
    let network = world.network().await;
    assert_eq!((network.max_wait_seconds, network.adaptable_from), (108, first + 1));
    assert_eq!(network.parameters().weights, [4_000, 3_000, 2_000, 1_000]);
    let report = world.report().await.unwrap();
    assert_eq!((report.figures.claims, report.to.max_wait_seconds), (SHARDS, 108));
    assert!(report.figures.finished >= 50 && report.signed.is_some(), "{report:?}");
    until("it is told", async || world.adapted() == [first]).await;
    it_is_in_the_indexers_history(&world, first).await;
    // What the liar paid rent for can be nobody's quorum any more.
    until("the lie's account is closed", async || {
        world.connection().account(&lie).await.unwrap().is_none()
    })
    .await;

    let authority = world.localnet.authority();
    let freeze = build_registry::freeze_adaptation(&authority.pubkey());
    world.localnet.sender().send(&[freeze], &[authority]).await.unwrap();
    let second = shards_are_done_after_a_long_wait(&world, &worker, 1).await;
    until("the epoch of the second job is final", async || {
        world.latest_final().await.is_some_and(|epoch| epoch.epoch == second)
    })
    .await;
    // Long enough for what took less the first time.
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(world.network().await.adaptations, 1);
    assert_eq!(world.network().await.max_wait_seconds, 108);

    // It was the freeze, and nothing else, that held it.
    let unfreeze = build_registry::unfreeze_adaptation(&authority.pubkey());
    world.localnet.sender().send(&[unfreeze], &[authority]).await.unwrap();
    until("the wait is shortened again", async || {
        world.network().await.adaptations == 2
    })
    .await;
    assert_eq!(world.network().await.max_wait_seconds, 98);
    until("it is told again", async || world.adapted() == [first, second]).await;
}

/// The node has run until it was proven; from then on the test acts for it.
async fn a_node_is_proven(world: &World) -> Provider {
    let mut worker = world.provider("node").await;
    worker.config.limits.shards = 200;
    worker.config.oracles.truncate(usize::from(LIAR));
    worker.start();
    let attestation = attestation_address(&worker.node).0;
    until("the node is proven", async || {
        let found: Option<Attestation> = world.connection().fetch_optional(&attestation).await.unwrap();
        found.is_some_and(|found| found.down_kbps > 0)
    })
    .await;
    worker.kill().await;
    worker
}

/// The liar signs the farthest step that the program would admit, and brings it to the chain before anybody else signs.
async fn a_lie_is_signed_by_one(world: &World) -> Address {
    let liar = keys::oracle(LIAR);
    let sender = world.sender_of(&liar);
    let counting = Mutex::new(Address::default());
    until("the lie is on the chain", async || {
        let (network, Some(epoch)) = (world.network().await, world.latest_final().await) else {
            return false;
        };
        let unsealed = AdaptRankingArguments {
            digest: [0; 32],
            weights: [3_800, 3_000, 2_000, 1_200],
            max_wait_seconds: MAX_WAIT + MAX_WAIT / 10,
            reasons: [2, 2],
            expires_at: i64::MAX,
        };
        let arguments = AdaptRankingArguments {
            digest: adaptation(&network, &epoch, &unsealed).digest(),
            ..unsealed
        };
        let signature = liar.sign_message(&arguments.digest);
        let key = liar.pubkey();
        let sent = build_bandwidth::adapt_ranking(&key, &key, epoch.epoch, &arguments, &[(key, signature)]);
        *counting.lock().unwrap() = adaptation_address(&arguments.digest).0;
        sender.send(&sent, &[]).await.is_ok()
    })
    .await;
    let address = *counting.lock().unwrap();
    let count: AdaptationCount = world.connection().fetch(&address).await.unwrap();
    assert_eq!(count.signers, 1 << LIAR);
    assert_eq!(world.network().await.adaptations, 0);
    address
}

/// A job whose shards the worker takes as soon as it may, all within one epoch, whose number it gives.
async fn shards_are_done_after_a_long_wait(world: &World, worker: &Provider, id: u64) -> u64 {
    let (job, account) = create_job(world, id).await;
    // The rule's wait is over when the epoch begins, and counts all the same.
    world
        .localnet
        .advance_clock(Duration::from_secs(u64::from(MAX_WAIT) / 2))
        .await
        .unwrap();
    let epoch = world.next_epoch().await;
    let operator = worker.operator.pubkey();
    let sender = world.sender_of(&worker.operator);
    let replicas: Vec<Replica> = (0..SHARDS).map(|shard| Replica { job, shard, replica: 0 }).collect();
    let claims: Vec<Instruction> = replicas
        .iter()
        .map(|replica| build::claim_shard(&operator, &worker.node, *replica, ShardState::default(), None))
        .collect();
    world.send_all(&sender, &claims, 8).await;

    let network = world.network().await;
    let secret = Secret {
        words: [(); WORDS].map(|()| Sketch([1; 4])),
        salts: [[7; 32]; WORDS],
    };
    let (root, records) = ([9; 32], 1);
    let addresses: Vec<Address> = replicas.iter().map(Replica::assignment).collect();
    let assignments = world.connection().fetch_many::<Assignment>(&addresses).await.unwrap();
    let commits: Vec<Instruction> = replicas
        .iter()
        .zip(assignments)
        .map(|(replica, assignment)| {
            let commitment = secret.commitment(&assignment.unwrap().slot(&network.network_id), &root, records);
            build::commit_result(&operator, *replica, &commitment)
        })
        .collect();
    world.send_all(&sender, &commits, 8).await;

    let opening = secret.opening(0).unwrap();
    let arguments = RevealResultArguments {
        result_root: root,
        records,
        word: opening.word.0,
        salt: opening.salt,
        rest: opening.rest,
    };
    let state = ShardState::default().with(0);
    let reveals: Vec<Instruction> = replicas
        .iter()
        .map(|replica| build::reveal_result(&operator, *replica, state, &arguments))
        .collect();
    world.send_all(&sender, &reveals, 4).await;

    let last: Assignment = world.connection().fetch(addresses.last().unwrap()).await.unwrap();
    assert_eq!(last.state, assignment_state::REVEALED);
    until("nothing can be challenged any more", async || {
        world.connection().unix_timestamp().await.unwrap() > last.revealed_at + 3
    })
    .await;
    let assigned = Assigned {
        replica: 0,
        node: worker.node,
        owner: worker.owner,
        rent_payer: operator,
    };
    let settles: Vec<Instruction> = (0..SHARDS)
        .map(|shard| build::settle_shard(&job, &account.treasury, shard, &[assigned]))
        .collect();
    world.send_all(&sender, &settles, 4).await;
    let (account, _) = world.connection().job(&job).await.unwrap().unwrap();
    assert_eq!(account.settled_shards, SHARDS);
    epoch.epoch
}

async fn create_job(world: &World, id: u64) -> (Address, Job) {
    let client = Keypair::new();
    world.localnet.airdrop(&client.pubkey(), 1_000_000_000).await.unwrap();
    world.localnet.grant_lmr(&client.pubkey(), 100_000_000).await.unwrap();
    let target = lumora_client::location::Location::from_degrees(52.52, 13.40).unwrap();
    let arguments = CreateJobArguments {
        manifest_hash: [1; 32],
        uri_hash: [1; 32],
        target: target.components(),
        replicas: 1,
        max_replicas: 1,
        tolerance_bits: 40,
        tolerance_count: 500,
        price: PRICE,
        deadline: world.connection().unix_timestamp().await.unwrap() + 600,
        commit_seconds: 40,
        reveal_seconds: 40,
        challenge_seconds: 1,
    };
    let create = build::create_job(&client.pubkey(), id, SHARDS, &arguments);
    world.localnet.sender().send(&[create], &[&client]).await.unwrap();
    let address = job_address(&client.pubkey(), id).0;
    let job = world.connection().job(&address).await.unwrap().unwrap().0;
    assert_eq!(token::lmr_account(&client.pubkey()), token::lmr_account(&job.client));
    (address, job)
}

async fn it_is_in_the_indexers_history(world: &World, epoch: u64) {
    let mut config = IndexerConfig {
        rpc_url: world.localnet.rpc_url().to_owned(),
        ws_url: Some(world.localnet.websocket_url().to_owned()),
        database: format!("sqlite://{}", world.path("index.db").display()),
        listen: "127.0.0.1:0".parse().unwrap(),
        ..IndexerConfig::default()
    };
    config.listen = bind(&config).await.unwrap().local_addr().unwrap();
    let (url, shutdown) = (format!("http://{}", config.listen), CancellationToken::new());
    let running = tokio::spawn(run(config, shutdown.clone()));
    let get =
        async |path: &str| -> Option<Value> { reqwest::get(format!("{url}{path}")).await.ok()?.json().await.ok() };
    until("the indexer shows the adaptation", async || {
        let page = get("/v1/events?name=RankingAdapted").await;
        page.is_some_and(|page| page["items"].as_array().is_some_and(|items| items.len() == 1))
    })
    .await;
    let page = get("/v1/events?name=RankingAdapted").await.unwrap();
    let fields = &page["items"][0]["fields"];
    assert_eq!(fields["epoch"], epoch.to_string());
    assert_eq!(
        (&fields["from_max_wait_seconds"], &fields["to_max_wait_seconds"]),
        (&Value::from(MAX_WAIT), &Value::from(108))
    );
    let network = get("/v1/network").await.unwrap();
    assert_eq!(network["parameters"]["max_wait_seconds"], 108);
    let adaptation = &network["parameters"]["adaptation"];
    assert_eq!(
        (&adaptation["count"], &adaptation["frozen"]),
        (&Value::from(1), &Value::from(false))
    );
    assert_eq!(adaptation["base"]["max_wait_seconds"], MAX_WAIT);
    let metrics = reqwest::get(format!("{url}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for line in [
        "lumora_ranking_max_wait_seconds 108",
        "lumora_ranking_weight_bps{term=\"proximity\"} 3000",
        "lumora_ranking_adapted_total{wait=\"HeldBack\",weights=\"Steady\"} 1",
        "lumora_ranking_frozen 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
    }
    shutdown.cancel();
    running.await.unwrap().unwrap();
}
