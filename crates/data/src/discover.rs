//! Finding a site's pages by following its links, before a job is made of them.

use std::collections::{BTreeSet, VecDeque};

use scraper::{Html, Selector};
use tokio::task::spawn_blocking;
use url::Url;

use crate::{
    extract::parse_html,
    fetch::{Fetcher, Page},
    manifest::{Format, Manifest, Pages, visitable},
    text,
};

/// Pages in the manifest's scope that can be reached by links from the pages it lists: breadth first, at most `limit`,
/// sorted. Pages are fetched as politely as in a job; those that cannot be had are listed and not followed.
pub async fn discover(
    fetcher: &Fetcher,
    manifest: &Manifest,
    limit: usize,
    mut on_page: impl FnMut(usize),
) -> Vec<Url> {
    let Pages::Urls(seeds) = &manifest.pages else {
        return Vec::new();
    };
    let mut found = BTreeSet::new();
    let mut waiting = VecDeque::new();
    let add = |url: Url, found: &mut BTreeSet<Url>, waiting: &mut VecDeque<Url>| {
        if found.len() < limit && manifest.covers(&url) && visitable(&url).is_ok() && found.insert(url.clone()) {
            waiting.push_back(url);
        }
    };
    seeds.iter().cloned().for_each(|url| add(url, &mut found, &mut waiting));
    while let Some(url) = waiting.pop_front() {
        if found.len() >= limit {
            break;
        }
        let Ok(page) = fetcher.fetch(manifest, &url).await else {
            continue;
        };
        let links = spawn_blocking(move || links(&page)).await.unwrap_or_default();
        links.into_iter().for_each(|url| add(url, &mut found, &mut waiting));
        on_page(found.len());
    }
    found.into_iter().collect()
}

fn links(page: &Page) -> Vec<Url> {
    let text = text::decode(&page.body, page.content_type.as_deref(), Format::Html);
    let (Ok(html), Ok(anchors)) = (parse_html(&text), Selector::parse("a[href]")) else {
        return Vec::new();
    };
    targets(&html, &anchors, &page.final_url)
}

fn targets(html: &Html, anchors: &Selector, base: &Url) -> Vec<Url> {
    html.select(anchors)
        .filter_map(|anchor| base.join(anchor.attr("href")?.trim()).ok())
        .map(|mut url| {
            url.set_fragment(None);
            url
        })
        .collect()
}
