//! The configuration file of a node: as `init` writes it, and as `limits set` changes it without losing a comment.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use lumora_node::{NodeConfig, config::Limits};
use toml_edit::{Array, DocumentMut, Item, Value, value};

/// What a new configuration says beyond the defaults.
pub struct Start<'a> {
    pub rpc_url: &'a str,
    /// Folder of the node, absolute.
    pub folder: &'a Path,
    pub store: &'a str,
    pub latitude: f64,
    pub longitude: f64,
    pub rate_kbps: u32,
    pub shards: u16,
}

/// The text of a new configuration.
pub fn template(start: &Start<'_>) -> String {
    let path = |name: &str| quoted(&start.folder.join(name).display().to_string());
    let Start {
        latitude,
        longitude,
        rate_kbps,
        shards,
        ..
    } = start;
    format!(
        r#"# A Lumora node. `lumora node run --config FILE` starts it, `lumora node status --config FILE` says how it stands.

# The Solana network, and the WebSocket address if it does not follow from it.
rpc_url = {rpc_url}
# ws_url = "ws://127.0.0.1:8900"

# The wallet that owns the node: registers, bonds, is paid. A registered node runs without its key: then write
# `owner = "ADDRESS"` instead, and keep the key elsewhere.
owner_key = {owner}
# Pays the fees of claims and results: give it some SOL. It never moves LMR.
operator_key = {operator}
# What the node proves to oracles.
transport_key = {transport}

# State, and where manifests come from and results go to: a folder, or `s3://bucket/prefix`.
data_dir = {data}
store = {store}

# LMR base units (millionths) that the bond is filled up to from the owner's wallet. Work needs a bond; 0 leaves it alone.
bond = 0

# Only the H3 cell around this place (some 60 km) becomes public.
[location]
latitude = {latitude:?}
longitude = {longitude:?}

[limits]
# Most that the node uses of your link, kbit/s, measurements included. Your own traffic goes first in any case.
rate_kbps = {rate_kbps}
# Shards worked on at the same time.
shards = {shards}
# Hours in which it works; without them, always. By the machine's time zone, or by `utc_offset = "+02:00"`.
# hours = ["mon-fri 22:00-07:00", "sat,sun 00:00-24:00"]
# Gigabytes a month, both directions; told at 85 %, stopped at 100 %. The month begins on this day.
# monthly_gb = 500
# month_begins = 1
# Links that cost by volume (mobile modems, hotspots) are left alone; say so here if it guesses wrong.
# metered = false
# The network interface whose traffic is watched; by default that of the default route.
# interface = "eth0"

# The oracles of the network, one such block for each: figures are fetched from them.
# [[oracles]]
# key = "ADDRESS"
# measure = "192.0.2.1:7001"
# http = "http://192.0.2.1:7002"
"#,
        rpc_url = quoted(start.rpc_url),
        owner = path("owner.json"),
        operator = path("operator.json"),
        transport = path("transport.json"),
        data = path("data"),
        store = quoted(start.store),
    )
}

/// As TOML writes a text.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Limits to change; what is `None` stays.
#[derive(Debug, Default)]
pub struct Changes {
    pub rate_kbps: Option<u32>,
    pub shards: Option<u16>,
    /// No hours at all: always.
    pub hours: Option<Vec<String>>,
    pub monthly_gb: Option<Option<u32>>,
    pub month_begins: Option<u8>,
    pub metered: Option<Option<bool>>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        let Self {
            rate_kbps,
            shards,
            hours,
            monthly_gb,
            month_begins,
            metered,
        } = self;
        rate_kbps.is_none()
            && shards.is_none()
            && hours.is_none()
            && monthly_gb.is_none()
            && month_begins.is_none()
            && metered.is_none()
    }
}

/// Changes the file. Whole or not at all: a configuration that would not be right is refused, and the file stays.
pub fn change(path: &Path, changes: &Changes) -> anyhow::Result<NodeConfig> {
    ensure!(
        path.extension().is_none_or(|extension| extension != "json"),
        "{} is JSON: change `limits` in it by hand and start the node again",
        path.display()
    );
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = changed(&text, changes).with_context(|| format!("cannot change {}", path.display()))?;
    let fresh = path.with_extension("toml.new");
    std::fs::write(&fresh, text).with_context(|| format!("cannot write {}", fresh.display()))?;
    let config = NodeConfig::read(&fresh).inspect_err(|_| {
        // What is left of it would only puzzle.
        let _ = std::fs::remove_file(&fresh);
    })?;
    std::fs::rename(&fresh, path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(config)
}

fn changed(text: &str, changes: &Changes) -> anyhow::Result<String> {
    ensure!(
        !changes.is_empty(),
        "say what to change: see `lumora node limits set --help`"
    );
    let mut document: DocumentMut = text.parse()?;
    let Some(limits) = document.get_mut("limits").and_then(Item::as_table_like_mut) else {
        bail!("it has no table `limits`");
    };
    let mut set = |key: &str, to: Option<Value>| match (to, limits.get_mut(key)) {
        // The comment behind the value stays with it.
        (Some(mut to), Some(Item::Value(found))) => {
            *to.decor_mut() = found.decor().clone();
            *found = to;
        }
        (Some(to), _) => {
            limits.insert(key, value(to));
        }
        (None, _) => {
            limits.remove(key);
        }
    };
    if let Some(rate) = changes.rate_kbps {
        set("rate_kbps", Some(i64::from(rate).into()));
    }
    if let Some(shards) = changes.shards {
        set("shards", Some(i64::from(shards).into()));
    }
    if let Some(hours) = &changes.hours {
        let array = Array::from_iter(hours.iter().map(String::as_str));
        set("hours", (!hours.is_empty()).then_some(array.into()));
    }
    if let Some(gigabytes) = changes.monthly_gb {
        set("monthly_gb", gigabytes.map(|gigabytes| i64::from(gigabytes).into()));
    }
    if let Some(day) = changes.month_begins {
        set("month_begins", Some(i64::from(day).into()));
    }
    if let Some(metered) = changes.metered {
        set("metered", metered.map(Value::from));
    }
    Ok(document.to_string())
}

/// The limits for people.
pub fn describe(limits: &Limits) -> String {
    let hours: Vec<String> = limits.hours.iter().map(ToString::to_string).collect();
    let offset = limits
        .utc_offset
        .map_or("local time".to_owned(), |offset| format!("UTC{}", String::from(offset)));
    let mut lines = vec![
        format!("rate     {} kbit/s", limits.rate_kbps),
        format!("shards   {} at a time", limits.shards),
        match hours.is_empty() {
            true => "hours    all".to_owned(),
            false => format!("hours    {} ({offset})", hours.join(" and ")),
        },
        match limits.monthly_gb {
            Some(gigabytes) => format!("volume   {gigabytes} GB a month, from day {} on", limits.month_begins),
            None => "volume   without a bound".to_owned(),
        },
    ];
    lines.push(match limits.metered {
        Some(true) => "metered  yes: the node leaves the link alone".to_owned(),
        Some(false) => "metered  no".to_owned(),
        None => "metered  it finds out".to_owned(),
    });
    lines.join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn start(folder: &Path) -> String {
        template(&Start {
            rpc_url: "http://127.0.0.1:8899",
            folder,
            store: "a \"store\"",
            latitude: 52.52,
            longitude: -13.0,
            rate_kbps: 20_000,
            shards: 4,
        })
    }

    fn written() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        std::fs::write(&path, start(folder.path())).unwrap();
        (folder, path)
    }

    #[test]
    fn a_new_configuration_can_be_used_as_it_is() {
        let (_folder, path) = written();
        let config = NodeConfig::read(&path).unwrap();
        assert_eq!(
            (config.limits, config.store.as_str()),
            (Limits::new(20_000, 4), "a \"store\"")
        );
        assert_eq!((config.location.latitude, config.location.longitude), (52.52, -13.0));
    }

    #[test]
    fn limits_change_and_comments_stay() {
        let (_folder, path) = written();
        let before = std::fs::read_to_string(&path).unwrap();
        let changes = Changes {
            rate_kbps: Some(5_000),
            hours: Some(vec!["mon-fri 22:00-07:00".into()]),
            monthly_gb: Some(Some(300)),
            metered: Some(Some(false)),
            ..Changes::default()
        };
        let config = change(&path, &changes).unwrap();
        assert_eq!((config.limits.rate_kbps, config.limits.monthly_gb), (5_000, Some(300)));
        let after = std::fs::read_to_string(&path).unwrap();
        let comments = |text: &str| {
            text.lines()
                .filter(|line| line.starts_with('#'))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(comments(&before), comments(&after));

        let back = Changes {
            hours: Some(Vec::new()),
            monthly_gb: Some(None),
            metered: Some(None),
            rate_kbps: Some(20_000),
            ..Changes::default()
        };
        assert_eq!(change(&path, &back).unwrap().limits, Limits::new(20_000, 4));
    }

    #[test]
    fn a_change_that_cannot_be_right_leaves_the_file_as_it_was() {
        let (folder, path) = written();
        let before = std::fs::read_to_string(&path).unwrap();
        for changes in [
            Changes::default(),
            Changes {
                rate_kbps: Some(0),
                ..Changes::default()
            },
            Changes {
                hours: Some(vec!["at night".into()]),
                ..Changes::default()
            },
        ] {
            assert!(change(&path, &changes).is_err(), "{changes:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
