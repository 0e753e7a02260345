//! The archive of attested epochs in a real folder, and its audit: what was signed comes back byte for byte, figures carry
//! over from epoch to epoch, and whoever changes a row is found out.

#![allow(clippy::unwrap_used)]

mod common;

use std::{collections::BTreeMap, path::Path};

use common::{EPOCH, NODE, Net};
use lumora_client::oracle_api::{EpochFigures, EpochMember, EpochState};
use lumora_interface::Address;
use lumora_oracle::{
    aggregate::{Aggregate, Carried, EpochRules, aggregate},
    archive::{Archive, Record, Row, SightingRow},
    audit::{Audit, Difference, audit},
    bundle::Bundle,
    evidence::evidence,
};
use tempfile::TempDir;

const RATES: u32 = 40_000;

/// An epoch that was worked out, as it is archived.
struct Attested {
    record: Record,
    result: Aggregate,
    bundles: BTreeMap<u8, Bundle>,
}

fn work_out(
    rules: &EpochRules,
    bundles: BTreeMap<u8, Bundle>,
    carried: &BTreeMap<[u8; 32], Carried>,
    previous: Option<u64>,
) -> Attested {
    let mut evidence = evidence(rules, &bundles);
    let used = bundles.keys().copied().collect();
    let result = aggregate(rules, &used, &evidence.nodes, &mut evidence.measurements, carried);
    let member = |(seat, key): &(u8, [u8; 32])| EpochMember {
        seat: *seat,
        oracle: Address::new_from_array(*key),
        bundle_root: bundles.get(seat).map(Bundle::root).unwrap_or_default(),
        used: bundles.contains_key(seat),
        signed: true,
    };
    let figures = EpochFigures {
        epoch: rules.epoch,
        state: EpochState::Final,
        starts_at: 0,
        ends_at: 60,
        cutoff_at: 80,
        seed: rules.seed,
        set_version: 1,
        quorum: 3,
        root: result.tree().root(),
        leaf_count: result.leaves.len() as u32,
        total_contribution: result.total_contribution,
        epoch_reward: result.epoch_reward,
        cumulative_reward: result.cumulative_reward,
        members: rules.members.iter().map(member).collect(),
    };
    Attested {
        record: Record::new(&figures, rules, previous),
        result,
        bundles,
    }
}

/// Epoch 7, in which the node is measured, and epoch 8, in which nobody measures it but what it has stays.
fn two_epochs() -> [Attested; 2] {
    let net = Net::new(4);
    let mut bundles = net.bundles(RATES);
    // A bundle that nobody used, since its author did not commit.
    bundles.remove(&3);
    let first = work_out(&net.rules, bundles, &BTreeMap::new(), None);
    let leaf = first.result.leaves[0];
    assert!(leaf.contribution > 0 && first.result.epoch_reward > 0);
    let carried = BTreeMap::from([(
        NODE,
        Carried {
            contribution: leaf.cumulative_contribution,
            reward: leaf.cumulative_reward,
        },
    )]);
    let rules = EpochRules {
        epoch: EPOCH + 1,
        ..net.rules.clone()
    };
    let sighted = |member| {
        Bundle::new(
            common::NETWORK,
            EPOCH + 1,
            net.key(member),
            vec![],
            vec![net.sighting()],
        )
    };
    let bundles = (0..4).map(|member| (member, sighted(member))).collect();
    let second = work_out(&rules, bundles, &carried, Some(EPOCH));
    assert_eq!(second.result.cumulative_reward, first.result.cumulative_reward);
    [first, second]
}

struct Place {
    folder: TempDir,
    archive: Archive,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("archive");
        let archive = Archive::open(place.to_str().unwrap(), &folder.path().join("work")).unwrap();
        Self { folder, archive }
    }

    fn object(&self, epoch: u64, name: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("archive/epoch={epoch}")).join(name)
    }

    async fn write(&self, attested: &Attested) {
        let bundles = attested.bundles.clone();
        self.archive
            .write(&attested.record, attested.result.leaves.clone(), move |seat| {
                Ok(bundles[&seat].clone())
            })
            .await
            .unwrap();
    }

    async fn audit(&self) -> Audit {
        audit(&self.archive, 0..=20, None, |_| {}).await.unwrap()
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test]
async fn what_was_signed_comes_back_byte_for_byte() {
    let place = Place::new();
    let [first, _] = two_epochs();
    place.write(&first).await;

    let rows = place.archive.receipts(EPOCH).await.unwrap();
    let kept: Vec<(u8, Vec<u8>)> = rows.iter().map(|row| (row.member, row.signed.encode())).collect();
    let expected: Vec<(u8, Vec<u8>)> = first
        .bundles
        .iter()
        .flat_map(|(seat, bundle)| bundle.receipts().iter().map(|signed| (*seat, signed.encode())))
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(kept, expected);
    assert!(rows.iter().all(|row| row.signed.verify().is_ok()));
    let sightings: Vec<SightingRow> = place.archive.sightings(EPOCH).await.unwrap();
    assert_eq!(sightings.len(), 3);
    assert_eq!(place.archive.leaves(EPOCH).await.unwrap(), first.result.leaves);
    assert_eq!(place.archive.record(EPOCH).await.unwrap().unwrap(), first.record);
    assert!(is_empty(&place.folder.path().join("work")), "temporary files are left");

    // Whoever writes it again, the objects are the same.
    let before = std::fs::read(place.object(EPOCH, "receipts.parquet")).unwrap();
    place.write(&first).await;
    assert_eq!(std::fs::read(place.object(EPOCH, "receipts.parquet")).unwrap(), before);
    // What a killed process left is cleared away, and nothing else.
    let work = place.folder.path().join("work");
    for name in ["unfinished-1", "notes"] {
        std::fs::write(work.join(name), b"").unwrap();
    }
    Archive::open(place.folder.path().join("archive").to_str().unwrap(), &work).unwrap();
    assert!(work.join("notes").exists() && !work.join("unfinished-1").exists());
    // An empty table has the same columns.
    assert!(lumora_oracle::archive::ReceiptRow::schema().unwrap().fields().len() > 30);
}

#[tokio::test]
async fn an_epoch_that_was_not_written_whole_is_not_taken_for_one() {
    let place = Place::new();
    let [first, _] = two_epochs();
    std::fs::create_dir_all(place.object(EPOCH, "")).unwrap();
    std::fs::write(place.object(EPOCH, "receipts.parquet"), b"half a file").unwrap();
    assert!(!place.archive.has(EPOCH).await.unwrap());
    assert!(place.audit().await.epochs.is_empty());
    place.write(&first).await;
    assert!(place.archive.has(EPOCH).await.unwrap());
    assert_eq!(place.audit().await.differences(), 0);

    std::fs::write(place.object(EPOCH, "receipts.parquet"), b"half a file").unwrap();
    let found = place.audit().await;
    let [Difference::Unreadable { why }] = found.epochs[0].differences.as_slice() else {
        panic!("{found:?}");
    };
    assert!(why.contains("receipts.parquet"), "{why}");
}

#[tokio::test]
async fn lifetime_figures_are_followed_from_epoch_to_epoch() {
    let place = Place::new();
    let [first, second] = two_epochs();
    place.write(&first).await;
    place.write(&second).await;
    let found = place.audit().await;
    assert_eq!(found.differences(), 0, "{found:?}");
    let counts: Vec<(u64, usize)> = found.epochs.iter().map(|epoch| (epoch.epoch, epoch.leaves)).collect();
    assert_eq!(counts, [(EPOCH, 1), (EPOCH + 1, 1)]);
    assert!(found.epochs[0].counted > 0 && found.epochs.iter().all(|epoch| !epoch.checked_on_chain));

    // A range that begins later starts from the leaves of the epoch before.
    let later = audit(&place.archive, EPOCH + 1..=EPOCH + 1, None, |_| {})
        .await
        .unwrap();
    assert_eq!(later.differences(), 0, "{later:?}");
    std::fs::remove_file(place.object(EPOCH, "statement.json")).unwrap();
    let later = audit(&place.archive, EPOCH + 1..=EPOCH + 1, None, |_| {})
        .await
        .unwrap();
    assert!(
        matches!(later.epochs[0].differences[0], Difference::Base { .. }),
        "{later:?}"
    );
    // Without its past the node has lost what it earned, and the audit says which node and which figure.
    assert!(later.epochs[0].differences.iter().any(|difference| matches!(
        difference,
        Difference::Node { figure, attested, computed: 0, .. } if figure.contains("reward") && *attested > 0
    )));
}

#[tokio::test]
async fn a_tampered_row_is_named_and_so_is_a_leaf_that_receipts_do_not_support() {
    let place = Place::new();
    let [mut first, _] = two_epochs();
    // One receipt claims twice the bytes; the record still names the bundle that was committed.
    let bundle = &first.bundles[&1];
    let mut receipts = bundle.receipts().to_vec();
    let round = receipts[0].receipt.round;
    receipts[0].receipt.down.counted_bytes *= 2;
    let tampered = Bundle::new(
        common::NETWORK,
        EPOCH,
        *bundle.oracle(),
        receipts,
        bundle.sightings().to_vec(),
    );
    let honest = first.bundles.insert(1, tampered).unwrap();
    place.write(&first).await;
    let found = place.audit().await;
    let named = found.epochs[0].differences.iter().any(|difference| {
        matches!(difference, Difference::Receipt { member: 1, round: at, node, .. }
            if *at == round && *node == Address::new_from_array(NODE).to_string())
    });
    assert!(named, "{found:?}");
    assert!(found.epochs[0].differences.contains(&Difference::Bundle { member: 1 }));
    assert!(!found.epochs[0].differences.contains(&Difference::Bundle { member: 0 }));

    // All receipts are right, but a leaf says more than they do.
    first.bundles.insert(1, honest);
    first.result.leaves[0].cumulative_reward += 1;
    first.record.root = first.result.tree().root();
    place.write(&first).await;
    let found = place.audit().await;
    let sentences: Vec<String> = found.epochs[0].differences.iter().map(ToString::to_string).collect();
    assert!(
        sentences.iter().any(|sentence| sentence.contains("lifetime reward")),
        "{sentences:?}"
    );
    assert!(
        sentences.iter().any(|sentence| sentence.contains("root")),
        "{sentences:?}"
    );
    assert_eq!(sentences.len(), 2, "{sentences:?}");

    // A receipt that an oracle committed to and that does not hold was dropped by all, and is no difference.
    let [mut first, _] = two_epochs();
    let bundle = &first.bundles[&1];
    let mut receipts = bundle.receipts().to_vec();
    receipts[0].receipt.down.counted_bytes *= 2;
    let committed = Bundle::new(
        common::NETWORK,
        EPOCH,
        *bundle.oracle(),
        receipts,
        bundle.sightings().to_vec(),
    );
    first.bundles.insert(1, committed);
    let first = work_out(&Net::new(4).rules, first.bundles, &BTreeMap::new(), None);
    place.write(&first).await;
    let found = place.audit().await;
    assert_eq!(found.differences(), 0, "{found:?}");
    assert_eq!(found.epochs[0].counted + 1, found.epochs[0].receipts);
}
