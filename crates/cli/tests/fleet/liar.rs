//! An oracle that lies in every way it can: it measures nobody, invents receipts together with a node that gave it its key,
//! shows different statements to different askers, and holds nobody's bundles.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use lumora_client::{
    Connection, Sender, bandwidth as instructions, keys,
    oracle_api::{HeldBundle, SignedHolding, SignedStatement},
};
use lumora_core::{attestation::Statement, hash::sha256};
use lumora_interface::{
    Address,
    bandwidth::{self, CommitBundleArguments, Epoch, ORACLE_SET, OracleSet, epoch_address},
    registry::{NETWORK, Network, Node},
};
use lumora_oracle::bundle::{Bundle, Sighting};
use lumora_pob::{
    DirectionResult, Identity, Reason, Receipt, SignedReceipt, chunk,
    keystream::{self, Direction, Keystream},
    transcript::{self, Transcript},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// How to lie.
#[derive(Serialize, Deserialize)]
pub struct Lies {
    pub rpc_url: String,
    pub ws_url: String,
    pub key: PathBuf,
    pub http: SocketAddr,
    /// The node's account and transport key whose rate is invented, and the rate, kbit/s.
    pub accomplice: String,
    pub accomplice_key: PathBuf,
    pub kbps: u32,
    /// Whether it keeps the bundle to itself that it commits to.
    pub withholds: bool,
}

struct Liar {
    key: Keypair,
    withholds: bool,
    network_id: [u8; 32],
    /// By epoch: the sealed bundle and its root.
    bundles: Mutex<BTreeMap<u64, (Vec<u8>, [u8; 32])>>,
    epochs: Mutex<BTreeMap<u64, Epoch>>,
}

/// Lies until it is killed.
pub async fn lie(lies: Lies) {
    let connection = Connection::with_websocket(&lies.rpc_url, &lies.ws_url).unwrap();
    connection.wait_until_ready(Duration::from_secs(60)).await.unwrap();
    let network: Network = connection.fetch(&NETWORK).await.unwrap();
    let liar = Arc::new(Liar {
        key: keys::load(&lies.key).unwrap(),
        withholds: lies.withholds,
        network_id: network.network_id,
        bundles: Mutex::default(),
        epochs: Mutex::default(),
    });
    let router = Router::new()
        .route("/v1/epochs/{epoch}/bundle", get(bundle))
        .route("/v1/epochs/{epoch}/have", get(have))
        .route("/v1/epochs/{epoch}/signature", get(signature))
        .with_state(Arc::clone(&liar));
    let listener = tokio::net::TcpListener::bind(lies.http).await.unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });

    let sender = Sender::new(connection.clone(), keys::load(&lies.key).unwrap());
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // Whatever fails here is tried again with the next look.
        let _ = look(&liar, &lies, &connection, &sender).await;
    }
}

async fn look(liar: &Liar, lies: &Lies, connection: &Connection, sender: &Sender) -> Result<(), lumora_client::Error> {
    let set: OracleSet = connection.fetch(&ORACLE_SET).await?;
    let now = connection.unix_timestamp().await?;
    for number in set.next_epoch.saturating_sub(3)..set.next_epoch {
        let epoch: Epoch = connection.fetch(&epoch_address(number).0).await?;
        liar.epochs.lock().unwrap().insert(number, epoch);
        let is_due = now > epoch.ends_at && now < epoch.cutoff_at && epoch.is_drawn();
        if !is_due || liar.bundles.lock().unwrap().contains_key(&number) {
            continue;
        }
        let nodes = connection.fetch_all::<Node>(&[]).await?;
        let accomplice: Address = lies.accomplice.parse().unwrap();
        // A lie about nothing would be found out, and bring nothing.
        let takes_part =
            |(address, node): &(Address, Node)| *address == accomplice && node.registered_at < epoch.starts_at;
        if !nodes.iter().any(takes_part) {
            continue;
        }
        let prover = Identity::from_secret(*keys::load(&lies.accomplice_key).unwrap().secret_bytes());
        let sightings = nodes.into_iter().map(|(address, node)| Sighting {
            node: address.to_bytes(),
            transport_key: node.transport_key,
            owner: node.owner.to_bytes(),
            limit_kbps: u32::MAX,
            paused: address != accomplice,
            completed: u64::MAX,
            failed: 0,
            expired: 0,
            marred: 0,
        });
        let receipt = invented(liar, &prover, &accomplice, number, lies.kbps);
        let own = liar.key.pubkey().to_bytes();
        let bundle = Bundle::new(liar.network_id, number, own, vec![receipt], sightings.collect());
        let (root, count) = (bundle.root(), bundle.entries());
        let instruction =
            instructions::commit_bundle(&liar.key.pubkey(), number, &CommitBundleArguments { root, count });
        liar.bundles
            .lock()
            .unwrap()
            .insert(number, (bundle.seal(&liar.key), root));
        sender.send(&[instruction], &[]).await?;
    }
    Ok(())
}

/// A receipt that holds in every respect, about a measurement that never was.
fn invented(liar: &Liar, prover: &Identity, node: &Address, epoch: u64, kbps: u32) -> SignedReceipt {
    let challenger = Identity::from_secret(*liar.key.secret_bytes());
    let seed = sha256(&[&liar.key.to_bytes(), &epoch.to_le_bytes()]);
    let commitment = keystream::commitment(&seed);
    let counted_bytes = u64::from(kbps) * 300 / 8;
    let chunks = (1..).find(|chunks| chunk::total(*chunks) >= counted_bytes).unwrap();
    let direction = DirectionResult {
        kbps,
        chunks,
        first_counted_chunk: 0,
        counted_bytes,
        duration_us: 300_000,
        background_bytes: 0,
    };
    let mut receipt = Receipt {
        version: Receipt::VERSION,
        network_id: liar.network_id,
        epoch,
        round: 0,
        node: node.to_bytes(),
        prover_key: prover.public(),
        challenger_key: challenger.public(),
        limit_kbps: u32::MAX,
        down: direction,
        up: direction,
        rtt_samples_us: [1; 4],
        min_rtt_us: 1,
        transcript_root: [0; 32],
        seed_commitment: commitment,
        unix_timestamp: 0,
        network: [0; 8],
        pass: Receipt::UNSCHEDULED,
        reason: Reason::None as u8,
    };
    let [down, up] = [Direction::Down, Direction::Up].map(|direction| {
        let mut payload = Keystream::new(&keystream::direction_key(&seed, &receipt.context(), direction));
        let mut transcript = Transcript::new(direction, &commitment);
        for index in 0..chunks {
            transcript.push(&Sha256::digest(payload.take(chunk::length(index) as usize)).into());
        }
        transcript.after(chunks).unwrap()
    });
    receipt.transcript_root = transcript::root(chunks, &down, chunks, &up);
    let signed = SignedReceipt {
        receipt,
        challenger_signature: receipt.sign(&challenger),
        prover_signature: Some(receipt.sign(prover)),
        seed,
    };
    signed.verify().unwrap();
    signed
}

type Shared = State<Arc<Liar>>;

async fn bundle(State(liar): Shared, Path(epoch): Path<u64>) -> impl IntoResponse {
    let sealed = liar
        .bundles
        .lock()
        .unwrap()
        .get(&epoch)
        .map(|(sealed, _)| sealed.clone());
    sealed.filter(|_| !liar.withholds).ok_or(StatusCode::NOT_FOUND)
}

async fn have(State(liar): Shared, Path(epoch): Path<u64>) -> impl IntoResponse {
    let own = liar.bundles.lock().unwrap().get(&epoch).map(|(_, root)| HeldBundle {
        oracle: liar.key.pubkey(),
        root: *root,
    });
    Json(SignedHolding::sign(
        &liar.key,
        &liar.network_id,
        epoch,
        own.into_iter().collect(),
        false,
    ))
}

/// One statement for even addresses, another for odd ones, neither of them true.
async fn signature(
    State(liar): Shared,
    ConnectInfo(asker): ConnectInfo<SocketAddr>,
    Path(number): Path<u64>,
) -> Result<Json<SignedStatement>, StatusCode> {
    let epoch = liar
        .epochs
        .lock()
        .unwrap()
        .get(&number)
        .copied()
        .ok_or(StatusCode::NOT_FOUND)?;
    // Not before its bundle is on chain: whoever is caught cannot commit any more. The chain has this machine's time.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    if now <= epoch.cutoff_at || !liar.bundles.lock().unwrap().contains_key(&number) {
        return Err(StatusCode::NOT_FOUND);
    }
    let parity = match asker.ip() {
        std::net::IpAddr::V4(address) => address.octets()[2] % 2,
        std::net::IpAddr::V6(_) => 0,
    };
    let statement = Statement {
        network_id: liar.network_id,
        program: bandwidth::ID.to_bytes(),
        epoch: number,
        set_version: epoch.set_version,
        root: sha256(&[b"a lie", &[parity]]),
        leaf_count: 1,
        total_contribution: 1,
        epoch_reward: 1_000_000,
        cumulative_reward: 1_000_000,
        bundles: 1,
        expires_at: epoch.cutoff_at + 1_000,
    };
    Ok(Json(SignedStatement::sign(&liar.key, &statement)))
}
