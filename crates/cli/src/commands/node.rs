//! `lumora node`: share bandwidth and work on shards.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use lumora_client::keys;
use lumora_interface::Address;
use lumora_node::{
    NodeConfig,
    config::Limits,
    owner::{self, Withdrawal},
};
use serde::Serialize;
use solana_signer::Signer as _;

use crate::{
    node_file::{self, Changes, Start},
    output::{Format, lmr, thousands},
};

/// The file that a folder's configuration has.
const FILE: &str = "node.toml";

/// Shares bandwidth and works on shards.
#[derive(Subcommand)]
pub enum Command {
    /// Makes keys and a commented configuration in a folder. Never overwrites: keys that are there are used.
    Init(Init),
    /// Runs the node until Ctrl-C; what it does comes as JSON lines on standard output.
    Run {
        #[command(flatten)]
        which: Which,
    },
    /// How the node stands: registration, figures, rewards, shards, limits and what of them is used; and why what is zero is
    /// zero.
    Status {
        #[command(flatten)]
        which: Which,
    },
    /// What the node may use.
    Limits {
        #[command(subcommand)]
        command: LimitsCommand,
    },
    /// Proves what is attested and claims all that is due, now. A node that runs does so by itself.
    Claim {
        #[command(flatten)]
        which: Which,
    },
    /// Asks the bond back, or pays it out once the time to unbond is over: run it again for that.
    Withdraw {
        #[command(flatten)]
        which: Which,
        /// LMR base units (millionths) to ask back in all; by default the whole bond.
        #[arg(long)]
        amount: Option<u64>,
    },
    /// Has the link measured once, by an oracle that this round gives the node to. The node must not be running.
    Measure {
        #[command(flatten)]
        which: Which,
        /// Key of the oracle; by default the first that does.
        #[arg(long)]
        oracle: Option<Address>,
    },
}

/// Which node.
#[derive(Args)]
pub struct Which {
    /// Configuration, TOML or JSON.
    #[arg(long, env = "LUMORA_NODE_CONFIG", default_value = FILE)]
    config: PathBuf,
}

#[derive(Args)]
pub struct Init {
    /// Folder for configuration, keys and state; made when it is missing.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// JSON-RPC address of the Solana network.
    #[arg(long, default_value = "http://127.0.0.1:8899")]
    rpc_url: String,
    /// Where manifests come from and results go to: a folder, or `s3://bucket/prefix`. By default a folder beside the state.
    #[arg(long)]
    store: Option<String>,
    /// Degrees north. Only the cell of some 60 km around becomes public.
    #[arg(long, allow_negative_numbers = true)]
    latitude: f64,
    /// Degrees east.
    #[arg(long, allow_negative_numbers = true)]
    longitude: f64,
    /// Most that the node may use of the link, kbit/s.
    #[arg(long, default_value_t = 20_000)]
    rate_kbps: u32,
    /// Shards worked on at the same time.
    #[arg(long, default_value_t = 4)]
    shards: u16,
}

#[derive(Subcommand)]
pub enum LimitsCommand {
    /// Shows them.
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Changes them in the configuration file, whose comments stay, and on chain. A node that runs has to be started again.
    Set(Set),
}

#[derive(Args)]
pub struct Set {
    #[command(flatten)]
    which: Which,
    /// Most that the node may use of the link, kbit/s.
    #[arg(long)]
    rate_kbps: Option<u32>,
    /// Shards worked on at the same time.
    #[arg(long)]
    shards: Option<u16>,
    /// Hours in which it works, as `"mon-fri 22:00-07:00"`; may be given several times. `always` for all hours.
    #[arg(long)]
    hours: Vec<String>,
    /// Gigabytes a month, both directions; 0 for no bound.
    #[arg(long)]
    monthly_gb: Option<u32>,
    /// Day on which the month begins, 1 to 28.
    #[arg(long)]
    month_begins: Option<u8>,
    /// Whether the link is paid for by volume.
    #[arg(long)]
    metered: Option<Metered>,
    /// Changes the file only; the chain follows when the node is started.
    #[arg(long)]
    offline: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Metered {
    /// The node leaves it alone.
    Yes,
    /// It is not.
    No,
    /// The node finds out.
    Auto,
}

#[derive(Serialize)]
struct Initialised {
    config: PathBuf,
    owner: String,
    operator: String,
}

#[derive(Serialize)]
struct LimitsSet {
    limits: Limits,
    /// Whether the node's account was changed; `None` if it was not looked at.
    changed_on_chain: Option<bool>,
}

impl Which {
    fn read(&self) -> anyhow::Result<NodeConfig> {
        ensure!(
            self.config.exists(),
            "there is no configuration {}: make one with `lumora node init`, or name it with --config",
            self.config.display()
        );
        Ok(NodeConfig::read(&self.config)?)
    }
}

/// Runs the command.
pub async fn run(command: &Command, format: Format) -> anyhow::Result<()> {
    match command {
        Command::Init(arguments) => init(arguments, format),
        Command::Run { which } => {
            lumora_node::run(which.read()?, crate::shutdown::on_signal()?).await?;
            Ok(())
        }
        Command::Status { which } => {
            let status = lumora_node::status(&which.read()?).await?;
            format.print(&status, |status| status.to_string().trim_end().to_owned())
        }
        Command::Limits { command } => limits(command, format).await,
        Command::Claim { which } => {
            let claimed = owner::claim(which.read()?).await?;
            format.print(&claimed, |claimed| {
                let rest = claimed.rest.as_ref().map_or(String::new(), |told| format!("\n{told}"));
                let (amount, lifetime) = (lmr(claimed.amount), lmr(claimed.lifetime));
                format!("{amount} LMR claimed now, {lifetime} in the node's lifetime{rest}")
            })
        }
        Command::Withdraw { which, amount } => withdraw(which.read()?, *amount, format).await,
        Command::Measure { which, oracle } => measure(which.read()?, *oracle, format).await,
    }
}

fn init(arguments: &Init, format: Format) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let folder = folder.canonicalize()?;
    let config = folder.join(FILE);
    ensure!(
        !config.exists(),
        "{} exists already: change it with `lumora node limits set` or by hand, or choose another folder",
        config.display()
    );
    let store = match &arguments.store {
        Some(store) => store.clone(),
        None => folder.join("store").display().to_string(),
    };
    let text = node_file::template(&Start {
        rpc_url: &arguments.rpc_url,
        folder: &folder,
        store: &store,
        latitude: arguments.latitude,
        longitude: arguments.longitude,
        rate_kbps: arguments.rate_kbps,
        shards: arguments.shards,
    });
    // Refused before anything is made of it.
    let fresh = folder.join("node.toml.new");
    std::fs::write(&fresh, text).with_context(|| format!("cannot write {}", fresh.display()))?;
    let made = keys_for(&fresh, &folder);
    let (owner, operator) = made.inspect_err(|_| {
        // What is left of it would only puzzle.
        let _ = std::fs::remove_file(&fresh);
    })?;
    std::fs::rename(&fresh, &config).with_context(|| format!("cannot write {}", config.display()))?;
    let initialised = Initialised {
        config,
        owner,
        operator,
    };
    format.print(&initialised, |made| {
        format!(
            "configuration  {}\nowner          {}\noperator       {}\n\nNext:\n\
             1. Keep a copy of owner.json in a safe place: it owns the node and what it earns.\n\
             2. Give both addresses some SOL for fees and rent, and the owner LMR if the node shall bond and work (`bond`).\n\
             3. Write the network's oracles into the configuration.\n\
             4. lumora node run --config {}",
            made.config.display(),
            made.owner,
            made.operator,
            made.config.display()
        )
    })
}

fn keys_for(config: &Path, folder: &Path) -> anyhow::Result<(String, String)> {
    NodeConfig::read(config)?;
    let key = |name: &str| keys::load_or_create(&folder.join(name));
    key("transport.json")?;
    Ok((
        key("owner.json")?.pubkey().to_string(),
        key("operator.json")?.pubkey().to_string(),
    ))
}

async fn limits(command: &LimitsCommand, format: Format) -> anyhow::Result<()> {
    let set = match command {
        LimitsCommand::Show { which } => return format.print(&which.read()?.limits, node_file::describe),
        LimitsCommand::Set(set) => set,
    };
    set.which.read()?;
    let hours = match set.hours.as_slice() {
        [] => None,
        [always] if always == "always" => Some(Vec::new()),
        hours => Some(hours.to_vec()),
    };
    let changes = Changes {
        rate_kbps: set.rate_kbps,
        shards: set.shards,
        hours,
        monthly_gb: set.monthly_gb.map(|gigabytes| (gigabytes > 0).then_some(gigabytes)),
        month_begins: set.month_begins,
        metered: set.metered.map(|metered| match metered {
            Metered::Yes => Some(true),
            Metered::No => Some(false),
            Metered::Auto => None,
        }),
    };
    let config = node_file::change(&set.which.config, &changes)?;
    let limits = config.limits.clone();
    let changed_on_chain = match set.offline {
        true => None,
        false => Some(owner::publish(config).await.context(
            "the file is changed, the chain is not: run the command again, or start the node, which does the rest",
        )?),
    };
    let done = LimitsSet {
        limits,
        changed_on_chain,
    };
    format.print(&done, |done| {
        let chain = match done.changed_on_chain {
            Some(true) => "The node's account on chain says so too.",
            Some(false) => "The node's account on chain needed no change.",
            None => "The chain follows when the node is started.",
        };
        let limits = node_file::describe(&done.limits);
        format!("{limits}\n\n{chain} A node that runs keeps its old limits until it is started again.")
    })
}

async fn withdraw(config: NodeConfig, amount: Option<u64>, format: Format) -> anyhow::Result<()> {
    let refills = config.bond;
    let withdrawal = owner::withdraw(config, amount).await?;
    format.print(&withdrawal, |withdrawal| match withdrawal {
        Withdrawal::Nothing => "The node has no bond: there is nothing to withdraw.".to_owned(),
        Withdrawal::Waiting { amount, due_at, now } => format!(
            "{} LMR are asked back and paid from Unix time {due_at} on, in {} seconds: run the command again then. Until \
             then they can be slashed, and vouch for no new shard.",
            lmr(*amount),
            due_at.saturating_sub(*now).max(0)
        ),
        Withdrawal::Paid { amount, left } => {
            let refilled = match *left < refills {
                true => "\nThe configuration has the bond filled up again when the node runs: lower `bond` to keep it out.",
                false => "",
            };
            format!("{} LMR were paid to the owner; {} LMR of bond are left.{refilled}", lmr(*amount), lmr(*left))
        }
    })
}

async fn measure(config: NodeConfig, oracle: Option<Address>, format: Format) -> anyhow::Result<()> {
    ensure!(
        !config.oracles.is_empty(),
        "the configuration names no oracles: add `[[oracles]]` with key, measure and http"
    );
    let measured = owner::measure(config, oracle).await?;
    if measured.figures.is_none() {
        let refusals = measured
            .refusals
            .iter()
            .map(|refusal| format!("\n- {}: {}", refusal.oracle, refusal.sentence));
        bail!(
            "no oracle measured in epoch {}, round {}:{}",
            measured.epoch,
            measured.round,
            refusals.collect::<String>()
        );
    }
    format.print(&measured, |measured| {
        let figures = measured.figures.as_ref().map(|figures| {
            format!(
                "down {} kbit/s, up {} kbit/s, round trip {} us; measured by {} for epoch {}, round {}",
                thousands(figures.down_kbps.into()),
                thousands(figures.up_kbps.into()),
                thousands(figures.rtt_us.into()),
                figures.oracle,
                measured.epoch,
                measured.round
            )
        });
        figures.unwrap_or_default()
    })
}
