//! The demo's child processes: started, their events read line by line, their ends noted, all stopped at the end.

use std::{
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

/// An event that a child printed, or its end.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Name of the child, such as `node-2`.
    pub from: String,
    /// The event as the child wrote it: an object with a field `event`.
    pub event: Value,
}

/// How a child ended before it was asked to.
#[derive(Clone, Debug, Serialize)]
pub struct Ending {
    /// Name of the child.
    pub name: String,
    /// What happened, in words.
    pub how: String,
}

/// Starts children and watches them.
pub struct Supervisor {
    children: Vec<(String, u32)>,
    watchers: tokio::task::JoinSet<()>,
    endings: Arc<Mutex<Vec<Ending>>>,
    stopping: tokio_util::sync::CancellationToken,
    notices: mpsc::UnboundedSender<Notice>,
}

impl Supervisor {
    /// A supervisor and the stream of what its children say.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Notice>) {
        let (notices, receiver) = mpsc::unbounded_channel();
        let supervisor = Self {
            children: Vec::new(),
            watchers: tokio::task::JoinSet::new(),
            endings: Arc::default(),
            stopping: tokio_util::sync::CancellationToken::new(),
            notices,
        };
        (supervisor, receiver)
    }

    /// Starts `command` as child `name`; what it writes to its standard error goes to `<logs>/<name>.log`, its
    /// process id to `<logs>/<name>.pid`.
    pub fn start(&mut self, name: &str, command: Command, logs: &Path) -> anyhow::Result<()> {
        let log_path = logs.join(format!("{name}.log"));
        let log = std::fs::File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
        let mut command = bound_to_this_process(command);
        if std::env::var_os("RUST_LOG").is_none() {
            // The log is for whoever wants to know why something went wrong.
            command.env("RUST_LOG", "warn,lumora=info");
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            // Of its own group, so that Ctrl-C reaches the demo alone, which then stops its children in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let pid = child
            .id()
            .with_context(|| format!("{name} ended at once; see {}", log_path.display()))?;
        // For whoever wants to see what a killed process does to the others.
        let pid_path = logs.join(format!("{name}.pid"));
        std::fs::write(&pid_path, pid.to_string()).with_context(|| format!("cannot write {}", pid_path.display()))?;
        self.children.push((name.to_owned(), pid));
        self.watchers.spawn(watch(
            name.to_owned(),
            child,
            self.notices.clone(),
            Arc::clone(&self.endings),
            self.stopping.clone(),
            log_path.display().to_string(),
        ));
        Ok(())
    }

    /// Names and process ids of all children that were started.
    pub fn children(&self) -> &[(String, u32)] {
        &self.children
    }

    /// Who ended before being asked to, so far.
    pub fn endings(&self) -> Vec<Ending> {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks all children to stop and waits for them; who does not within a few seconds is killed.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        while self.watchers.join_next().await.is_some() {}
    }
}

/// The same command, but killed with this process however that ends: a demo that is itself killed leaves nothing behind.
/// Where `setpriv` (util-linux) is missing, the command as it is.
fn bound_to_this_process(command: Command) -> Command {
    let has_setpriv = std::process::Command::new("setpriv")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_setpriv {
        return command;
    }
    let inner = command.as_std();
    let mut outer = Command::new("setpriv");
    outer
        .args(["--pdeathsig", "KILL", "--"])
        .arg(inner.get_program())
        .args(inner.get_args());
    outer
}

async fn watch(
    name: String,
    mut child: Child,
    notices: mpsc::UnboundedSender<Notice>,
    endings: Arc<Mutex<Vec<Ending>>>,
    stopping: tokio_util::sync::CancellationToken,
    log: String,
) {
    if let Some(stdout) = child.stdout.take() {
        let (name, notices) = (name.clone(), notices.clone());
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(event) = serde_json::from_str::<Value>(&line) {
                    let _ = notices.send(Notice {
                        from: name.clone(),
                        event,
                    });
                }
            }
        });
    }
    let status = tokio::select! {
        status = child.wait() => status,
        () = stopping.cancelled() => {
            stop_gently(&mut child).await;
            return;
        }
    };
    let how = match status {
        Ok(status) => format!("{status}; its log is {log}"),
        Err(error) => format!("cannot be waited for: {error}"),
    };
    endings.lock().unwrap_or_else(PoisonError::into_inner).push(Ending {
        name: name.clone(),
        how: how.clone(),
    });
    let _ = notices.send(Notice {
        from: name,
        event: serde_json::json!({ "event": "ended", "how": how }),
    });
}

async fn stop_gently(child: &mut Child) {
    if let Some(pid) = child.id() {
        // `kill` rather than a signal crate: the one place where a signal is sent.
        let _ = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await;
        if tokio::time::timeout(std::time::Duration::from_secs(5), child.wait())
            .await
            .is_ok()
        {
            return;
        }
    }
    let _ = child.kill().await;
}
