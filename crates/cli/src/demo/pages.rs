//! The pages of the demo's job: real ones, from the documentation that ships with the Rust toolchain or from a folder,
//! served over HTTP with a robots.txt that means something.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use lumora_data::{
    key::ResultsPublicKey,
    manifest::{Field, Format, Manifest, Pages, Scope, url_list},
    site::{Site, SiteOptions},
};
use url::Url;

/// The robots.txt of the main site. The exception shows that the longest match wins.
const ROBOTS: &str = "User-agent: *\nDisallow: /src/\nDisallow: /std/os/\nAllow: /src/core/lib.rs.html\n";
/// robots.txt knows delays by agent, not by path: the slow path is a site of its own, as a slow service would be.
const SLOW_ROBOTS: &str = "User-agent: *\nCrawl-delay: 1\n";
/// Seconds of Crawl-delay in [`SLOW_ROBOTS`].
pub const SLOW_SECONDS: u64 = 1;
/// Folder that the slow site serves, where the pages' folder has it.
const SLOW_FOLDER: &str = "edition-guide";
/// Pages of the job that are on the slow site: each costs a second, for each replica.
const SLOW_PAGES: usize = 8;
/// Smaller files are redirects, larger ones are few and slow down a demonstration.
const PAGE_BYTES: std::ops::Range<u64> = 5_000..400_000;

/// The agent by which the nodes call themselves, as robots.txt names it.
pub const AGENT: &str = "LumoraBot";

/// The sites, while they are served.
pub struct Sites {
    /// Everything but the slow path.
    pub main: Site,
    /// The path with a Crawl-delay, if the folder has it.
    pub slow: Option<Site>,
}

/// The folder to serve: the one asked for, or the documentation of the Rust toolchain.
pub fn folder(asked: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = asked {
        ensure!(folder.is_dir(), "{} is not a folder", folder.display());
        return Ok(folder.to_owned());
    }
    let output = std::process::Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .context("rustc is needed to find the Rust documentation; or name a folder of HTML pages with --dir")?;
    let folder = Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("share/doc/rust/html");
    ensure!(
        folder.is_dir(),
        "the Rust documentation is not at {}: install it with `rustup component add rust-docs`, or name a folder of HTML \
         pages with --dir",
        folder.display()
    );
    Ok(folder)
}

impl Sites {
    /// Serves `folder` at `ip`.
    pub async fn start(folder: &Path, ip: IpAddr) -> anyhow::Result<Self> {
        let site = |root: PathBuf, robots: &str| SiteOptions {
            robots_txt: Some(robots.to_owned()),
            visit_noise: true,
            address: SocketAddr::new(ip, 0),
            ..SiteOptions::new(root)
        };
        let slow_folder = folder.join(SLOW_FOLDER);
        let slow = if slow_folder.is_dir() {
            Some(Site::start(site(slow_folder, SLOW_ROBOTS)).await?)
        } else {
            None
        };
        Ok(Self {
            main: Site::start(site(folder.to_owned(), ROBOTS)).await?,
            slow,
        })
    }

    /// Where the sites listen: private addresses, which nodes must be told to allow.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        std::iter::once(&self.main)
            .chain(&self.slow)
            .map(Site::address)
            .collect()
    }

    /// `count` pages: some of the slow site, the rest taken in turns from all folders, forbidden ones among them.
    pub fn choose(&self, folder: &Path, count: usize) -> anyhow::Result<Vec<Url>> {
        let mut urls = Vec::with_capacity(count);
        if let Some(slow) = &self.slow {
            let mut names = Vec::new();
            collect(&folder.join(SLOW_FOLDER), &mut names)?;
            names.sort();
            let root = folder.join(SLOW_FOLDER);
            let take = SLOW_PAGES.min(count / 10).min(names.len());
            urls.extend(
                names
                    .iter()
                    .take(take)
                    .map(|name| url(slow, &root, name))
                    .collect::<anyhow::Result<Vec<_>>>()?,
            );
        }
        let mut names = Vec::new();
        collect(folder, &mut names)?;
        names.sort();
        if self.slow.is_some() {
            let slow = folder.join(SLOW_FOLDER);
            names.retain(|name| !name.starts_with(&slow));
        }
        for name in in_turns(names).into_iter().take(count.saturating_sub(urls.len())) {
            urls.push(url(&self.main, folder, &name)?);
        }
        if urls.len() < count {
            bail!(
                "{} has only {} pages; ask for fewer with --pages",
                folder.display(),
                urls.len()
            );
        }
        Ok(urls)
    }
}

/// All HTML files below a folder whose size is that of a page.
fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let failed = || format!("cannot list {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let path = entry.path();
        let kind = entry.file_type().with_context(failed)?;
        if kind.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "html")
            && entry
                .metadata()
                .is_ok_and(|metadata| PAGE_BYTES.contains(&metadata.len()))
        {
            into.push(path);
        }
    }
    Ok(())
}

/// The files with each folder's in turn, so that a few large folders do not make up the whole job.
fn in_turns(names: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut folders: BTreeMap<PathBuf, std::collections::VecDeque<PathBuf>> = BTreeMap::new();
    for name in names {
        let folder = name.parent().map(Path::to_owned).unwrap_or_default();
        folders.entry(folder).or_default().push_back(name);
    }
    let mut ordered = Vec::new();
    while !folders.is_empty() {
        folders.retain(|_, names| {
            ordered.extend(names.pop_front());
            !names.is_empty()
        });
    }
    ordered
}

fn url(site: &Site, root: &Path, name: &Path) -> anyhow::Result<Url> {
    let relative = name.strip_prefix(root).context("every page lies below its folder")?;
    let mut url = site.url();
    url.path_segments_mut()
        .map_err(|()| anyhow::anyhow!("an http URL has a path"))?
        .pop_if_empty()
        .extend(relative.iter().map(|part| part.to_string_lossy().into_owned()));
    Ok(url)
}

/// What to do with the pages, and the list of them for the store.
pub fn manifest(urls: Vec<Url>, results_key: ResultsPublicKey) -> (Manifest, String) {
    let mut sites: Vec<Url> = Vec::new();
    for url in &urls {
        if let Ok(site) = url.join("/")
            && !sites.contains(&site)
        {
            sites.push(site);
        }
    }
    let (list, reference) = url_list(urls);
    let css = |selector: &str, attribute: Option<&str>| Field {
        css: Some(selector.to_owned()),
        attribute: attribute.map(str::to_owned),
        ..Field::default()
    };
    let fields = [
        (
            "title",
            Field {
                required: true,
                ..css("title", None)
            },
        ),
        ("heading", css("h1", None)),
        ("description", css("meta[name=description]", Some("content"))),
        ("summary", css("main p, .docblock p", None)),
    ];
    let manifest = Manifest {
        version: lumora_data::manifest::VERSION,
        name: "Documentation pages".to_owned(),
        description: "Title, heading, description and first paragraph of each page".to_owned(),
        licence: "Apache-2.0 OR MIT".to_owned(),
        contact: "https://github.com/lumora-network/lumora".to_owned(),
        sites,
        pages: Pages::UrlList(reference),
        scope: Scope::default(),
        format: Format::Html,
        fields: fields
            .into_iter()
            .map(|(name, field)| (name.to_owned(), field))
            .collect(),
        max_bytes: 1 << 20,
        // The demo's site is its own and bears it.
        requests_per_second: 200.0,
        timeout_seconds: 10,
        results_key: Some(results_key),
    };
    (manifest, list)
}
