//! What the oracle tells others over HTTP. The paths and types are those of `lumora_client::oracle_api`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use lumora_client::oracle_api::{HeldBundle, LeafFigures, LeafProof, SignedHolding, SignedStatement, Status};
use lumora_core::attestation::Leaf;
use lumora_interface::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{aggregate, config::Measurement, error::Error, store::Store};

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
    /// The epoch being measured, if one is open.
    pub current_epoch: Box<dyn Fn() -> Option<u64> + Send + Sync>,
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

fn router(published: Arc<Published>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/epochs/{epoch}/bundle", get(own_bundle))
        .route("/v1/epochs/{epoch}/bundles/{oracle}", get(held_bundle))
        .route("/v1/epochs/{epoch}/have", get(holding))
        .route("/v1/epochs/{epoch}/signature", get(signature))
        .route("/v1/epochs/{epoch}/leaves", get(leaves))
        .route("/v1/epochs/{epoch}/leaves/{node}", get(leaf))
        .route("/v1/epochs/{epoch}/explain/{node}", get(explain))
        .with_state(published)
}

/// Why a request is not answered with what it asked for.
enum Failure {
    Missing(&'static str),
    Malformed(String),
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
    Ok(Json(Status {
        oracle: published.key.pubkey(),
        network_id: published.network_id,
        epoch: (published.current_epoch)(),
        attested_epoch: published.store.latest_attested()?,
        rounds_per_epoch: published.measurement.rounds_per_epoch,
        challengers_per_round: published.measurement.challengers_per_round,
    }))
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
