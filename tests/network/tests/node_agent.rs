//! Nodes and oracles as they run, on the embedded network: links are measured, figures attested, proven and paid for, and
//! a job is done although one of the nodes is killed over and over.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod world;

use {
    lumora_client::{history::history, tasks as build, token},
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
        registry::Node,
        rewards::{Reward, reward_address},
        tasks::{Assignment, CreateJobArguments, ResultRevealed, ShardSettled, ShardState, job_address},
    },
    lumora_node::{
        Event,
        config::{Limits, Place},
        event::Outcome,
        owner::{self, Withdrawal},
    },
    serde_json::json,
    solana_address::Address,
    solana_keypair::Keypair,
    solana_signer::Signer,
    std::{
        collections::BTreeMap,
        path::Path,
        time::{Duration, Instant},
    },
    world::{BOND, Provider, World, until},
};

const ORACLES: u16 = 3;
/// Berlin, Paris, Madrid: the job's data lives in Berlin.
const PLACES: [(f64, f64); 3] = [(52.52, 13.40), (48.86, 2.35), (40.42, -3.70)];
const SHARDS: u32 = 6;
const PAGES: usize = 48;
const FORBIDDEN: usize = 4;
const LIMIT_KBPS: u32 = 20_000;

/// The network with its nodes, the pages, and where results go.
struct Scene {
    world: World,
    agents: Vec<Provider>,
    site: Site,
    store: Store,
}

impl Scene {
    async fn start() -> Self {
        let world = World::start(ORACLES, |options| {
            options.settings.network.max_wait_seconds = 6;
            let oracles = &mut options.settings.oracles;
            (oracles.epoch_seconds, oracles.commit_seconds, oracles.dispute_seconds) = (14, 8, 1);
        })
        .await;
        let site = serve_pages(world.folder.path()).await;
        for index in 0..ORACLES {
            world.run(index, world.config(index, json!({})));
        }
        let mut agents = Vec::new();
        for (index, (latitude, longitude)) in PLACES.into_iter().enumerate() {
            let mut agent = world.provider(&format!("node-{index}")).await;
            let config = &mut agent.config;
            config.location = Place { latitude, longitude };
            config.limits = Limits::new(LIMIT_KBPS, 3);
            config.fetching.private_addresses = vec![site.address()];
            (config.minimum_claim, config.poll_seconds) = (1, 2);
            agents.push(agent);
        }
        Self {
            store: Store::local(world.path("store")).unwrap(),
            world,
            agents,
            site,
        }
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
    let mut scene = Scene::start().await;
    scene.agents.iter_mut().for_each(Provider::start);

    every_node_is_proven_and_paid(&scene).await;
    a_second_start_goes_on_from_the_first(&mut scene).await;
    let (job, client, secret) = a_job_is_created(&scene).await;
    it_is_finished_although_a_node_is_killed(&mut scene, &job).await;
    the_results_are_what_was_paid_for(&scene, &job, &secret).await;
    no_lmr_is_lost(&scene, &job, &client).await;
    how_it_stands_is_told(&scene).await;
    the_owner_takes_single_steps(&mut scene).await;
}

async fn every_node_is_proven_and_paid(scene: &Scene) {
    for agent in &scene.agents {
        until("a reward is claimed", async || {
            agent.has(|event| matches!(event, Event::RewardClaimed { .. }))
        })
        .await;
        let reward: Reward = scene
            .world
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
async fn a_second_start_goes_on_from_the_first(scene: &mut Scene) {
    let agent = &mut scene.agents[1];
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

async fn a_job_is_created(scene: &Scene) -> (Address, Keypair, ResultsSecretKey) {
    let (client, secret) = (Keypair::new(), ResultsSecretKey::random().unwrap());
    let (manifest, list) = manifest(&scene.site, &secret);
    scene.store.put(manifest.canonical()).await.unwrap();
    scene.store.put(list).await.unwrap();
    scene
        .world
        .localnet
        .airdrop(&client.pubkey(), 1_000_000_000)
        .await
        .unwrap();
    scene
        .world
        .localnet
        .grant_lmr(&client.pubkey(), 1_000_000_000)
        .await
        .unwrap();
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
        deadline: scene.world.localnet.connection().unix_timestamp().await.unwrap() + 600,
        commit_seconds: 25,
        reveal_seconds: 25,
        challenge_seconds: 0,
    };
    let create = build::create_job(&client.pubkey(), 0, SHARDS, &arguments);
    scene.world.localnet.sender().send(&[create], &[&client]).await.unwrap();
    (job_address(&client.pubkey(), 0).0, client, secret)
}

/// Killed as soon as it has done the next step, so that each step is once the last one.
async fn it_is_finished_although_a_node_is_killed(scene: &mut Scene, job: &Address) {
    let steps: [fn(&Event) -> bool; 6] = [
        |event| matches!(event, Event::ShardClaimed { .. }),
        |event| matches!(event, Event::ShardProgress { .. }),
        |event| matches!(event, Event::ShardRun { .. }),
        |event| matches!(event, Event::Committed { .. }),
        |event| matches!(event, Event::Revealed { .. }),
        |event| matches!(event, Event::Settled { .. }),
    ];
    let deadline = Instant::now() + Duration::from_secs(240);
    let mut kills = 0;
    loop {
        let seen = scene.agents[0].events().len();
        let patience = Instant::now() + Duration::from_secs(6);
        while !scene.agents[0].events()[seen..].iter().any(steps[kills % steps.len()]) && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (_, states) = scene.world.localnet.connection().job(job).await.unwrap().unwrap();
        if states.iter().all(|state| state.is_settled()) {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "after {kills} kills the shards are {states:?}"
        );
        scene.agents[0].kill().await;
        scene.agents[0].start();
        kills += 1;
    }
    eprintln!("{kills} kills");
    let resumed = |event: &Event| matches!(event, Event::Started { resumed, .. } if *resumed > 0);
    assert!(
        scene.agents[0].has(resumed),
        "it was never killed between a result and its settlement"
    );
}

async fn the_results_are_what_was_paid_for(scene: &Scene, job: &Address, secret: &ResultsSecretKey) {
    let connection = scene.world.localnet.connection();
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
            let cid = scene
                .store
                .resolve(&name)
                .await
                .unwrap()
                .expect("no result under its name");
            let result = open(&cid, secret, &scene.store).await.unwrap();
            assert_eq!(result.result_root, reveal.result_root);
            records += result.records.len();
        }
    }
    assert_eq!(records, 2 * (PAGES - FORBIDDEN));
    assert_eq!(scene.site.forbidden_requests(AGENT), BTreeMap::new());
    let won = |event: &Event| {
        matches!(
            event,
            Event::AssignmentEnded {
                outcome: Outcome::Won,
                ..
            }
        )
    };
    for agent in &scene.agents[1..] {
        until("the nodes see that they won", async || agent.has(won)).await;
    }
    assert!(connection.fetch_all::<Assignment>(&[]).await.unwrap().is_empty());
}

async fn no_lmr_is_lost(scene: &Scene, job: &Address, client: &Keypair) {
    let connection = scene.world.localnet.connection();
    let (account, _) = connection.job(job).await.unwrap().unwrap();
    let before = connection.lmr_balance(&client.pubkey()).await.unwrap();
    let close = build::close_job(job, &client.pubkey());
    scene.world.localnet.sender().send(&[close], &[]).await.unwrap();
    let refunded = connection.lmr_balance(&client.pubkey()).await.unwrap() - before;
    assert_eq!(account.escrowed, account.paid + account.fees + refunded);
    assert_eq!(account.escrowed, u64::from(SHARDS) * 2 * 1_000_001);
    for agent in &scene.agents {
        let owner = lumora_client::keys::load(agent.config.owner_key.as_deref().unwrap())
            .unwrap()
            .pubkey();
        let held = connection.token_balance(&token::lmr_account(&owner)).await.unwrap();
        assert!(held > BOND, "the node's owner was paid nothing");
    }
}

async fn how_it_stands_is_told(scene: &Scene) {
    for agent in &scene.agents {
        let status = lumora_node::status(&agent.config).await.unwrap();
        eprintln!("{status}");
        assert!(
            status
                .registration
                .is_some_and(|registration| registration.bond == BOND)
        );
        assert!(status.claimed > 0);
        // Nothing was sold, and an oracle says so.
        assert_eq!(status.attested.and_then(|attested| attested.marred), Some(0));
        // Nothing is to be done any more, and the reason for that is told.
        assert!(!status.explanations.is_empty());
    }
    assert!(scene.world.folder.path().join("node-0/status.json").exists());
}

/// Claim, limits, withdrawal beside the agents; a measurement by hand without its agent.
async fn the_owner_takes_single_steps(scene: &mut Scene) {
    let connection = scene.world.localnet.connection().clone();
    let status = lumora_node::status(&scene.agents[1].config).await.unwrap();
    let report = status.agent.expect("the agent runs");
    assert!(
        report.usage.is_some_and(|usage| usage.used_bytes > 0),
        "what was measured is not counted"
    );
    // How they ended says something about this machine, not about the report.
    assert!(!report.measured.is_empty());

    let agent = &scene.agents[1];
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

    let locked = owner::measure(scene.agents[2].config.clone(), None)
        .await
        .unwrap_err()
        .to_string();
    assert!(locked.contains("no other node uses this folder"), "{locked}");
    scene.agents[2].kill().await;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match owner::measure(scene.agents[2].config.clone(), None).await {
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
