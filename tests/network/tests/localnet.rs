//! The embedded network over RPC: programs deployed through the real loader, migrations that may be run again, the client that lands
//! transactions and names what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use {
    lumora_client::{Connection, Error, Outcome as Sent, Sender, registry, watch},
    lumora_core::units::Lmr,
    lumora_interface::{
        bandwidth::{self, ORACLE_SET, OracleSet},
        market,
        registry::{BOND_VAULT, NETWORK, Network, Node, RegisterNodeArguments, RegistryError, node_address},
        rewards::{self, EMISSION, Emission},
        tasks,
    },
    lumora_localnet::{Localnet, Options, keys},
    lumora_migrations::{
        Oracle, Outcome,
        loader::{self, Change, Program},
    },
    solana_address::Address,
    solana_keypair::Keypair,
    solana_signer::Signer,
    std::{
        path::Path,
        time::{Duration, SystemTime, UNIX_EPOCH},
    },
};

const LOADER_V3: Address = Address::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");

fn options() -> Options {
    let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"));
    options.settings.oracles.members = (0..3)
        .map(|index| Oracle {
            key: keys::oracle(index).pubkey().into(),
            endpoint: format!("127.0.0.1:{}", 4_430 + index).parse().unwrap(),
            owner: None,
        })
        .collect();
    options
}

fn node_arguments(index: u16) -> RegisterNodeArguments {
    RegisterNodeArguments {
        index,
        operator: Keypair::new().pubkey(),
        transport_key: Keypair::new().pubkey().to_bytes(),
        h3_cell: lumora_tests::instructions::BERLIN,
        location: [i16::MAX, 0, 0],
        limit_kbps: 50_000,
        shard_capacity: 4,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_deployed_initialised_and_usable() {
    let options = options();
    let settings = options.settings.clone();
    let localnet = Localnet::start(options).await.unwrap();
    let connection = localnet.connection();

    deployed_through_the_loader(connection).await;
    initialised(connection, localnet.authority().pubkey()).await;
    a_second_run_changes_nothing(&localnet, &settings).await;
    only_the_authority_may_migrate(&localnet, &settings).await;
    let owner = a_node_is_registered_and_seen(&localnet).await;
    what_is_refused_is_named(connection, &owner).await;
    lmr_is_granted_and_bonded(&localnet, &owner).await;
    localnet.stop().await.unwrap();
}

async fn deployed_through_the_loader(connection: &Connection) {
    for program in [
        lumora_interface::registry::ID,
        bandwidth::ID,
        rewards::ID,
        tasks::ID,
        market::ID,
    ] {
        let account = connection.account(&program).await.unwrap().unwrap();
        assert!(account.executable, "{program} is not executable");
        assert_eq!(
            account.owner, LOADER_V3,
            "{program} was not deployed by the upgradeable loader"
        );
    }
}

async fn initialised(connection: &Connection, authority: Address) {
    let network: Network = connection.fetch(&NETWORK).await.unwrap();
    assert_eq!(network.authority, authority);
    assert_eq!(network.lmr_mint, rewards::MINT);
    let oracles: OracleSet = connection.fetch(&ORACLE_SET).await.unwrap();
    assert_eq!(oracles.count, 3);
    assert_eq!(oracles.index_of(&keys::oracle(1).pubkey()), Some(1));
    let emission: Emission = connection.fetch(&EMISSION).await.unwrap();
    assert_eq!(emission.early_minted, rewards::EARLY_POOL_AMOUNT);
    let treasury: market::MarketConfig = connection.fetch(&market::config_address().0).await.unwrap();
    assert_eq!(treasury.treasury, rewards::FEES);
    let treasury: tasks::TasksConfig = connection.fetch(&tasks::config_address().0).await.unwrap();
    assert_eq!(treasury.treasury, rewards::FEES);
}

async fn a_second_run_changes_nothing(localnet: &Localnet, settings: &lumora_migrations::Settings) {
    assert_eq!(localnet.migrations().len(), 6);
    for report in localnet.migrations() {
        assert!(
            matches!(report.outcome, Outcome::Changed(_)),
            "{} did nothing the first time",
            report.step
        );
    }
    let before = localnet
        .connection()
        .balance(&localnet.authority().pubkey())
        .await
        .unwrap();
    for report in lumora_migrations::run(&localnet.sender(), settings, |_| ())
        .await
        .unwrap()
    {
        assert_eq!(report.outcome, Outcome::AlreadyDone, "{}", report.step);
    }
    let after = localnet
        .connection()
        .balance(&localnet.authority().pubkey())
        .await
        .unwrap();
    assert_eq!(before, after, "a run that changes nothing must cost nothing");
}

async fn only_the_authority_may_migrate(localnet: &Localnet, settings: &lumora_migrations::Settings) {
    let stranger = Keypair::new();
    localnet.airdrop(&stranger.pubkey(), 1_000_000_000).await.unwrap();
    let error = lumora_migrations::run(&localnet.sender().paid_by(stranger), settings, |_| ())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains(&localnet.authority().pubkey().to_string()),
        "{error}"
    );
}

/// Registers a node and follows it over the WebSocket; the owner's keypair.
async fn a_node_is_registered_and_seen(localnet: &Localnet) -> Keypair {
    let owner = Keypair::new();
    localnet.airdrop(&owner.pubkey(), 10_000_000_000).await.unwrap();
    let connection = localnet.connection();
    let (address, _) = node_address(&owner.pubkey(), 0);
    let mut nodes = watch::accounts::<Node>(connection, vec![]);
    assert!(matches!(next(&mut nodes).await, watch::Change::Connected));

    let sender = Sender::new(connection.clone(), owner.insecure_clone());
    let instruction = registry::register_node(&owner.pubkey(), &node_arguments(0));
    let exists = || async { Ok(connection.account(&address).await?.is_some()) };
    let first = sender
        .send_unless(exists, std::slice::from_ref(&instruction), &[])
        .await
        .unwrap();
    let Sent::Landed(landed) = first else {
        panic!("nothing was registered before")
    };
    assert!(landed.compute_units > 0 && landed.signings == 1);
    let again = sender.send_unless(exists, &[instruction], &[]).await.unwrap();
    assert_eq!(again, Sent::AlreadyDone);

    let node: Node = connection.fetch(&address).await.unwrap();
    assert_eq!((node.owner, node.limit_kbps), (owner.pubkey(), 50_000));
    assert_eq!(connection.fetch_all::<Node>(&[]).await.unwrap(), [(address, node)]);
    assert_eq!(
        connection.fetch_many::<Node>(&[UNUSED, address]).await.unwrap(),
        [None, Some(node)]
    );
    let by_owner = lumora_client::Filter::field(std::mem::offset_of!(Node, owner), Address::default());
    assert_eq!(connection.fetch_all::<Node>(&[by_owner]).await.unwrap(), []);
    match next(&mut nodes).await {
        watch::Change::Account {
            address: seen, account, ..
        } => assert_eq!((seen, account), (address, node)),
        other => panic!("{other:?}"),
    }
    owner
}

/// An address at which there is no account.
const UNUSED: Address = Address::new_from_array([3; 32]);

async fn next<T: std::fmt::Debug>(changes: &mut tokio::sync::mpsc::Receiver<T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), changes.recv())
        .await
        .unwrap()
        .unwrap()
}

async fn what_is_refused_is_named(connection: &Connection, owner: &Keypair) {
    let sender = Sender::new(connection.clone(), owner.insecure_clone());
    let address = owner.pubkey();

    let wrong = RegisterNodeArguments {
        limit_kbps: 0,
        ..node_arguments(1)
    };
    let error = sender
        .send(&[registry::register_node(&address, &wrong)], &[])
        .await
        .unwrap_err();
    assert!(
        error.is_refusal_of(&lumora_interface::registry::ID, RegistryError::LimitZero.code()),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        format!(
            "registry program: {} (LimitZero, code {})",
            RegistryError::LimitZero.message(),
            RegistryError::LimitZero.code()
        )
    );
    assert!(!error.refusal().unwrap().logs.is_empty());

    let poor = Sender::new(connection.clone(), Keypair::new());
    let error = poor
        .send(
            &[registry::register_node(&poor.payer_address(), &node_arguments(0))],
            &[],
        )
        .await
        .unwrap_err();
    assert!(error.to_string().contains("SOL"), "{error}");

    let error = poor
        .send(&[registry::register_node(&address, &node_arguments(2))], &[])
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::MissingSigner { address: missing } if missing == address),
        "{error}"
    );

    let error = connection
        .fetch::<Network>(&node_address(&address, 0).0)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::WrongAccount { kind: "Network", .. }), "{error}");
    let error = connection.fetch::<Node>(&UNUSED).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { kind: "Node", .. }), "{error}");
}

async fn lmr_is_granted_and_bonded(localnet: &Localnet, owner: &Keypair) {
    let connection = localnet.connection();
    let lmr = 10u64.pow(u32::from(Lmr::DECIMALS));
    localnet.grant_lmr(&owner.pubkey(), 500 * lmr).await.unwrap();
    assert_eq!(connection.lmr_balance(&owner.pubkey()).await.unwrap(), 500 * lmr);
    let (node, _) = node_address(&owner.pubkey(), 0);
    let sender = Sender::new(connection.clone(), owner.insecure_clone());
    sender
        .send(&[registry::deposit_bond(&owner.pubkey(), &node, 120 * lmr)], &[])
        .await
        .unwrap();
    assert_eq!(connection.fetch::<Node>(&node).await.unwrap().bond, 120 * lmr);
    assert_eq!(connection.token_balance(&BOND_VAULT).await.unwrap(), 120 * lmr);
    assert_eq!(connection.lmr_balance(&owner.pubkey()).await.unwrap(), 380 * lmr);

    // The token program's own refusal, from inside the registry's instruction.
    let error = sender
        .send(&[registry::deposit_bond(&owner.pubkey(), &node, 400 * lmr)], &[])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("holds less LMR"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_keeps_this_machines_time_and_jumps_when_told() {
    let mut options = options();
    options.slot_time = Duration::from_millis(50);
    let localnet = Localnet::start_empty(options).await.unwrap();
    let connection = localnet.connection();
    for _ in 0..3 {
        keeps_time(connection, 0).await;
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
    let slots = connection.slot().await.unwrap();
    localnet.advance_clock(Duration::from_secs(86_400)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    keeps_time(connection, 86_400).await;
    assert!(
        connection.slot().await.unwrap() > slots + 5,
        "slots must go on at their pace"
    );
}

/// The chain's time is this machine's plus `ahead` seconds: never later, and as soon as the machine has time for it not
/// earlier.
async fn keeps_time(connection: &Connection, ahead: i64) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let chain = connection.unix_timestamp().await.unwrap();
        let difference = chain - now() - ahead;
        assert!(difference <= 1, "the chain is {difference} s ahead");
        if difference >= -1 {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the chain stays {difference} s behind"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_are_chosen_named_when_taken_and_freed() {
    let localnet = Localnet::start_empty(options()).await.unwrap();
    let port: u16 = localnet.rpc_url().rsplit(':').next().unwrap().parse().unwrap();
    let with_port = || Options {
        rpc_port: Some(port),
        ..options()
    };

    let error = Localnet::start_empty(with_port()).await.err().unwrap().to_string();
    assert!(error.contains(&port.to_string()) && error.contains("taken"), "{error}");

    // A client finds the WebSocket from the RPC address alone.
    assert!(
        Connection::new(localnet.rpc_url())
            .unwrap()
            .websocket_url()
            .starts_with(localnet.websocket_url())
    );
    localnet.stop().await.unwrap();
    let again = Localnet::start_empty(with_port()).await.unwrap();
    assert!(again.rpc_url().ends_with(&port.to_string()));
    again.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_programs_are_said_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let error = Localnet::start(Options::new(folder.path()))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("lumora_registry.so") && error.contains("build-sbf"),
        "{error}"
    );
}

fn code(program: &str) -> Vec<u8> {
    let path = options().settings.programs.folder.join(format!("lumora_{program}.so"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A program with no room to grow.
fn program(keypair: &Keypair, code: Vec<u8>) -> Program {
    Program {
        name: "program".into(),
        keypair: keypair.insecure_clone(),
        max_bytes: code.len(),
        code,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_upgraded_and_may_outgrow_its_room() {
    let localnet = Localnet::start_empty(options()).await.unwrap();
    let (sender, keypair) = (localnet.sender(), Keypair::new());
    let (small, large) = (code("market"), code("tasks"));
    assert!(small.len() < large.len());
    let deploy = |code: &[u8]| {
        let (sender, program) = (sender.clone(), program(&keypair, code.to_vec()));
        async move { loader::deploy(&sender, &[program], |_, _| ()).await }
    };
    assert_eq!(deploy(&small).await.unwrap(), [Change::Deployed]);
    assert_eq!(deploy(&small).await.unwrap(), [Change::Unchanged]);
    assert_eq!(deploy(&large).await.unwrap(), [Change::Upgraded]);
    assert_eq!(deploy(&large).await.unwrap(), [Change::Unchanged]);
    assert_eq!(deploy(&small).await.unwrap(), [Change::Upgraded]);

    let stranger = Keypair::new();
    localnet.airdrop(&stranger.pubkey(), 10_000_000_000).await.unwrap();
    let error = loader::deploy(&sender.paid_by(stranger), &[program(&keypair, large)], |_, _| ())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains(&localnet.authority().pubkey().to_string()),
        "{error}"
    );
    localnet.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_was_killed_is_finished_by_the_next_one() {
    // Nothing is confirmed before the next block, so that the deployment is killed while it waits for its writes.
    let slow = Options {
        slot_time: Duration::from_secs(2),
        ..options()
    };
    let localnet = Localnet::start_empty(slow).await.unwrap();
    let (keypair, code) = (Keypair::new(), code("tasks"));
    let (started, mut some_landed) = tokio::sync::mpsc::unbounded_channel();
    let first = tokio::spawn({
        let (sender, program) = (localnet.sender(), program(&keypair, code.clone()));
        async move {
            let progress = move |done: usize, total: usize| {
                // The receiver is gone once the deployment has been killed.
                let _ = started.send((done, total));
            };
            loader::deploy(&sender, &[program], progress).await
        }
    });
    let (_, all) = some_landed.recv().await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let account = localnet.connection().account(&keypair.pubkey()).await.unwrap();
    assert!(account.is_none(), "the deployment was to be killed before it was done");

    let (missing, mut totals) = tokio::sync::mpsc::unbounded_channel();
    let before = localnet
        .connection()
        .balance(&localnet.authority().pubkey())
        .await
        .unwrap();
    let changes = loader::deploy(
        &localnet.sender(),
        &[program(&keypair, code.clone())],
        move |_, total| {
            let _ = missing.send(total);
        },
    )
    .await
    .unwrap();
    assert_eq!(changes, [Change::Deployed]);
    assert!(
        totals.recv().await.is_none_or(|missing| missing < all),
        "what was written is not written again"
    );
    // The buffer of the killed run was used: what was paid now is the program's own account and fees, not the code's rent again.
    let after = localnet
        .connection()
        .balance(&localnet.authority().pubkey())
        .await
        .unwrap();
    let rent = localnet.connection().rent(code.len()).await.unwrap();
    assert!(before - after < rent / 2, "{} lamports were paid again", before - after);
    localnet.stop().await.unwrap();
}

#[test]
fn the_anchor_workspace_names_the_ids_that_the_programs_are_built_for() {
    let text = include_str!("../../../Anchor.toml");
    for (name, id) in [
        ("registry", lumora_interface::registry::ID),
        ("bandwidth", bandwidth::ID),
        ("rewards", rewards::ID),
        ("tasks", tasks::ID),
        ("market", market::ID),
    ] {
        assert_eq!(text.matches(&format!("lumora_{name} = \"{id}\"")).count(), 2, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_comes_back_after_the_network_was_away() {
    let localnet = Localnet::start_empty(options()).await.unwrap();
    let port: u16 = localnet.rpc_url().rsplit(':').next().unwrap().parse().unwrap();
    let mut changes = watch::account::<Node>(localnet.connection(), UNUSED);
    assert!(matches!(next(&mut changes).await, watch::Change::Connected));
    localnet.stop().await.unwrap();
    let again = Localnet::start_empty(Options {
        rpc_port: Some(port),
        ..options()
    })
    .await
    .unwrap();
    assert!(matches!(next(&mut changes).await, watch::Change::Connected));
    again.stop().await.unwrap();
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}
