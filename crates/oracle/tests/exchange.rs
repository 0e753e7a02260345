//! Oracles over real HTTP on loopback: bundles, holdings, signatures and leaves, with one oracle dead and one lying; and
//! what is left of an oracle that was killed.

#![allow(clippy::unwrap_used)]

mod common;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use common::{EPOCH, NETWORK, NODE, Net};
use lumora_client::oracle_api::{AdaptationReport, OracleClient, SignedAdaptation};
use lumora_core::{
    adaptation::{Figures, Tuning, propose},
    attestation::Statement,
    units::{Bps, Seconds},
};
use lumora_interface::{
    Address,
    bandwidth::{self, AdaptRankingArguments},
};
use lumora_oracle::{
    Measurement, OracleConfig, Peer,
    adaptation::Board,
    aggregate::{Aggregate, aggregate},
    bundle::Bundle,
    evidence::evidence,
    front::Front,
    http::{self, Present, Published},
    peers::Peers,
    store::{Promise, Store},
};
use solana_keypair::Keypair;
use solana_signer::Signer;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

/// An oracle's HTTP interface over a state of its own.
struct Server {
    key: Address,
    url: Url,
    store: Store,
    board: Board,
    folder: TempDir,
    stop: CancellationToken,
}

impl Server {
    async fn start(key: &Keypair) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let stop = CancellationToken::new();
        let board = Board::default();
        let published = Published {
            key: Arc::new(Keypair::new_from_array(*key.secret_bytes())),
            network_id: NETWORK,
            store: store.clone(),
            measurement: Measurement::default(),
            board: board.clone(),
            crowd: Arc::default(),
            front: Arc::new(Front::new(vec![])),
            present: Box::new(|| Present {
                current_epoch: Some(EPOCH + 1),
                ..Present::default()
            }),
        };
        tokio::spawn(http::serve(listener, Arc::new(published), stop.clone()));
        Self {
            key: key.pubkey(),
            url,
            store,
            board,
            folder,
            stop,
        }
    }

    fn peer(&self) -> Peer {
        Peer {
            key: self.key,
            http: self.url.clone(),
        }
    }

    fn client(&self) -> OracleClient {
        OracleClient::new(self.url.clone(), Duration::from_secs(5)).unwrap()
    }

    fn hold(&self, author: &Keypair, bundle: &Bundle) {
        let author_key = author.pubkey().to_bytes();
        assert!(
            self.store
                .put_bundle(EPOCH, &author_key, &bundle.root(), &bundle.seal(author))
                .unwrap()
        );
    }
}

fn peers(own: &Keypair, others: Vec<Peer>) -> Peers {
    let text = "rpc_url = \"http://127.0.0.1:1\"\nkey = \"key.json\"\ndata_dir = \"state\"\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oracle.toml");
    std::fs::write(&path, text).unwrap();
    let config = OracleConfig {
        peers: others,
        ..OracleConfig::read(&path).unwrap()
    };
    Peers::new(&config, NETWORK, &own.pubkey()).unwrap()
}

fn worked_out(net: &Net, bundles: &BTreeMap<u8, Bundle>) -> Aggregate {
    let mut evidence = evidence(&net.rules, bundles);
    let used = bundles.keys().copied().collect();
    aggregate(
        &net.rules,
        &used,
        &evidence.nodes,
        &mut evidence.measurements,
        &BTreeMap::new(),
    )
}

fn statement(net: &Net, result: &Aggregate, bundles: u32) -> Statement {
    result
        .statement(&net.rules, bandwidth::ID.to_bytes(), 1, bundles, 9_999)
        .unwrap()
}

#[tokio::test]
async fn two_oracles_come_to_the_same_root_from_each_others_bundles_and_a_dead_thirds() {
    let net = Net::new(4);
    let bundles = net.bundles(8_000);
    let [one, two] = [
        Server::start(&net.oracles[0]).await,
        Server::start(&net.oracles[1]).await,
    ];
    one.hold(&net.oracles[0], &bundles[&0]);
    two.hold(&net.oracles[1], &bundles[&1]);
    // The third committed, gave its bundle to the first and died. Nothing listens at its address.
    one.hold(&net.oracles[2], &bundles[&2]);
    let dead = Peer {
        key: net.oracles[2].pubkey(),
        http: "http://127.0.0.1:1".parse().unwrap(),
    };

    let mut roots = Vec::new();
    for (own, server, other) in [(0, &one, &two), (1, &two, &one)] {
        let peers = peers(&net.oracles[own], vec![one.peer(), two.peer(), dead.clone()]);
        for holding in peers.holdings(EPOCH).await {
            assert_eq!(holding.oracle, other.key);
            for held in holding.bundles {
                let author = net.oracles.iter().position(|key| key.pubkey() == held.oracle).unwrap();
                let committed = bundles[&(author as u8)].root();
                let fetched = peers
                    .bundle(EPOCH, &held.oracle, &[holding.oracle], Some(&committed))
                    .await
                    .unwrap();
                assert_eq!(fetched.root, held.root);
                server
                    .store
                    .replace_bundle(EPOCH, held.oracle.as_array(), &fetched.root, &fetched.sealed)
                    .unwrap();
            }
        }
        let held: BTreeMap<u8, Bundle> = (0..4u8)
            .filter_map(|member| {
                let sealed = server.store.bundle(EPOCH, &net.key(member)).unwrap()?;
                Some((
                    member,
                    Bundle::open(&sealed, &NETWORK, EPOCH, &net.key(member)).unwrap(),
                ))
            })
            .collect();
        assert_eq!(held.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
        roots.push(worked_out(&net, &held).tree().root());
    }
    assert_eq!(roots[0], roots[1]);
}

#[tokio::test]
async fn only_signatures_of_their_own_under_the_same_adaptation_are_taken_from_others() {
    let net = Net::new(4);
    let mut servers = Vec::new();
    for key in &net.oracles[..3] {
        servers.push(Server::start(key).await);
    }
    let tuning = Tuning::new([4_000, 3_000, 2_000, 1_000].map(Bps), Seconds(60));
    let figures = Figures {
        claims: 200,
        refused: 40,
        ..Figures::default()
    };
    let report = AdaptationReport::new(EPOCH, &figures, &tuning, &propose(&tuning, &tuning, &figures));
    let adaptation = |digest| AdaptRankingArguments {
        digest,
        weights: [4_000, 3_000, 2_000, 1_000],
        max_wait_seconds: 66,
        reasons: [2, 0],
        expires_at: 9_999,
    };
    let put = |server: usize, signed| {
        let signed = Some(signed);
        servers[server].board.put(AdaptationReport {
            signed,
            ..report.clone()
        });
    };
    let sign = |key: usize, digest| SignedAdaptation::sign(&net.oracles[key], &adaptation(digest));
    assert_eq!(
        servers[0].client().adaptation().await.unwrap(),
        None,
        "it has not looked"
    );
    let asked = peers(&net.oracles[3], servers.iter().map(Server::peer).collect());
    assert!(asked.adaptations(&[1; 32]).await.is_empty());

    put(0, sign(0, [1; 32]));
    // One came to something else, one passes on what another signed.
    put(1, sign(1, [2; 32]));
    put(2, sign(0, [1; 32]));
    assert_eq!(asked.adaptations(&[1; 32]).await, [sign(0, [1; 32])]);
    // It claims another's digest for its own signature.
    let forged = SignedAdaptation {
        digest: [1; 32],
        ..sign(1, [2; 32])
    };
    put(1, forged);
    put(2, sign(2, [1; 32]));
    assert_eq!(asked.adaptations(&[1; 32]).await, [sign(0, [1; 32]), sign(2, [1; 32])]);
    let told = servers[0].client().adaptation().await.unwrap().unwrap();
    assert_eq!((told.figures.refused_share, told.to.max_wait_seconds), (1_666, 66));
}

#[tokio::test]
async fn a_tampered_bundle_is_refused_and_taken_from_another() {
    let net = Net::new(4);
    let bundle = net.bundle(0, 8_000);
    let mut bent = bundle.seal(&net.oracles[0]);
    bent[300] ^= 1;
    let [liar, honest] = [
        Server::start(&net.oracles[1]).await,
        Server::start(&net.oracles[2]).await,
    ];
    liar.store
        .put_bundle(EPOCH, &net.key(0), &bundle.root(), &bent)
        .unwrap();
    let author = net.oracles[0].pubkey();

    let peers = peers(&net.oracles[3], vec![liar.peer(), honest.peer()]);
    let (root, holders) = (bundle.root(), [liar.key, honest.key]);
    assert!(peers.bundle(EPOCH, &author, &holders, Some(&root)).await.is_none());
    honest.hold(&net.oracles[0], &bundle);
    let fetched = peers.bundle(EPOCH, &author, &holders, Some(&root)).await.unwrap();
    assert_eq!((fetched.root, fetched.sealed), (root, bundle.seal(&net.oracles[0])));
    // A bundle that its author signed, but did not commit to, does not count either.
    assert!(peers.bundle(EPOCH, &author, &holders, Some(&[8; 32])).await.is_none());
}

#[tokio::test]
async fn signatures_are_collected_from_those_who_signed_this_network_with_their_own_key() {
    let net = Net::new(4);
    let result = worked_out(&net, &net.bundles(8_000));
    let statement = statement(&net, &result, 0b1111);
    let [honest, silent, other_network] = [
        Server::start(&net.oracles[0]).await,
        Server::start(&net.oracles[1]).await,
        Server::start(&net.oracles[2]).await,
    ];
    assert_eq!(honest.store.promise(&statement).unwrap(), Promise::Kept);
    other_network
        .store
        .promise(&Statement {
            network_id: [8; 32],
            ..statement
        })
        .unwrap();
    // Somebody serves the first one's signature under a name that is not its own.
    let impostor = Peer {
        key: net.oracles[3].pubkey(),
        http: honest.url.clone(),
    };

    let all = vec![honest.peer(), silent.peer(), other_network.peer(), impostor];
    let signed = peers(&Keypair::new(), all).signatures(EPOCH).await;
    assert_eq!(
        signed.iter().map(|signed| signed.oracle).collect::<Vec<_>>(),
        [honest.key]
    );
    assert!(signed[0].is_authentic() && signed[0].statement() == statement);
}

#[tokio::test]
async fn a_node_gets_its_leaf_with_a_path_that_the_root_confirms() {
    let net = Net::new(4);
    let mut result = worked_out(&net, &net.bundles(8_000));
    for other in 0..5 {
        result.leaves.push(lumora_core::attestation::Leaf {
            node: [100 + other; 32],
            epoch: EPOCH,
            ..Default::default()
        });
    }
    let server = Server::start(&net.oracles[0]).await;
    let client = server.client();
    let node = Address::new_from_array(NODE);
    assert_eq!(client.leaf(EPOCH, &node).await.unwrap(), None);
    // Worked out is not attested: nothing is served that a node could mistake for its due.
    server.store.put_computed(EPOCH, &result.leaves).unwrap();
    assert_eq!(client.leaf(EPOCH, &node).await.unwrap(), None);
    server.store.put_attested(EPOCH, &result.leaves).unwrap();

    let root = result.tree().root();
    for leaf in &result.leaves {
        let proof = client
            .leaf(EPOCH, &Address::new_from_array(leaf.node))
            .await
            .unwrap()
            .unwrap();
        assert!(proof.is_under(&root, 6) && proof.figures.leaf() == *leaf);
    }
    assert_eq!(
        client.leaf(EPOCH, &Address::new_from_array([200; 32])).await.unwrap(),
        None
    );
    let mine = peers(&Keypair::new(), vec![server.peer()]);
    assert_eq!(mine.leaves(EPOCH, &root).await.unwrap(), result.leaves);
    assert_eq!(mine.leaves(EPOCH, &[0; 32]).await, None);
    let status = client.status().await.unwrap();
    assert_eq!(
        (status.oracle, status.epoch, status.attested_epoch),
        (server.key, Some(EPOCH + 1), Some(EPOCH))
    );
    server.stop.cancel();
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_in_words() {
    let net = Net::new(1);
    let server = Server::start(&net.oracles[0]).await;
    let answer = |path: &str| {
        let url = server.url.join(path).unwrap();
        async move {
            let mut stream = tokio::net::TcpStream::connect((url.host_str().unwrap(), url.port().unwrap()))
                .await
                .unwrap();
            let request = format!(
                "GET {} HTTP/1.1\r\nHost: oracle\r\nConnection: close\r\n\r\n",
                url.path()
            );
            tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
                .await
                .unwrap();
            let mut text = String::new();
            tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text)
                .await
                .unwrap();
            text
        }
    };
    assert!(
        answer("/v1/epochs/7/leaves/nobody")
            .await
            .contains("`nobody` is not an address")
    );
    assert!(answer("/v1/epochs/seven/leaves").await.starts_with("HTTP/1.1 400"));
    assert!(answer("/v1/epochs/7/bundle").await.starts_with("HTTP/1.1 404"));
}

/// Copies the database while it is open and in use: what a disk holds at the instant of a kill.
fn killed(folder: &Path) -> (TempDir, Store) {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(folder.join("oracle.redb"), copy.path().join("oracle.redb")).unwrap();
    let store = Store::open(copy.path()).unwrap();
    (copy, store)
}

#[tokio::test]
async fn an_oracle_that_was_killed_goes_on_with_its_receipts_and_signs_nothing_else() {
    let net = Net::new(4);
    let member = net.rules.challengers(0, &NODE)[0];
    let server = Server::start(&net.oracles[usize::from(member)]).await;
    let receipts = net.receipts(member, 8_000);
    for signed in &receipts {
        // A failure first: the measurement that comes after it takes its place.
        let mut failed = signed.clone();
        failed.receipt.reason = lumora_pob::Reason::Aborted as u8;
        (failed.receipt.down, failed.receipt.up) = Default::default();
        assert!(server.store.add_receipt(&failed).unwrap());
        assert!(!server.store.is_measured(EPOCH, signed.receipt.round, &NODE).unwrap());
        assert!(server.store.add_receipt(signed).unwrap());
        assert!(!server.store.add_receipt(signed).unwrap());
        assert!(server.store.is_measured(EPOCH, signed.receipt.round, &NODE).unwrap());
    }
    let bundle = net.bundle(member, 8_000);
    server.hold(&net.oracles[usize::from(member)], &bundle);
    let signed = statement(&net, &worked_out(&net, &net.bundles(8_000)), 0b1111);
    server.store.promise(&signed).unwrap();

    let (_copy, store) = killed(server.folder.path());
    assert_eq!(store.receipts(EPOCH).unwrap(), receipts);
    assert_eq!(store.receipts(EPOCH + 1).unwrap(), []);
    let again = Bundle::new(
        NETWORK,
        EPOCH,
        net.key(member),
        store.receipts(EPOCH).unwrap(),
        vec![net.sighting()],
    );
    assert_eq!(store.bundle_roots(EPOCH).unwrap(), [(net.key(member), again.root())]);
    let other = Statement {
        epoch_reward: signed.epoch_reward + 1,
        ..signed
    };
    assert_eq!(store.promise(&other).unwrap(), Promise::Given(signed));
    assert_eq!(store.promise(&signed).unwrap(), Promise::Kept);
}
