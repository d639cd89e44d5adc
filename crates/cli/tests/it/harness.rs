//! A hermetic project folder and the program in it.

use serde_json::Value;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a test waits for anything to become true.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long things take in the environment of a project.
pub(crate) struct Pace {
    pub(crate) min_bake: &'static str,
    pub(crate) hold_limit: &'static str,
    /// Length of the window after the last deploy.
    pub(crate) window: &'static str,
}

/// As a project has it that asks for nothing else.
pub(crate) const PACE: Pace = Pace { min_bake: "1s", hold_limit: "30s", window: "1s" };

/// A project in a folder of its own.
pub(crate) struct Project {
    pub(crate) folder: tempfile::TempDir,
    /// Variables of the environment that every command gets.
    variables: Vec<(String, String)>,
    /// What starts the program, the program itself last.
    launcher: Vec<OsString>,
}

/// Number of the user `nobody` and of its group.
const NOBODY: u32 = 65534;

/// What a command gave.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Project {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new(), launcher: vec![env!("CARGO_BIN_EXE_glidepath").into()] }
    }

    /// A copy of one of the examples.
    pub(crate) fn example(name: &str) -> Self {
        let project = Self::empty();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
        copy(&from, project.path());
        project
    }

    /// `services` services, each on `hosts` hosts in one region, deployed by a script that keeps one file per host.
    ///
    /// Every deploy that really begins its work appends its idempotency key to `effects.log`, and takes about `work_ms`.
    pub(crate) fn fleet(services: &[&str], hosts: usize, work_ms: u64) -> Self {
        let project = Self::empty();
        project.pace(&PACE);
        project.write("scripts/deploy.sh", &DEPLOY.replace("WORK", &format!("{}.{:03}", work_ms / 1000, work_ms % 1000)));
        project.write("scripts/version.sh", "#!/bin/sh\ncat \"versions/$1\"\n");
        project.write("scripts/health.sh", "#!/bin/sh\ntest -s \"versions/$1\" && test ! -e \"broken/$1\"\n");
        let mut catalog = String::new();
        let mut change = String::from(CHANGE);
        for (at, service) in services.iter().enumerate() {
            let names: Vec<String> = (1..=hosts).map(|n| format!("{service}-{n}")).collect();
            for name in &names {
                project.write(&format!("versions/{name}"), "1.0.0\n");
            }
            let depends = services.get(at + 1).map_or(String::new(), |next| format!("  dependsOn: [ \"component:{next}\" ]\n"));
            write!(catalog, "{}", SERVICE.replace("SERVICE", service).replace("HOSTS", &names.join(", ")).replace("DEPENDS\n", &depends))
                .unwrap();
            writeln!(change, "    - {{ component: {service}, type: code, to: 2.0.0 }}").unwrap();
        }
        project.write("catalog/services.yaml", &(catalog + TEAM));
        project.write("changes/upgrade.yaml", &change);
        project
    }

    /// The example of a flag, whose flag service writes down when which share was set, after doing `first`.
    pub(crate) fn flag(pace: &Pace, first: &str) -> Self {
        let project = Self::example("flag");
        project.pace(pace);
        project.write("scripts/flag.sh", &FLAG.replace("FIRST", first));
        project
    }

    /// Every share that the flag service set, with its time in milliseconds.
    pub(crate) fn shares(&self) -> Vec<(u64, String)> {
        let log = self.read("shares.log");
        log.lines().filter_map(|line| line.split_once(' ')).map(|(at, share)| (at.parse().unwrap(), share.to_owned())).collect()
    }

    /// The share that was set last.
    pub(crate) fn last_share(&self) -> Option<String> {
        self.shares().pop().map(|(_, share)| share)
    }

    /// Shortens how long an example watches, and how long what is new there warms up.
    pub(crate) fn hurry(&self) {
        for entry in std::fs::read_dir(self.path().join("catalog")).unwrap().flatten() {
            let file = format!("catalog/{}", entry.file_name().to_str().unwrap());
            self.write(&file, &self.read(&file).replace("warmUp: 2s", "warmUp: 500ms"));
        }
        let config = self.read("glidepath.yaml");
        let hurried = config.replace("minBake: 2s", "minBake: 500ms").replace("immediate, length: 2s", "immediate, length: 500ms");
        assert_ne!(config, hurried, "the example does not say how long it watches");
        self.write("glidepath.yaml", &hurried);
    }

    /// Writes how long things take.
    pub(crate) fn pace(&self, pace: &Pace) {
        let Pace { min_bake, hold_limit, window } = pace;
        self.write(
            "glidepath.yaml",
            &format!(
                "apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: {{ name: flown }}\nspec:\n  environments:\n    - name: production\n      local: true\n      \
                 minBake: {min_bake}\n      maxBake: 10s\n      holdLimit: {hold_limit}\n      verify: [ {{ name: immediate, length: {window} }} ]\n"
            ),
        );
    }

    /// The same with one more variable in the environment of the program.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A variable that was given to it.
    pub(crate) fn variable(&self, name: &str) -> &str {
        self.variables.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The same folder, given to a user without rights who also runs the program; whoever has no rights to begin with stays who they are.
    pub(crate) fn without_rights(mut self) -> Self {
        if rustix::process::geteuid().is_root() {
            // The program may lie where that user may not look.
            let program = self.path().join("glidepath");
            std::fs::copy(env!("CARGO_BIN_EXE_glidepath"), &program).unwrap();
            give_to(self.path(), NOBODY);
            let identity = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")].map(OsString::from);
            self.launcher =
                [OsString::from("setpriv")].into_iter().chain(identity).chain(["--clear-groups".into(), program.into()]).collect();
        }
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        if text.starts_with("#!") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// The program, with an environment of its own.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.launcher[0]);
        command.args(&self.launcher[1..]).args(words).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.path()).env("USER", "pilot").env("NO_COLOR", "1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn say(&self, words: &[&str]) -> Said {
        said(self.command(words).output().unwrap())
    }

    /// Runs a command that must end with `code`.
    #[track_caller]
    pub(crate) fn ok(&self, words: &[&str], code: i32) -> Said {
        let said = self.say(words);
        assert_eq!(said.code, code, "glidepath {}\n--- out\n{}\n--- err\n{}", words.join(" "), said.out, said.err);
        said
    }

    /// Starts a command; its words go to files in the folder.
    pub(crate) fn start(&self, words: &[&str]) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path().join("run.log")).unwrap();
        self.command(words).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    /// All runs, as `status --all --format json` gives them.
    pub(crate) fn runs(&self) -> Vec<Value> {
        let said = self.say(&["status", "--all", "--format", "json"]);
        serde_json::from_str(&said.out).unwrap_or_default()
    }

    /// The only run's id.
    pub(crate) fn run_id(&self) -> String {
        self.runs().first().map(|r| r["run"].as_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The journal of the newest run.
    pub(crate) fn events(&self) -> Vec<Value> {
        let said = self.say(&["logs", "--format", "json"]);
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Files of the state folder that hold these bytes.
    pub(crate) fn files_with(&self, needle: &[u8]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        search(&self.path().join(".glidepath"), needle, &mut found);
        found
    }

    /// Whether any run is live.
    pub(crate) fn is_live(&self) -> bool {
        self.runs().iter().any(|r| r["endedAt"].is_null())
    }

    /// Ends every process that works for this folder, guard included.
    pub(crate) fn end_processes(&self) {
        for pid in self.processes() {
            kill(pid);
        }
    }

    /// The process that holds the lock of the owner, as the kernel says.
    pub(crate) fn owner(&self) -> Option<u32> {
        use std::os::unix::fs::MetadataExt;
        let inode = std::fs::metadata(self.path().join(".glidepath/owner.lock")).ok()?.ino();
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        let held =
            |line: &&str| line.split_whitespace().any(|word| word.rsplit(':').next() == Some(&inode.to_string()) && word.contains(':'));
        locks.lines().filter(held).find_map(|line| line.split_whitespace().nth(4)?.parse().ok())
    }

    /// Processes whose command line holds this word: `__guard`, `__supervise`, the name of a script.
    pub(crate) fn processes_of(&self, word: &str) -> Vec<u32> {
        let says = |pid: &u32| {
            std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.split(|b| *b == 0).any(|w| w == word.as_bytes()))
        };
        self.processes().into_iter().filter(says).collect()
    }

    /// Processes of the program or its scripts that work in this folder.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let here = self.path().canonicalize().unwrap();
        let is_here = |pid: u32| {
            let link = |name: &str| std::fs::read_link(format!("/proc/{pid}/{name}")).ok();
            link("cwd").is_some_and(|cwd| cwd.starts_with(&here))
                || std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(here.to_str().unwrap()))
        };
        let pids = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
        pids.filter(|pid| *pid != std::process::id() && is_here(*pid)).collect()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.end_processes();
    }
}

/// Ends a process at once.
pub(crate) fn kill(pid: u32) {
    if let Some(pid) = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

fn said(output: Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Makes a user the owner of a folder and everything in it.
fn give_to(path: &Path, user: u32) {
    std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap();
    if path.symlink_metadata().unwrap().is_dir() {
        std::fs::read_dir(path).unwrap().flatten().for_each(|entry| give_to(&entry.path(), user));
    }
}

fn search(folder: &Path, needle: &[u8], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            search(&entry.path(), needle, found);
        } else if std::fs::read(entry.path()).is_ok_and(|bytes| bytes.windows(needle.len()).any(|w| w == needle)) {
            found.push(entry.path());
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_name() == ".glidepath" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

const DEPLOY: &str = "\
#!/bin/sh
# Brings version $2 to host $1. What really began is written down, so that a test can count it.
set -eu
echo \"$GLIDEPATH_IDEMPOTENCY_KEY $1 $2\" >> effects.log
sleep WORK
test ! -e \"refuse/$1-$2\"
echo \"$2\" > \"versions/$1.new\"
mv \"versions/$1.new\" \"versions/$1\"
";

/// A flag service in a folder.
const FLAG: &str = "\
#!/bin/sh
set -eu
FIRST
mkdir -p flags
case \"$1\" in
    set)
        printf '%s\\n' \"$3\" > \"flags/$2.new\"
        mv \"flags/$2.new\" \"flags/$2\"
        echo \"$(date +%s%3N) $3\" >> shares.log ;;
    get) cat \"flags/${2:-new-search}\" 2>/dev/null || echo 0 ;;
    *) exit 2 ;;
esac
";

const SERVICE: &str = "\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: SERVICE, annotations: { glidepath.dev/tier: \"2\" } }
spec:
  type: service
  lifecycle: production
  owner: group:default/fleet-team
DEPENDS
---
apiVersion: glidepath.dev/v1
kind: Target
metadata: { name: SERVICE-production }
spec:
  component: SERVICE
  environment: production
  infrastructure: vm
  regions:
    - { name: here, hosts: [ HOSTS ] }
  version: { probe: { exec: { argv: [ ./scripts/version.sh, \"{host}\" ] } } }
  deploy:
    exec: { argv: [ ./scripts/deploy.sh, \"{host}\", \"{version}\" ] }
    timeout: 20s
    onUnknown: probe
  undo: { exec: { argv: [ ./scripts/deploy.sh, \"{host}\", \"{from}\" ] } }
  health: { exec: { argv: [ ./scripts/health.sh, \"{host}\" ] } }
---
";

const TEAM: &str = "\
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: { name: fleet-team }
spec: { type: team, children: [] }
";

const CHANGE: &str = "\
apiVersion: glidepath.dev/v1
kind: Change
metadata: { name: upgrade }
spec:
  title: Bring the fleet to 2.0.0
  reason: The tests need something to change
  environments: [ production ]
  owner: group:default/fleet-team
  items:
";
