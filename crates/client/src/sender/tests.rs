//! The sender against a network that drops, delays, lies and expires.

#![allow(clippy::unwrap_used)]

use {
    super::{Outcome, PriorityFee, Sender, SenderOptions},
    crate::{Batch, Connection, Error},
    base64::{Engine, prelude::BASE64_STANDARD},
    serde_json::{Value, json},
    solana_address::Address,
    solana_hash::Hash,
    solana_instruction::{AccountMeta, Instruction},
    solana_keypair::Keypair,
    solana_rpc_client::{
        nonblocking::rpc_client::RpcClient,
        rpc_client::RpcClientConfig,
        rpc_sender::{RpcSender, RpcTransportStats},
    },
    solana_rpc_client_api::{client_error::Result as RpcResult, request::RpcRequest},
    solana_signature::Signature,
    std::{
        collections::HashMap,
        future::Future,
        pin::Pin,
        sync::{Arc, Mutex, MutexGuard},
        time::Duration,
    },
};

/// Blocks for which a blockhash of this network lasts.
const BLOCKHASH_BLOCKS: u64 = 6;

/// How the network treats what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Honest,
    /// Loses so many sends before it takes one.
    Drops(usize),
    /// Loses everything.
    Swallows,
    /// Takes the transaction, but shows its status only to those who search the history.
    HidesStatus,
    /// Says `processed` for so many questions before it says `confirmed`.
    SlowToConfirm(usize),
    /// Takes the transaction and answers that it did not.
    AnswersWithAnError,
    /// Lands it as failed with custom error 6000 of its instruction.
    Fails,
}

struct Chain {
    behaviour: Behaviour,
    height: u64,
    blockhashes: u64,
    sends: Vec<Signature>,
    landed: HashMap<Signature, usize>,
    simulation_error: Option<Value>,
    requests: Vec<&'static str>,
}

#[derive(Clone)]
struct Network(Arc<Mutex<Chain>>);

impl Network {
    fn new(behaviour: Behaviour) -> Self {
        Self(Arc::new(Mutex::new(Chain {
            behaviour,
            height: 100,
            blockhashes: 0,
            sends: vec![],
            landed: HashMap::new(),
            simulation_error: None,
            requests: vec![],
        })))
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.0.lock().unwrap()
    }

    fn sender(&self) -> Sender {
        let client = RpcClient::new_sender(self.clone(), RpcClientConfig::default());
        let options = SenderOptions {
            priority_fee: PriorityFee::Fixed(0),
            resend_every: Duration::from_millis(4),
            poll_every: Duration::from_millis(1),
            batch_poll_every: Duration::from_millis(1),
            signings: 3,
            ..Default::default()
        };
        Sender::with_options(Connection::scripted(client), Keypair::new(), options)
    }

    /// Signatures in the order in which they were sent first.
    fn signed(&self) -> Vec<Signature> {
        let mut signed = self.chain().sends.clone();
        signed.dedup();
        signed
    }
}

impl Chain {
    fn answer(&mut self, request: RpcRequest, params: &Value) -> Value {
        let with_context = |value: Value| json!({ "context": { "slot": 1 }, "value": value });
        match request {
            RpcRequest::SimulateTransaction => {
                self.requests.push("simulate");
                with_context(json!({ "err": self.simulation_error, "logs": [], "unitsConsumed": 1_000 }))
            }
            RpcRequest::GetLatestBlockhash => {
                self.blockhashes += 1;
                let hash = Hash::new_from_array([self.blockhashes as u8; 32]).to_string();
                let last = self.height + BLOCKHASH_BLOCKS;
                with_context(json!({ "blockhash": hash, "lastValidBlockHeight": last }))
            }
            RpcRequest::GetBlockHeight => {
                self.height += 1;
                json!(self.height)
            }
            RpcRequest::SendTransaction => self.take(params),
            RpcRequest::GetSignatureStatuses => {
                let history = params[1]["searchTransactionHistory"].as_bool().unwrap_or(false);
                let signatures: Vec<Signature> = params[0]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|text| text.as_str().unwrap().parse().unwrap())
                    .collect();
                with_context(
                    signatures
                        .iter()
                        .map(|signature| self.status(signature, history))
                        .collect(),
                )
            }
            RpcRequest::GetTransaction => Value::Null,
            other => panic!("unexpected request {other}"),
        }
    }

    fn take(&mut self, params: &Value) -> Value {
        let bytes = BASE64_STANDARD.decode(params[0].as_str().unwrap()).unwrap();
        let signature = Signature::from(<[u8; 64]>::try_from(&bytes[1..65]).unwrap());
        self.sends.push(signature);
        self.requests.push("send");
        let lost = match self.behaviour {
            Behaviour::Drops(count) => self.sends.len() <= count,
            Behaviour::Swallows => true,
            _ => false,
        };
        if !lost {
            self.landed.entry(signature).or_insert(0);
        }
        json!(signature.to_string())
    }

    fn status(&mut self, signature: &Signature, history: bool) -> Value {
        let Some(asked) = self.landed.get_mut(signature) else {
            return Value::Null;
        };
        *asked += 1;
        let confirmation = match self.behaviour {
            Behaviour::HidesStatus if !history => return Value::Null,
            Behaviour::SlowToConfirm(questions) if *asked <= questions => "processed",
            _ => "confirmed",
        };
        let error = match self.behaviour {
            Behaviour::Fails => json!({ "InstructionError": [1, { "Custom": 6_000 }] }),
            _ => Value::Null,
        };
        let status = if error.is_null() {
            json!({ "Ok": null })
        } else {
            json!({ "Err": error })
        };
        json!({ "slot": 7, "confirmations": 1, "status": status, "err": error, "confirmationStatus": confirmation })
    }
}

impl RpcSender for Network {
    fn send<'a, 'b>(
        &'a self,
        request: RpcRequest,
        params: Value,
    ) -> Pin<Box<dyn Future<Output = RpcResult<Value>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let mut chain = self.chain();
        let answer = chain.answer(request, &params);
        let fails = request == RpcRequest::SendTransaction && chain.behaviour == Behaviour::AnswersWithAnError;
        Box::pin(std::future::ready(if fails {
            Err(solana_rpc_client_api::request::RpcError::ForUser("gateway timeout".into()).into())
        } else {
            Ok(answer)
        }))
    }

    fn get_transport_stats(&self) -> RpcTransportStats {
        RpcTransportStats::default()
    }

    fn url(&self) -> String {
        "scripted".into()
    }
}

fn instruction() -> Instruction {
    let accounts = vec![AccountMeta::new(Address::new_from_array([9; 32]), false)];
    Instruction {
        program_id: lumora_interface::registry::ID,
        accounts,
        data: vec![1],
    }
}

#[tokio::test]
async fn an_honest_network_sees_it_once() {
    let network = Network::new(Behaviour::Honest);
    let landed = network.sender().send(&[instruction()], &[]).await.unwrap();
    assert_eq!((landed.slot, landed.compute_units, landed.signings), (7, 1_000, 1));
    assert_eq!(network.chain().requests, ["simulate", "send"]);
}

#[tokio::test]
async fn what_is_dropped_is_sent_again_unchanged() {
    let network = Network::new(Behaviour::Drops(1));
    let landed = network.sender().send(&[instruction()], &[]).await.unwrap();
    assert_eq!(landed.signings, 1);
    assert!(network.chain().sends.len() > 1);
    assert_eq!(network.signed(), [landed.signature]);
}

#[tokio::test]
async fn it_is_signed_anew_only_after_its_blockhash_expired_and_only_so_often() {
    let network = Network::new(Behaviour::Swallows);
    let error = network.sender().send(&[instruction()], &[]).await.unwrap_err();
    let signed = network.signed();
    assert!(
        matches!(error, Error::Expired { signings: 3, last } if last == signed[2]),
        "{error}"
    );
    assert_eq!(signed.len(), 3);
    assert!(network.chain().height > 100 + 3 * BLOCKHASH_BLOCKS);
}

#[tokio::test]
async fn what_landed_unseen_is_found_before_it_would_be_signed_again() {
    let network = Network::new(Behaviour::HidesStatus);
    let landed = network.sender().send(&[instruction()], &[]).await.unwrap();
    assert_eq!(landed.signings, 1);
    assert_eq!(network.signed(), [landed.signature]);
}

#[tokio::test]
async fn processed_is_not_taken_for_confirmed() {
    let network = Network::new(Behaviour::SlowToConfirm(3));
    let landed = network.sender().send(&[instruction()], &[]).await.unwrap();
    assert_eq!(network.chain().landed[&landed.signature], 4);
}

#[tokio::test]
async fn an_error_on_the_way_does_not_mean_that_it_did_not_arrive() {
    let network = Network::new(Behaviour::AnswersWithAnError);
    let landed = network.sender().send(&[instruction()], &[]).await.unwrap();
    assert_eq!(network.signed(), [landed.signature]);
}

#[tokio::test]
async fn a_failure_on_chain_is_named_and_not_repeated() {
    let network = Network::new(Behaviour::Fails);
    let error = network.sender().send(&[instruction()], &[]).await.unwrap_err();
    assert!(error.is_refusal_of(&lumora_interface::registry::ID, 6_000), "{error}");
    assert_eq!(error.refusal().unwrap().instruction, Some(0));
    assert_eq!(network.signed().len(), 1);
}

#[tokio::test]
async fn what_the_simulation_refuses_is_never_sent() {
    let network = Network::new(Behaviour::Honest);
    network.chain().simulation_error = Some(json!({ "InstructionError": [2, { "Custom": 6_001 }] }));
    let error = network.sender().send(&[instruction()], &[]).await.unwrap_err();
    assert!(error.is_refusal_of(&lumora_interface::registry::ID, 6_001), "{error}");
    assert_eq!(network.chain().requests, ["simulate"]);
}

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let network = Network::new(Behaviour::Honest);
    let done = || async { Ok(true) };
    let outcome = network.sender().send_unless(done, &[instruction()], &[]).await.unwrap();
    assert_eq!(outcome, Outcome::AlreadyDone);
    assert!(network.chain().requests.is_empty());

    // Somebody else did it while our first signature was lost.
    let network = Network::new(Behaviour::Swallows);
    let done = || async { Ok(network.chain().height > 100 + BLOCKHASH_BLOCKS) };
    let outcome = network.sender().send_unless(done, &[instruction()], &[]).await.unwrap();
    assert_eq!(outcome, Outcome::AlreadyDone);
    assert_eq!(network.signed().len(), 1);
}

#[tokio::test]
async fn a_batch_lands_as_a_whole_and_says_how_far_it_is() {
    let batch = |count: u8| Batch {
        transactions: (0..count)
            .map(|index| {
                vec![Instruction {
                    data: vec![index],
                    ..instruction()
                }]
            })
            .collect(),
        compute_units: Some(1_000),
    };
    let network = Network::new(Behaviour::Drops(40));
    let seen = Mutex::new(vec![]);
    network
        .sender()
        .send_batch(&batch(60), &[], |done| seen.lock().unwrap().push(done))
        .await
        .unwrap();
    assert_eq!(network.chain().landed.len(), 60);
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted() && seen.last() == Some(&60), "{seen:?}");

    let network = Network::new(Behaviour::Swallows);
    let error = network.sender().send_batch(&batch(2), &[], |_| ()).await.unwrap_err();
    assert!(matches!(error, Error::Expired { signings: 3, .. }), "{error}");
    network.sender().send_batch(&batch(0), &[], |_| ()).await.unwrap();
}
