//! What the oracle tells others over HTTP. The paths and types are those of `lumora_client::oracle_api`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use lumora_client::oracle_api::{
    AdaptationReport, Delivery, DeliveryAnswer, EpochFigures, HeldBundle, LeafFigures, LeafProof, PeerStatus,
    SignedHolding, SignedStatement, Standing, Status,
};
use lumora_core::attestation::Leaf;
use lumora_interface::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    adaptation::Board, aggregate, config::Measurement, crowd::Crowd, error::Error, front::Front, store::Store, watch,
};

/// What is served, and under which key.
pub struct Published {
    /// Signs holdings and statements.
    pub key: Arc<Keypair>,
    /// The network served.
    pub network_id: [u8; 32],
    /// Where everything is.
    pub store: Store,
    /// How measurement is spread over an epoch.
    pub measurement: Measurement,
    /// The networks that several nodes dial from.
    pub crowd: Arc<Crowd>,
    /// The processes that measure for this one.
    pub front: Arc<Front>,
    /// What was concluded about the score.
    pub board: Board,
    /// What the chain and the other oracles say now.
    pub present: Box<dyn Fn() -> Present + Send + Sync>,
}

/// What changes from one moment to the next.
#[derive(Clone, Debug, Default)]
pub struct Present {
    /// The epoch being measured, if one is open.
    pub current_epoch: Option<u64>,
    /// How this oracle stands on chain.
    pub standing: Option<Standing>,
    /// The latest epochs.
    pub epochs: BTreeMap<u64, EpochFigures>,
    /// The other oracles.
    pub peers: Vec<PeerStatus>,
}

impl Published {
    /// Which bundles of an epoch are held, signed.
    pub fn holding(&self, epoch: u64) -> Result<SignedHolding, Error> {
        let bundles = self.store.bundle_roots(epoch)?.into_iter();
        let bundles = bundles.map(|(author, root)| HeldBundle {
            oracle: Address::new_from_array(author),
            root,
        });
        let closed = self.store.is_closed(epoch)?;
        Ok(SignedHolding::sign(
            &self.key,
            &self.network_id,
            epoch,
            bundles.collect(),
            closed,
        ))
    }

    /// The one statement about an epoch, signed; `None` while there is none. Signatures of one key and message are all
    /// the same, so that signing again is no second signature.
    pub fn statement(&self, epoch: u64) -> Result<Option<SignedStatement>, Error> {
        Ok(self
            .store
            .statement(epoch)?
            .map(|statement| SignedStatement::sign(&self.key, &statement)))
    }
}

/// Serves until it is told to stop.
pub async fn serve(listener: TcpListener, published: Arc<Published>, shutdown: CancellationToken) {
    let router = router(published);
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "the HTTP server stopped");
    }
}

/// Longest body of a request.
const MAX_BODY: usize = 16 << 10;

fn router(published: Arc<Published>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        // Some 500 bytes a receipt, a third more as base64.
        .route("/v1/receipts", post(receipts).layer(DefaultBodyLimit::max(4 << 20)))
        .route("/v1/epochs/{epoch}", get(epoch))
        .route("/v1/epochs/{epoch}/bundle", get(own_bundle))
        .route("/v1/epochs/{epoch}/bundles/{oracle}", get(held_bundle))
        .route("/v1/epochs/{epoch}/have", get(holding))
        .route("/v1/epochs/{epoch}/signature", get(signature))
        .route("/v1/epochs/{epoch}/signatures", get(signatures).post(take_signature))
        .route("/v1/epochs/{epoch}/leaves", get(leaves))
        .route("/v1/epochs/{epoch}/leaves/{node}", get(leaf))
        .route("/v1/epochs/{epoch}/explain/{node}", get(explain))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .route("/v1/adaptation", get(adaptation))
        .with_state(published)
}

/// Why a request is not answered with what it asked for.
enum Failure {
    Missing(&'static str),
    Malformed(String),
    Forbidden(&'static str),
    Internal(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Internal(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Missing(what) => (StatusCode::NOT_FOUND, what.to_owned()).into_response(),
            Self::Forbidden(why) => (StatusCode::FORBIDDEN, why).into_response(),
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, why).into_response(),
            Self::Internal(error) => {
                tracing::error!(%error, "a request could not be answered");
                (StatusCode::INTERNAL_SERVER_ERROR, "the oracle cannot read its state").into_response()
            }
        }
    }
}

type Answer<T> = Result<T, Failure>;
type Shared = State<Arc<Published>>;

async fn status(State(published): Shared) -> Answer<Json<Status>> {
    let present = (published.present)();
    Ok(Json(Status {
        oracle: published.key.pubkey(),
        network_id: published.network_id,
        epoch: present.current_epoch,
        attested_epoch: published.store.latest_attested()?,
        rounds_per_epoch: published.measurement.rounds_per_epoch,
        challengers_per_round: published.measurement.challengers_per_round,
        standing: present.standing,
        peers: present.peers,
    }))
}

async fn receipts(State(published): Shared, Json(delivery): Json<Delivery>) -> Answer<Json<DeliveryAnswer>> {
    let (own, store) = (published.key.pubkey(), published.store.clone());
    let answer = published.front.take(&own, &store, &published.crowd, &delivery)?;
    answer.map(Json).ok_or(Failure::Forbidden(
        "that is no delivery of a worker of this oracle: check `workers` here, and `front`, key and clock there",
    ))
}

async fn epoch(State(published): Shared, Path(epoch): Path<u64>) -> Answer<Json<EpochFigures>> {
    // The chain's latest word goes before what was written down when the epoch was attested.
    let latest = (published.present)().epochs.remove(&epoch);
    let figures = match latest {
        Some(figures) => Some(figures),
        None => published.store.record(epoch)?,
    };
    figures
        .map(Json)
        .ok_or(Failure::Missing("nothing is known here about that epoch"))
}

async fn own_bundle(State(published): Shared, Path(epoch): Path<u64>) -> Answer<Response> {
    bundle(&published, epoch, &published.key.pubkey())
}

async fn held_bundle(State(published): Shared, Path((epoch, oracle)): Path<(u64, String)>) -> Answer<Response> {
    bundle(&published, epoch, &address(&oracle)?)
}

fn bundle(published: &Published, epoch: u64, author: &Address) -> Answer<Response> {
    let sealed = published.store.bundle(epoch, &author.to_bytes())?;
    let sealed = sealed.ok_or(Failure::Missing("no bundle of that oracle and epoch is held here"))?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], sealed).into_response())
}

async fn holding(State(published): Shared, Path(epoch): Path<u64>) -> Answer<Json<SignedHolding>> {
    Ok(Json(published.holding(epoch)?))
}

async fn signature(State(published): Shared, Path(epoch): Path<u64>) -> Answer<Json<SignedStatement>> {
    let statement = published.statement(epoch)?;
    statement
        .map(Json)
        .ok_or(Failure::Missing("nothing has been signed about that epoch (yet)"))
}

async fn signatures(State(published): Shared, Path(epoch): Path<u64>) -> Answer<Json<Vec<SignedStatement>>> {
    let own = published.statement(epoch)?;
    let seen = published.store.seen(epoch)?;
    Ok(Json(own.into_iter().chain(seen).collect()))
}

/// Whoever has evidence against an oracle may hand it in.
async fn take_signature(
    State(published): Shared,
    Path(epoch): Path<u64>,
    Json(signed): Json<SignedStatement>,
) -> Answer<StatusCode> {
    let figures = (published.present)().epochs.remove(&epoch);
    let figures = figures.ok_or(Failure::Missing("that epoch is not one of the latest"))?;
    if watch::note(&published.store, &published.network_id, &figures, &signed)? {
        Ok(StatusCode::OK)
    } else {
        let why = "this is not what a member of that epoch signed about it on this network";
        Err(Failure::Malformed(why.into()))
    }
}

async fn leaves(State(published): Shared, Path(epoch): Path<u64>) -> Answer<Json<Vec<LeafFigures>>> {
    Ok(Json(
        attested(&published, epoch)?
            .into_iter()
            .map(LeafFigures::from)
            .collect(),
    ))
}

async fn leaf(State(published): Shared, Path((epoch, node)): Path<(u64, String)>) -> Answer<Json<LeafProof>> {
    let node = address(&node)?.to_bytes();
    let leaves = attested(&published, epoch)?;
    let missing = Failure::Missing("that node has no leaf in that epoch");
    let Ok(index) = leaves.binary_search_by_key(&node, |leaf| leaf.node) else {
        return Err(missing);
    };
    let path = aggregate::tree(&leaves).path(index as u64).unwrap_or_default();
    let (Ok(place), Ok(count)) = (u32::try_from(index), u32::try_from(leaves.len())) else {
        return Err(missing);
    };
    Ok(Json(LeafProof {
        figures: leaves[index].into(),
        index: place,
        count,
        path,
    }))
}

async fn explain(State(published): Shared, Path((epoch, node)): Path<(u64, String)>) -> Answer<Response> {
    let explanation = published.store.explanation(epoch, &address(&node)?.to_bytes())?;
    let json = explanation.ok_or(Failure::Missing(
        "that node's figures of that epoch were not worked out here",
    ))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

async fn adaptation(State(published): Shared) -> Answer<Json<AdaptationReport>> {
    let report = published.board.read();
    report.map(Json).ok_or(Failure::Missing(
        "no epoch has been looked at for the score, or it cannot be adapted now",
    ))
}

fn attested(published: &Published, epoch: u64) -> Answer<Vec<Leaf>> {
    let leaves = published.store.attested(epoch)?;
    leaves.ok_or(Failure::Missing(
        "the leaves of that epoch are not attested, or not held here",
    ))
}

fn address(text: &str) -> Answer<Address> {
    text.parse()
        .map_err(|_| Failure::Malformed(format!("`{text}` is not an address in base58")))
}
