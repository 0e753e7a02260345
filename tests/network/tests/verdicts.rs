//! The only results of shards, on the embedded network: one that a node made up is found out by the oracles in time, its
//! node is slashed and another node does the shard and is paid; honest results stand; and all that with an oracle dead.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod world;

use {
    lumora_client::{
        history::history,
        tasks::{self as build, Replica},
    },
    lumora_core::{
        reason::Reason,
        result::{Secret, WORDS},
        sketch::Sketch,
    },
    lumora_data::{
        key::ResultsSecretKey,
        manifest::{Field, Format, Manifest, Pages, Scope},
        site::{Site, SiteOptions},
        store::Store,
    },
    lumora_interface::{
        bandwidth::{Attestation, attestation_address},
        registry::{NETWORK, Network, Node},
        tasks::{
            Assignment, AssignmentSlashed, CreateJobArguments, ResultRejected, RevealResultArguments, ShardSettled,
            ShardState, Verdict, Work, assignment_state, job_address, work_address,
        },
    },
    lumora_oracle::Event,
    serde_json::json,
    solana_address::Address,
    solana_keypair::Keypair,
    solana_signer::Signer,
    std::{
        collections::{BTreeMap, BTreeSet},
        path::Path,
    },
    tokio::task::JoinHandle,
    world::{BOND, Provider, World, until},
};

const ORACLES: u16 = 4;
/// The one that dies before anything is to be judged: three of four are a quorum.
const DEAD: u16 = 3;
const SHARDS: u32 = 3;
/// The shard whose result is made up.
const FORGED: u32 = 0;
const PAGES: u32 = 36;
const PRICE: u64 = 1_000_001;
const CHALLENGE_SECONDS: u32 = 15;

/// The network, the pages, and where results go.
struct Scene {
    world: World,
    site: Site,
    store: Store,
}

impl Scene {
    async fn start() -> Self {
        let world = World::start(ORACLES, |options| {
            options.settings.network.max_wait_seconds = 2;
            let oracles = &mut options.settings.oracles;
            (oracles.epoch_seconds, oracles.commit_seconds) = (10, 6);
        })
        .await;
        Self {
            site: serve_pages(&world.path("site")).await,
            store: Store::local(world.path("store")).unwrap(),
            world,
        }
    }

    fn run_oracle(&self, index: u16) -> JoinHandle<()> {
        let verdicts = json!({ "verdicts": {
            "store": self.world.path("store"),
            // All but one of 10,000, so that the lot is drawn: a share of all needs none.
            "share": 9_999,
            "at_once": 2,
            "pause_seconds": 1,
            "private_addresses": [self.site.address()],
        } });
        self.world.run(index, self.world.config(index, verdicts))
    }

    async fn provider(&self, name: &str) -> Provider {
        let mut provider = self.world.provider(name).await;
        provider.config.fetching.private_addresses = vec![self.site.address()];
        provider
    }
}

/// Oracles that decided so about a node's result.
fn decided(world: &World, of: &Address, wanted: &str) -> BTreeSet<u16> {
    let is_wanted =
        |event: &Event| matches!(event, Event::ResultChecked { node, outcome, .. } if node == of && outcome == wanted);
    let told = world.told().into_iter();
    told.filter(|(_, event)| is_wanted(event))
        .map(|(oracle, _)| oracle)
        .collect()
}

async fn serve_pages(root: &Path) -> Site {
    std::fs::create_dir_all(root).unwrap();
    for index in 0..PAGES {
        let words: String = (0..60)
            .map(|word| format!("word{} ", (index * 7 + word * 13) % 97))
            .collect();
        let page = format!("<html><body><h1>Number {index}</h1><p>{words}</p></body></html>");
        std::fs::write(root.join(format!("{index}.html")), page).unwrap();
    }
    // As real pages do, each carries a line that differs between visits; the manifest's fields leave it out.
    let options = SiteOptions {
        visit_noise: true,
        ..SiteOptions::new(root)
    };
    Site::start(options).await.unwrap()
}

fn manifest(site: &Site) -> Manifest {
    let css = |selector: &str| Field {
        css: Some(selector.to_owned()),
        ..Field::default()
    };
    let page = |index: u32| site.url().join(&format!("{index}.html")).unwrap();
    Manifest {
        version: 1,
        name: "Pages of the test".into(),
        description: String::new(),
        licence: "CC0-1.0".into(),
        contact: "mailto:test@example.org".into(),
        sites: vec![site.url()],
        pages: Pages::Urls((0..PAGES).map(page).collect()),
        scope: Scope::default(),
        format: Format::Html,
        fields: BTreeMap::from([("title".to_owned(), css("h1")), ("text".to_owned(), css("p"))]),
        max_bytes: 1 << 20,
        requests_per_second: 20.0,
        timeout_seconds: 10,
        results_key: Some(ResultsSecretKey::random().unwrap().public()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_made_up_result_is_rejected_in_time_and_its_shard_is_done_by_another_node_though_an_oracle_is_dead() {
    let scene = Scene::start().await;
    let world = &scene.world;
    let oracles: Vec<JoinHandle<()>> = (0..ORACLES).map(|index| scene.run_oracle(index)).collect();
    let (mut honest, mut liar) = (scene.provider("honest").await, scene.provider("liar").await);
    both_are_proven(world, [&mut honest, &mut liar]).await;
    oracles[usize::from(DEAD)].abort();

    let (job, client) = a_job_with_one_replica(&scene).await;
    let forged = the_liar_shows_a_result_that_it_made_up(world, &job, &liar).await;
    honest.start();
    it_is_rejected_and_its_node_slashed(world, &job, &client, &liar, &forged).await;
    every_shard_is_done_by_the_honest_node(world, &job, &honest).await;
    nothing_is_left_over(world, &honest).await;
    for (index, oracle) in oracles.iter().enumerate() {
        assert_eq!(
            oracle.is_finished(),
            index == usize::from(DEAD),
            "oracle {index} does not do what it should"
        );
    }
}

/// Measured and proven, so that both can claim; then both stop, so that the test decides who claims what.
async fn both_are_proven(world: &World, providers: [&mut Provider; 2]) {
    let [honest, liar] = providers;
    for provider in [&mut *honest, &mut *liar] {
        provider.start();
    }
    for provider in [&mut *honest, &mut *liar] {
        let attestation = attestation_address(&provider.node).0;
        until("a node is proven", async || {
            let found: Option<Attestation> = world.connection().fetch_optional(&attestation).await.unwrap();
            found.is_some_and(|found| found.down_kbps > 0)
        })
        .await;
        provider.kill().await;
    }
}

async fn a_job_with_one_replica(scene: &Scene) -> (Address, Keypair) {
    let client = Keypair::new();
    let (world, manifest) = (&scene.world, manifest(&scene.site));
    scene.store.put(manifest.canonical()).await.unwrap();
    world.localnet.airdrop(&client.pubkey(), 1_000_000_000).await.unwrap();
    world.localnet.grant_lmr(&client.pubkey(), 100_000_000).await.unwrap();
    let arguments = CreateJobArguments {
        manifest_hash: manifest.hash(),
        uri_hash: [1; 32],
        target: lumora_client::location::Location::from_degrees(52.52, 13.40)
            .unwrap()
            .components(),
        replicas: 1,
        max_replicas: 1,
        tolerance_bits: 40,
        tolerance_count: 500,
        price: PRICE,
        deadline: world.connection().unix_timestamp().await.unwrap() + 600,
        commit_seconds: 20,
        reveal_seconds: 20,
        challenge_seconds: CHALLENGE_SECONDS,
    };
    let create = build::create_job(&client.pubkey(), 0, SHARDS, &arguments);
    world.localnet.sender().send(&[create], &[&client]).await.unwrap();
    (job_address(&client.pubkey(), 0).0, client)
}

/// Its own words over pages that it never visited. Returns the assignment as it was shown.
async fn the_liar_shows_a_result_that_it_made_up(world: &World, job: &Address, liar: &Provider) -> Assignment {
    let sender = world.sender_of(&liar.operator);
    let operator = liar.operator.pubkey();
    let replica = Replica {
        job: *job,
        shard: FORGED,
        replica: 0,
    };
    let claim = build::claim_shard(&operator, &liar.node, replica, ShardState::default(), None);
    until("the liar's time to claim has come", async || {
        sender.send(std::slice::from_ref(&claim), &[]).await.is_ok()
    })
    .await;

    let network: Network = world.connection().fetch(&NETWORK).await.unwrap();
    let assignment: Assignment = world.connection().fetch(&replica.assignment()).await.unwrap();
    let secret = Secret {
        words: [(); WORDS].map(|()| Sketch([0x0123_4567_89ab_cdef; 4])),
        salts: [[7; 32]; WORDS],
    };
    let (root, records) = ([9; 32], PAGES / SHARDS);
    let commitment = secret.commitment(&assignment.slot(&network.network_id), &root, records);
    let opening = secret.opening(0).unwrap();
    let arguments = RevealResultArguments {
        result_root: root,
        records,
        word: opening.word.0,
        salt: opening.salt,
        rest: opening.rest,
    };
    let state = ShardState::default().with(0);
    for step in [
        build::commit_result(&operator, replica, &commitment),
        build::reveal_result(&operator, replica, state, &arguments),
    ] {
        sender.send(&[step], &[]).await.unwrap();
    }
    let shown: Assignment = world.connection().fetch(&replica.assignment()).await.unwrap();
    assert_eq!(shown.state, assignment_state::REVEALED);
    until("the block of the reveal is found", async || {
        let block = world.connection().reveal_block(&replica.assignment()).await.unwrap();
        block.is_some()
    })
    .await;
    shown
}

async fn it_is_rejected_and_its_node_slashed(
    world: &World,
    job: &Address,
    client: &Keypair,
    liar: &Provider,
    forged: &Assignment,
) {
    let before = world.connection().lmr_balance(&client.pubkey()).await.unwrap();
    let work = async || -> Work { world.connection().fetch(&work_address(&liar.node).0).await.unwrap() };
    until("the made up result is rejected", async || work().await.failed == 1).await;
    until("its node is slashed", async || work().await.active == 0).await;

    let log = history(world.connection(), job).await.unwrap();
    let rejected: Vec<ResultRejected> = log.iter().flat_map(|entry| entry.events()).collect();
    let [rejected] = rejected.as_slice() else {
        panic!("{rejected:?}")
    };
    assert_eq!((rejected.shard, rejected.node), (FORGED, liar.node));
    assert_eq!(rejected.result_root, forged.result_root);
    assert_eq!(rejected.reason, Reason::SampleDiffers as u8);
    assert_eq!(rejected.signers, 0b0111, "all oracles but the dead one");
    let at = log
        .iter()
        .find(|entry| entry.events::<ResultRejected>().next().is_some())
        .and_then(|entry| entry.time);
    let window_end = forged.revealed_at + i64::from(CHALLENGE_SECONDS);
    assert!(at.is_none_or(|at| at <= window_end), "{at:?} is after {window_end}");

    let slashed: Vec<AssignmentSlashed> = log.iter().flat_map(|entry| entry.events()).collect();
    let [slashed] = slashed.as_slice() else {
        panic!("{slashed:?}")
    };
    assert!(slashed.taken > 0 && slashed.taken == slashed.owed);
    let node: Node = world.connection().fetch(&liar.node).await.unwrap();
    assert_eq!(node.bond, BOND - slashed.taken);
    // Half of it is the client's, whose shard was held up.
    let after = world.connection().lmr_balance(&client.pubkey()).await.unwrap();
    assert_eq!(after - before, slashed.taken / 2);
    assert_eq!(decided(world, &liar.node, "wrong"), BTreeSet::from([0, 1, 2]));
    assert!(decided(world, &liar.node, "agrees").is_empty());
}

async fn every_shard_is_done_by_the_honest_node(world: &World, job: &Address, honest: &Provider) {
    until("every shard is settled", async || {
        let (_, states) = world.connection().job(job).await.unwrap().unwrap();
        states.iter().all(|state| state.is_settled())
    })
    .await;
    let (account, states) = world.connection().job(job).await.unwrap().unwrap();
    assert!(states.iter().all(|state| state.replicas() == 1), "{states:?}");
    let work: Work = world.connection().fetch(&work_address(&honest.node).0).await.unwrap();
    assert_eq!((work.completed, work.failed, work.expired), (u64::from(SHARDS), 0, 0));
    assert_eq!(work.earned, account.paid);
    assert_eq!(account.paid + account.fees, u64::from(SHARDS) * PRICE);
    let balance = world.connection().lmr_balance(&honest.owner).await.unwrap();
    // Half of what it was given is its bond; if it had the liar slashed, it also has a part of that.
    assert!(balance >= BOND + account.paid, "{balance}");

    let log = history(world.connection(), job).await.unwrap();
    assert_eq!(
        log.iter().flat_map(|entry| entry.events::<ShardSettled>()).count(),
        SHARDS as usize
    );
    assert_eq!(log.iter().flat_map(|entry| entry.events::<ResultRejected>()).count(), 1);
    // Somebody looked at each of them, and nobody found anything.
    assert!(!decided(world, &honest.node, "agrees").is_empty());
    assert!(decided(world, &honest.node, "wrong").is_empty());
}

async fn nothing_is_left_over(world: &World, honest: &Provider) {
    until("no verdict is left that cost rent", async || {
        world.connection().fetch_all::<Verdict>(&[]).await.unwrap().is_empty()
    })
    .await;
    assert!(
        world
            .connection()
            .fetch_all::<Assignment>(&[])
            .await
            .unwrap()
            .is_empty()
    );
    // Checking has not kept the oracles from their epochs.
    let status = world.client(0).status().await.unwrap();
    assert!(status.attested_epoch.is_some());
    assert!(honest.is_running());
}
