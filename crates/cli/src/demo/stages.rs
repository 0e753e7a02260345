//! Tells what the demo is doing, and how long each stage took.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::summary::Stage;

/// The stages so far and the one in progress.
pub struct Stages {
    begun: Instant,
    done: Vec<Stage>,
    current: Option<(String, Instant, ProgressBar)>,
}

impl Stages {
    /// Starts the clock.
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            done: Vec::new(),
            current: None,
        }
    }

    /// Ends the stage in progress and begins `name`. The bar shows what is being waited for.
    pub fn begin(&mut self, name: &str) -> ProgressBar {
        self.end();
        let bar = ProgressBar::new_spinner().with_style(
            ProgressStyle::with_template("{spinner} {prefix:<28} {elapsed:>4}  {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        if bar.is_hidden() {
            // Not a terminal: a line a stage will do.
            eprintln!("{name} ...");
        }
        self.current = Some((name.to_owned(), Instant::now(), bar.clone()));
        bar
    }

    /// Ends the stage in progress.
    pub fn end(&mut self) {
        if let Some((name, since, bar)) = self.current.take() {
            let seconds = since.elapsed().as_secs_f64();
            let message = bar.message();
            bar.finish_and_clear();
            eprintln!("✓ {name:<28} {seconds:>5.1} s  {message}");
            self.done.push(Stage { name, seconds });
        }
    }

    /// Seconds since the start, and the stages that ended.
    pub fn finish(mut self) -> (f64, Vec<Stage>) {
        self.end();
        (self.begun.elapsed().as_secs_f64(), self.done)
    }
}
