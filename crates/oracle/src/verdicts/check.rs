//! Checking one result.

use std::time::Duration;

use lumora_core::{
    hash::Hash,
    units::{Bps, Seconds},
    verdict::{Finding, Visit, is_checked, judge},
};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    Desk,
    docket::Case,
    visit::{Material, Visited, Visitor},
};
use crate::oracle::Oracle;

/// How often the block of a reveal is looked for: an endpoint may know an account before it lists the transaction.
const LOOKS: u32 = 3;

/// Pause between two of these looks.
const PAUSE_BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The lot did not fall on it.
    NotDrawn,
    /// Its pages cannot be visited as often as it takes while the result can be rejected, or not in the time for a visit.
    TooLong,
    /// It was visited.
    Found(Finding),
}

impl Outcome {
    /// The outcome for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotDrawn => "not_drawn",
            Self::TooLong => "too_long",
            Self::Found(Finding::Agrees) => "agrees",
            Self::Found(Finding::LookAgain) => "open",
            Self::Found(Finding::Wrong) => "wrong",
            Self::Found(Finding::Changing) => "changing",
            Self::Found(Finding::Unread) => "unread",
        }
    }

    /// The outcome for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotDrawn => "The lot did not fall on this result, so it stands.",
            Self::TooLong => "The result's pages cannot be visited twice in the time that there is, so it stands.",
            Self::Found(Finding::Agrees) => "The pages say what the node showed.",
            Self::Found(Finding::LookAgain) => "The pages have to be visited again.",
            Self::Found(Finding::Wrong) => {
                "Two visits found the same, and not what the node showed: it is to be rejected."
            }
            Self::Found(Finding::Changing) => {
                "The pages differ from what the node showed, but also from one visit to the next, so it stands."
            }
            Self::Found(Finding::Unread) => {
                "Too many pages could not be had to say that the node is wrong, so it stands."
            }
        }
    }
}

/// Checks a result: draws its lot, and visits its pages as often as the rule asks for.
pub async fn check(oracle: &Oracle, desk: &Desk, case: &Case) -> Visited<Outcome> {
    if !is_drawn(oracle, desk.share, case).await {
        return Ok(Outcome::NotDrawn);
    }
    let material = desk.visitor.material(case).await?;
    let times = Times {
        left: time_left(case, Seconds(oracle.view().now)),
        ..desk.times
    };
    visits(&desk.visitor, &material, case, times).await
}

/// Whether the lot falls on a result. One whose block is not found is checked: nobody may escape by hiding it.
async fn is_drawn(oracle: &Oracle, share: Bps, case: &Case) -> bool {
    if share >= Bps::ONE {
        return true;
    }
    for look in 0..LOOKS {
        if look > 0 {
            sleep(PAUSE_BETWEEN_LOOKS).await;
        }
        match oracle.chain.reveal_block(&case.address).await {
            Ok(Some(block_hash)) => return drawn(&block_hash, share, case),
            Ok(None) => {}
            Err(error) => tracing::debug!(assignment = %case.address, %error, "the block of a reveal was not read"),
        }
    }
    tracing::warn!(assignment = %case.address, "the block of a reveal is not found: the result is checked");
    true
}

fn drawn(block_hash: &Hash, share: Bps, case: &Case) -> bool {
    is_checked(block_hash, case.address.as_array(), &case.assignment.result_root, share)
}

/// How long a result can be rejected.
pub fn time_left(case: &Case, now: Seconds) -> Duration {
    let seconds = case.closes_at().0.saturating_sub(now.0);
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// How long a check may take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Until the result can no longer be rejected.
    pub left: Duration,
    /// Between two visits.
    pub pause: Duration,
    /// Of one visit. Otherwise a job whose pages are to be asked for once in an hour would keep all others waiting.
    pub visit: Duration,
}

/// Visits the pages until it is clear what they say of the result, or there is no more time.
async fn visits(visitor: &Visitor, material: &Material, case: &Case, times: Times) -> Visited<Outcome> {
    // The last eighth is for the signatures.
    let deadline = Instant::now() + times.left.mul_f64(7.0 / 8.0);
    let pause = times.pause.min(times.left / 4);
    let least = material.least_time(case)?;
    let both = least.saturating_mul(2).saturating_add(pause);
    // Pages are not asked for where it cannot lead to a verdict.
    if least > times.visit || both > deadline.saturating_duration_since(Instant::now()) {
        return Ok(Outcome::TooLong);
    }
    let mut found: Vec<Visit> = Vec::new();
    loop {
        let visit = async {
            if !found.is_empty() {
                sleep(pause).await;
            }
            timeout(times.visit, visitor.visit(material, case, found.len())).await
        };
        let Ok(Ok(visit)) = timeout_at(deadline, visit).await else {
            return Ok(Outcome::TooLong);
        };
        found.push(visit?);
        match judge(&case.shown(), &found, case.tolerance()) {
            Finding::LookAgain => {}
            finding => return Ok(Outcome::Found(finding)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        collections::BTreeMap,
        path::{Path, PathBuf},
    };

    use bytemuck::Zeroable;
    use lumora_core::{agreement::Revealed, sketch::Sketch};
    use lumora_data::{
        key::ResultsSecretKey,
        manifest::{Field, Format, Manifest, Pages, Scope},
        site::{Site, SiteOptions},
        store::Store,
    };
    use lumora_interface::tasks::{Assignment, Job};
    use tempfile::TempDir;

    use super::{super::docket::tests::case, *};

    const PAGES: u32 = 12;
    const PAUSE: Duration = Duration::from_millis(600);
    const TIMES: Times = Times {
        left: Duration::from_secs(60),
        pause: PAUSE,
        visit: Duration::from_secs(30),
    };

    fn write_pages(root: &Path, edition: u32) {
        for page in 0..PAGES {
            let words: String = (0..80)
                .map(|word| format!("word{} ", (page * 7 + word * 13) % 97 + edition * 1_000))
                .collect();
            let page_text = format!("<html><body><h1>Page {page}</h1><p>{words}</p></body></html>");
            std::fs::write(root.join(format!("{page}.html")), page_text).unwrap();
        }
    }

    /// A site, a manifest of its pages, and a case about them.
    struct Bench {
        folder: TempDir,
        site: Site,
        visitor: Visitor,
        case: Case,
    }

    impl Bench {
        async fn new(requests_per_second: f64) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("site");
            std::fs::create_dir(&root).unwrap();
            write_pages(&root, 0);
            let site = Site::start(SiteOptions::new(&root)).await.unwrap();
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
                pages: Pages::Urls(
                    (0..PAGES)
                        .map(|page| site.url().join(&format!("{page}.html")).unwrap())
                        .collect(),
                ),
                scope: Scope::default(),
                format: Format::Html,
                fields: BTreeMap::from([("title".to_owned(), css("h1")), ("text".to_owned(), css("p"))]),
                max_bytes: 1 << 20,
                requests_per_second,
                timeout_seconds: 5,
                results_key: Some(ResultsSecretKey::random().unwrap().public()),
            };
            let store = folder.path().join("store");
            Store::local(&store).unwrap().put(manifest.canonical()).await.unwrap();
            let case = Case {
                job: Job {
                    manifest_hash: manifest.hash(),
                    shard_count: 1,
                    ..case().job
                },
                assignment: Assignment {
                    records: PAGES,
                    sketch: [0x5555_5555_5555_5555; 4],
                    ..case().assignment
                },
                ..case()
            };
            let visitor = Visitor::open(
                store.to_str().unwrap(),
                folder.path().join("verdicts"),
                &[site.address()],
            )
            .unwrap();
            Self {
                folder,
                site,
                visitor,
                case,
            }
        }

        fn root(&self) -> PathBuf {
            self.folder.path().join("site")
        }

        async fn visit(&self, number: usize) -> Visit {
            let material = self.visitor.material(&self.case).await.unwrap();
            self.visitor.visit(&material, &self.case, number).await.unwrap()
        }

        async fn check(&self) -> Outcome {
            let material = self.visitor.material(&self.case).await.unwrap();
            visits(&self.visitor, &material, &self.case, TIMES).await.unwrap()
        }

        fn show(&mut self, shown: Revealed) {
            (self.case.assignment.sketch, self.case.assignment.records) = (shown.sketch.0, shown.records);
        }

        /// Pages that were asked for, robots.txt left out.
        fn requests(&self) -> u64 {
            let requests = self.site.requests();
            requests
                .iter()
                .filter(|(path, _)| *path != "/robots.txt")
                .map(|(_, count)| count)
                .sum()
        }
    }

    #[tokio::test]
    async fn an_honest_result_is_visited_once_and_stands() {
        let mut bench = Bench::new(1_000.0).await;
        let visit = bench.visit(9).await;
        assert_eq!((visit.pages, visit.unread, visit.found.records), (PAGES, 0, PAGES));
        bench.show(visit.found);
        assert_eq!(bench.check().await, Outcome::Found(Finding::Agrees));
        assert_eq!(bench.requests(), u64::from(2 * PAGES));
    }

    #[tokio::test]
    async fn a_result_is_held_against_the_word_that_was_shown() {
        let mut bench = Bench::new(1_000.0).await;
        bench.case.assignment.shown = 2;
        let second = bench.visit(9).await.found;
        bench.show(second);
        assert_eq!(bench.check().await, Outcome::Found(Finding::Agrees));
        // The same bits for the first word are wrong.
        bench.case.assignment.shown = 1;
        assert_eq!(bench.check().await, Outcome::Found(Finding::Wrong));
    }

    #[tokio::test]
    async fn an_invented_result_is_wrong_after_two_visits() {
        let mut bench = Bench::new(1_000.0).await;
        let started = Instant::now();
        assert_eq!(bench.check().await, Outcome::Found(Finding::Wrong));
        assert!(started.elapsed() >= PAUSE);
        assert_eq!(bench.requests(), u64::from(2 * PAGES));
        // So is one that leaves pages out that are there.
        bench.show(Revealed {
            sketch: Sketch::default(),
            records: 0,
        });
        assert_eq!(bench.check().await, Outcome::Found(Finding::Wrong));
    }

    #[tokio::test]
    async fn pages_that_change_between_the_visits_say_nothing_about_a_node() {
        let bench = Bench::new(1_000.0).await;
        let edit = async {
            while bench.requests() < u64::from(PAGES) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(PAUSE / 2).await;
            write_pages(&bench.root(), 1);
        };
        let (outcome, ()) = tokio::join!(bench.check(), edit);
        assert_eq!(outcome, Outcome::Found(Finding::Changing));
    }

    #[tokio::test]
    async fn a_site_that_is_down_says_nothing_about_a_node() {
        let Bench {
            folder,
            site,
            visitor,
            case,
        } = Bench::new(1_000.0).await;
        site.stop().await;
        let material = visitor.material(&case).await.unwrap();
        let outcome = visits(&visitor, &material, &case, TIMES).await;
        assert_eq!(outcome.unwrap(), Outcome::Found(Finding::Unread));
        drop(folder);
    }

    #[tokio::test]
    async fn a_shard_that_takes_too_long_is_not_begun() {
        // Eleven pauses of two seconds.
        let bench = Bench::new(0.5).await;
        let material = bench.visitor.material(&bench.case).await.unwrap();
        let short = Duration::from_secs(20);
        for times in [
            Times { visit: short, ..TIMES },
            Times {
                left: 2 * short,
                ..TIMES
            },
        ] {
            let outcome = visits(&bench.visitor, &material, &bench.case, times).await.unwrap();
            assert_eq!(outcome, Outcome::TooLong, "{times:?}");
        }
        assert_eq!(bench.requests(), 0);
    }

    #[tokio::test]
    async fn a_visit_that_does_not_end_is_broken_off() {
        let bench = Bench::new(10.0).await;
        let material = bench.visitor.material(&bench.case).await.unwrap();
        // As long as the site's pace asks for, and so less than it takes.
        let visit = material.least_time(&bench.case).unwrap();
        let times = Times { visit, ..TIMES };
        let outcome = visits(&bench.visitor, &material, &bench.case, times).await.unwrap();
        assert_eq!(outcome, Outcome::TooLong);
        assert!(bench.requests() > 0);
    }

    #[tokio::test]
    async fn a_visit_goes_on_after_a_restart_and_is_forgotten_with_its_case() {
        let bench = Bench::new(1_000.0).await;
        let first = bench.visit(0).await;
        assert_eq!(bench.visit(0).await, first);
        assert_eq!(
            bench.requests(),
            u64::from(PAGES),
            "what was visited is not asked for again"
        );
        let journals = || std::fs::read_dir(bench.folder.path().join("verdicts")).unwrap().count();
        bench.visitor.keep_only(&[bench.case]);
        assert_eq!(journals(), 1);
        bench.visitor.keep_only(&[]);
        assert_eq!(journals(), 0);
    }

    #[tokio::test]
    async fn a_manifest_that_is_not_there_is_told_and_may_come_yet() {
        let mut bench = Bench::new(1_000.0).await;
        bench.case.job = Job {
            manifest_hash: [9; 32],
            ..Job::zeroed()
        };
        let error = bench.visitor.material(&bench.case).await.err().unwrap();
        assert!(error.to_string().contains("manifest"), "{error}");
    }

    #[test]
    fn the_time_left_ends_with_the_window() {
        assert_eq!(time_left(&case(), Seconds(100)), Duration::from_secs(25));
        assert_eq!(time_left(&case(), Seconds(130)), Duration::ZERO);
    }

    #[test]
    fn every_outcome_has_a_name_and_a_sentence() {
        let findings = [
            Finding::Agrees,
            Finding::LookAgain,
            Finding::Wrong,
            Finding::Changing,
            Finding::Unread,
        ];
        let outcomes = findings
            .map(Outcome::Found)
            .into_iter()
            .chain([Outcome::NotDrawn, Outcome::TooLong]);
        let mut names: Vec<&str> = outcomes
            .inspect(|outcome| assert!(outcome.sentence().ends_with('.')))
            .map(Outcome::name)
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 7);
    }
}
