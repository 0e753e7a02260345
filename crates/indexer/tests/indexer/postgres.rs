//! A PostgreSQL of a test's own: Debian's packages, a cluster in a temporary folder, reached over a socket in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Mutex,
};

/// A running cluster. It stops, and its files go, when this is dropped.
pub struct Postgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
}

/// PostgreSQL does not run as root.
const USER: &str = "postgres";

impl Postgres {
    /// Starts a cluster, and installs PostgreSQL first where it is missing and may be installed.
    pub fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new()
            .prefix("lumora-postgres-")
            .tempdir_in("/tmp")
            .unwrap();
        if is_root() {
            let owned = Command::new("chown").arg(USER).arg(folder.path()).status().unwrap();
            assert!(owned.success());
        }
        let it = Self { folder, programs };
        it.run(
            "initdb",
            &[
                "-D",
                &it.data(),
                "-A",
                "trust",
                "-U",
                USER,
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
            ],
        );
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off",
            it.folder.path().display()
        );
        let log = it.folder.path().join("log").display().to_string();
        it.run(
            "pg_ctl",
            &["-D", &it.data(), "-o", &options, "-l", &log, "-w", "-t", "60", "start"],
        );
        it
    }

    /// Address of a new and empty database.
    pub fn database(&self, name: &str) -> String {
        let socket = self.folder.path().display().to_string();
        self.run("createdb", &["-h", &socket, "-U", USER, name]);
        format!("postgres://{USER}@localhost/{name}?host={socket}")
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.command(program, arguments);
        assert!(
            output.status.success(),
            "{program} failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // The server keeps what it inherits: a pipe would never end.
        let said = self.folder.path().join("said");
        let file = fs::File::create(&said).unwrap();
        let status = command
            .args(arguments)
            .current_dir("/tmp")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status()
            .unwrap();
        Output {
            status,
            stdout: fs::read(&said).unwrap_or_default(),
            stderr: Vec::new(),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.command("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
    }
}

/// Where PostgreSQL's programs are: Debian keeps them out of the path.
fn programs() -> PathBuf {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap();
    if let Some(folder) = installed() {
        return folder;
    }
    assert!(
        is_root() && Path::new("/usr/bin/apt-get").exists(),
        "these tests need PostgreSQL: install the package `postgresql`"
    );
    let apt = |arguments: &[&str]| {
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status()
    };
    let installs = ["install", "-y", "-q", "--no-install-recommends", "postgresql"];
    assert!(apt(&["update", "-q"]).unwrap().success(), "apt-get update failed");
    assert!(apt(&installs).unwrap().success(), "PostgreSQL could not be installed");
    installed().expect("the package has brought initdb")
}

fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders.filter(|folder| folder.join("initdb").exists()).max()
}

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t")))
}
