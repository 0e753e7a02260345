//! `lumora robots check`: whether a robots.txt lets an agent fetch a URL, by the code that the nodes use.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use lumora_data::robots;
use url::Url;

use crate::output::Format;

#[derive(Subcommand)]
pub enum Command {
    /// Says whether a page may be fetched, by which rule, and how long to wait between requests.
    Check(CheckArguments),
}

/// Arguments of `robots check`.
#[derive(Args)]
pub struct CheckArguments {
    /// The robots.txt.
    #[arg(long)]
    robots: PathBuf,
    /// User agent, as `Name` or `Name/1.0`.
    #[arg(long)]
    agent: String,
    /// The page.
    #[arg(long)]
    url: Url,
}

/// Runs the command. Exits with 3 when the page is forbidden, so that scripts need not parse the answer.
pub fn run(command: &Command, format: Format) -> anyhow::Result<()> {
    let Command::Check(arguments) = command;
    let file =
        std::fs::read(&arguments.robots).with_context(|| format!("cannot read {}", arguments.robots.display()))?;
    let decision = robots::check(&file, &arguments.agent, &arguments.url);
    format.print(&decision, |decision| {
        let verdict = if decision.allowed { "allowed" } else { "forbidden" };
        let rule = decision.rule.as_deref().unwrap_or("no rule matches");
        let delay = decision
            .crawl_delay
            .map_or_else(|| "none".to_owned(), |delay| format!("{} s", delay.as_secs_f64()));
        format!("{verdict} ({rule}; group {})\nCrawl-delay: {delay}", decision.group)
    })?;
    if !decision.allowed {
        std::process::exit(3);
    }
    Ok(())
}
