//! Building, encrypting, uploading, downloading and verifying a large dataset: throughput and peak memory of each stage,
//! each in a process of its own, beside `openssl speed` and a plain copy in the same run.
//!
//! The figures depend on the machine and on what else it does, so they are recorded and not asserted, but for the
//! memory: a stage that needs more than [`MEMORY_LIMIT_MIB`] fails the benchmark.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::example;
use crate::workspace::Workspace;

/// No stage may need more memory, however large the dataset.
const MEMORY_LIMIT_MIB: u64 = 200;
/// Size of the segments, for `openssl speed`.
const SEGMENT_BYTES: u32 = 1 << 20;

#[derive(Args)]
pub(crate) struct Options {
    /// Records of the dataset, at least.
    #[arg(long, default_value_t = 10_000_000)]
    records: u64,
    /// Bytes of the dataset as JSON Lines, at least.
    #[arg(long, default_value_t = 2_000_000_000)]
    bytes: u64,
    /// Folder for some 8 GB of temporary files, which must not exist; target/bench-market where nothing is named.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// A remark for the record, such as what else the machine was doing.
    #[arg(long, default_value = "")]
    note: String,
}

/// Runs the benchmark and writes bench/market.json.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let root = workspace.root();
    let folder = match &options.folder {
        Some(folder) => folder.clone(),
        None => root.join("target/bench-market"),
    };
    ensure!(
        !folder.exists(),
        "{} exists; name a folder that does not, or remove it",
        folder.display()
    );
    let stages = Stages {
        program: example(workspace, "market_bench", &["--release", "--package", "lumora-data"])?,
        folder: folder.clone(),
    };
    let measured = measure(&stages, options, &documentation()?);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    let mut record = measured?;
    record["deliver_cu"] = deliver_cu(root)?;
    record["note"] = json!(options.note);
    let path = root.join("bench/market.json");
    fs::write(&path, format!("{record:#}\n")).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{record:#}");
    let peak = record["peak_mb"].as_u64().unwrap_or(u64::MAX);
    ensure!(
        peak <= MEMORY_LIMIT_MIB,
        "a stage needed {peak} MiB, more than {MEMORY_LIMIT_MIB}"
    );
    Ok(())
}

/// The pages that come with the Rust toolchain.
fn documentation() -> Result<PathBuf> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .context("rustc could not be run")?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("share/doc/rust/html");
    if !folder.is_dir() {
        bail!(
            "{} is missing: install it with `rustup component add rust-docs`",
            folder.display()
        );
    }
    Ok(folder)
}

struct Stages {
    program: PathBuf,
    folder: PathBuf,
}

impl Stages {
    /// Runs a stage and returns what it printed.
    fn run(&self, stage: &str, arguments: &[String]) -> Result<Value> {
        eprintln!("{stage} ...");
        let output = Command::new(&self.program)
            .arg(stage)
            .arg(&self.folder)
            .args(arguments)
            .stderr(std::process::Stdio::inherit())
            .output()
            .with_context(|| format!("{} could not be run", self.program.display()))?;
        ensure!(output.status.success(), "the stage `{stage}` failed");
        let printed: Value =
            serde_json::from_slice(&output.stdout).with_context(|| format!("the stage `{stage}` printed no JSON"))?;
        eprintln!("{stage}: {printed}");
        Ok(printed)
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.folder.join(name);
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))
    }
}

fn measure(stages: &Stages, options: &Options, documentation: &Path) -> Result<Value> {
    fs::create_dir_all(&stages.folder).with_context(|| format!("cannot make {}", stages.folder.display()))?;
    let corpus = stages.run("corpus", &[documentation.display().to_string()])?;
    let wishes = [options.records.to_string(), options.bytes.to_string()];
    let build = stages.run("build", &wishes)?;
    let copy = stages.run("copy", &[])?;
    let openssl = openssl_mb_s()?;
    let encrypt = stages.run("encrypt", &[])?;
    let upload = stages.run("upload", &[])?;
    // Room for the download.
    stages.remove("work/rows.jsonl")?;
    stages.remove("work/provenance.tree")?;
    let download = stages.run("download", &[])?;
    stages.remove("store")?;
    let parquet = stages.run("parquet", &[])?;

    let measured = [&build, &encrypt, &upload, &download, &parquet];
    let peak = measured
        .iter()
        .filter_map(|stage| stage["peak_kib"].as_u64())
        .max()
        .unwrap_or(0);
    let mb_s = |stage: &Value, seconds: &str| {
        let (bytes, seconds) = (
            stage["bytes"].as_f64().unwrap_or(0.0),
            stage[seconds].as_f64().unwrap_or(0.0),
        );
        json!((bytes / 1e6 / seconds).round())
    };
    let peak_mb = |stage: &Value| json!(stage["peak_kib"].as_u64().unwrap_or(0).div_ceil(1024));
    Ok(json!({
        "source": format!(
            "{} paragraphs of {} pages of the Rust documentation, cycled {} times with page, paragraph and cycle in each \
             record; every fiftieth is there twice, under a second address",
            corpus["paragraphs"], corpus["pages"], build["cycles"]
        ),
        "machine": machine(),
        "records": build["records"],
        "bytes": build["bytes"],
        "duplicates_removed": build["duplicates"],
        "shards": build["shards"],
        "threads": build["threads"],
        "build_mb_s": mb_s(&build, "stage_seconds"),
        "build_seconds": build["stage_seconds"],
        "build_making_shards_thread_seconds": build["making_shards_seconds"],
        "encrypt_mb_s": mb_s(&encrypt, "sealing_seconds"),
        "upload_mb_s": mb_s(&upload, "stage_seconds"),
        "download_verify_mb_s": mb_s(&download, "stage_seconds"),
        "parquet_mb_s": mb_s(&parquet, "stage_seconds"),
        "openssl_mb_s": openssl,
        "copy_mb_s": mb_s(&copy, "stage_seconds"),
        "peak_mb": peak.div_ceil(1024),
        "peak_mb_by_stage": {
            "build": peak_mb(&build),
            "encrypt": peak_mb(&encrypt),
            "upload": peak_mb(&upload),
            "download": peak_mb(&download),
            "parquet": peak_mb(&parquet),
        },
    }))
}

/// What `openssl speed` says of AES-256-GCM on one core, in 1,000,000 bytes per second.
fn openssl_mb_s() -> Result<Value> {
    let output = Command::new("openssl")
        .args([
            "speed",
            "-mr",
            "-seconds",
            "3",
            "-bytes",
            &SEGMENT_BYTES.to_string(),
            "-evp",
            "aes-256-gcm",
        ])
        .output()
        .context("openssl could not be run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    // `+F:number:name:bytes per second`
    let figure = text
        .lines()
        .find_map(|line| line.strip_prefix("+F:")?.rsplit(':').next()?.trim().parse::<f64>().ok())
        .with_context(|| format!("openssl speed printed no figure: {text}"))?;
    Ok(json!((figure / 1e6).round()))
}

fn machine() -> Value {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches(['\t', ' ', ':']).to_owned());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "processor": name,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "load_at_end": load.split(' ').next(),
    })
}

/// Compute units of a delivery, as bench/cu.json has them.
fn deliver_cu(root: &Path) -> Result<Value> {
    let path = root.join("bench/cu.json");
    let rows: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?)?;
    let found = rows.into_iter().find(|row| {
        row["program"] == "market"
            && row["instruction"] == "deliver"
            && row["case"] == "proof verified, one payee and the fee"
    });
    Ok(found.map_or(Value::Null, |row| row["cu"].clone()))
}
