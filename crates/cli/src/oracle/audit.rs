//! Works attested epochs out again from an archive and says what is not as it was attested.

use std::{io::IsTerminal as _, ops::RangeInclusive, str::FromStr};

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use lumora_client::Connection;
use lumora_oracle::{
    archive::Archive,
    audit::{Audit, EpochAudit, audit},
};

use crate::output::{table, thousands};

/// Epochs from the first to the last, as `7..12` or `7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epochs(RangeInclusive<u64>);

impl FromStr for Epochs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` names no epochs: write the first and the last one, as 7..12, or one, as 7");
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let (first, last) = match text.split_once("..") {
            Some((first, last)) => (number(first)?, number(last.strip_prefix('=').unwrap_or(last))?),
            None => (number(text)?, number(text)?),
        };
        if first > last {
            return Err(wrong());
        }
        Ok(Self(first..=last))
    }
}

/// Audits the epochs in the archive at `place`.
pub async fn look(place: &str, epochs: &Epochs, connection: Option<Connection>) -> anyhow::Result<Audit> {
    let folder = tempfile::tempdir()?;
    let archive = Archive::open(place, folder.path())?;
    let Epochs(range) = epochs;
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(range.end().saturating_sub(*range.start()).saturating_add(1))
    } else {
        ProgressBar::hidden()
    };
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {pos} of {len} epochs, {elapsed}",
    )?);
    let first = *range.start();
    let found = audit(&archive, range.clone(), connection.as_ref(), |epoch| {
        bar.set_position(epoch - first)
    })
    .await;
    bar.finish_and_clear();
    Ok(found?)
}

/// For people.
pub fn describe(audit: &Audit) -> String {
    let mut lines = vec![table(
        &["epoch", "receipts", "counted", "leaves", "on chain", "differences"],
        &audit.epochs.iter().map(row).collect::<Vec<_>>(),
    )];
    for epoch in &audit.epochs {
        for difference in &epoch.differences {
            lines.push(format!("Epoch {}: {difference}.", epoch.epoch));
        }
    }
    lines.push(match (audit.epochs.len(), audit.differences()) {
        (0, _) => "None of these epochs is in the archive.".to_owned(),
        (_, 0) if audit.epochs.iter().all(|epoch| epoch.checked_on_chain) => {
            "Every figure comes out as it was attested on chain.".to_owned()
        }
        (_, 0) => {
            "Every figure comes out as the archive says. Whether that is what was attested, only the chain says: name \
                   it with --rpc."
                .to_owned()
        }
        (_, count) => format!("{count} differences."),
    });
    lines.join("\n")
}

fn row(epoch: &EpochAudit) -> Vec<String> {
    let count = |count: usize| thousands(count as u64);
    vec![
        epoch.epoch.to_string(),
        count(epoch.receipts),
        count(epoch.counted),
        count(epoch.leaves),
        if epoch.checked_on_chain {
            "compared"
        } else {
            "not asked"
        }
        .to_owned(),
        count(epoch.differences.len()),
    ]
}

/// An error where there are differences or nothing was audited, so that scripts notice.
pub fn verdict(audit: &Audit) -> anyhow::Result<()> {
    match (audit.epochs.len(), audit.differences()) {
        (0, _) => bail!("nothing was audited: check the archive's place and the epochs"),
        (_, 0) => Ok(()),
        (_, count) => bail!("the archive does not support what was attested: {count} differences"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_epochs_are_read_and_nonsense_is_refused_with_an_example() {
        for (text, range) in [("7..12", 7..=12), ("7..=12", 7..=12), ("7", 7..=7), (" 7 .. 8 ", 7..=8)] {
            assert_eq!(text.parse(), Ok(Epochs(range)), "{text}");
        }
        for text in ["", "a", "12..7", "7..", "-1"] {
            assert!(text.parse::<Epochs>().unwrap_err().contains("7..12"), "{text}");
        }
    }
}
