//! Weights and drain over HAProxy's admin socket.
//!
//! Weights are absolute and read back, so that running twice has the effect of once. Those that rise are set before
//! those that fall: in between more servers carry traffic than either side wants, never fewer. Weight 0 sends a
//! server no new traffic. HAProxy takes one command per connection; each has a deadline, because a socket may accept
//! and then say nothing.

use crate::descriptors;
use crate::input::{coded, nearest, never, not_yet, quoted, read, time_left, unknown};
use glidepath_model::action::HaproxyInput;
use glidepath_model::event::Outcome;
use glidepath_model::{ActionDescriptor, Code, Millis};
use glidepath_ports::{Action, ActionContext, BoxFuture};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

/// Longest answer of the router, in bytes.
pub const ANSWER_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Longest wait for one answer.
pub const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Greatest weight HAProxy knows.
pub const WEIGHT_MAX: u16 = 256;

/// What stands between two servers in the action's answer.
const SERVERS_APART: &str = ", ";
/// What stands behind a server that is down.
const DOWN: &str = " (down)";

/// Longest wait, after an attempt is broken off, for the answer to a weight that was sent: until then it may still be set, and an undo may not overtake it.
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// Between two looks at the sessions of servers that drain.
const DRAIN_LOOK: Duration = Duration::from_millis(200);

/// Bits of `srv_admin_state` that keep traffic away: maintenance (forced, inherited, from the configuration, by name
/// resolution) and drain (forced, inherited).
const HELD_BACK: u32 = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x20;

/// Sets weights and drains.
#[derive(Default)]
pub struct HaproxyAction {}

impl HaproxyAction {
    /// The action.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Action for HaproxyAction {
    fn descriptor(&self) -> ActionDescriptor {
        descriptors::haproxy()
    }

    fn run<'a>(&'a self, context: &'a ActionContext, input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let input = match check(input) {
                Ok(input) => input,
                Err(outcome) => return outcome,
            };
            let router = Router::new(context.root.join(&input.socket), input.backend.clone());
            let mut attempt = pin!(attempt(&router, &input));
            let broken_off = tokio::select! {
                outcome = &mut attempt => return outcome.unwrap_or_else(|outcome| outcome),
                () = context.cancel.cancelled() => "was stopped",
                () = tokio::time::sleep(time_left(context)) => "reached its deadline",
            };
            router.broken_off.get_or_init(|| broken_off);
            if router.setting.load(Ordering::Relaxed)
                && let Ok(outcome) = timeout(SETTLE_MAX, attempt).await
            {
                return outcome.unwrap_or_else(|outcome| outcome);
            }
            router.outcome(router.end(broken_off))
        })
    }
}

fn check(input: &Value) -> Result<HaproxyInput, Outcome> {
    let input: HaproxyInput = read("haproxy", input)?;
    let names =
        input.weights.keys().chain(&input.drain).chain(&input.expect_servers).chain(input.expect_weights.keys()).chain([&input.backend]);
    for name in names {
        // A blank, a semicolon or a newline would be read as a further command.
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b)) {
            return Err(never(Code(550), format!("`{}` is no name of a HAProxy backend or server", quoted(name))));
        }
    }
    if let Some((name, weight)) = input.weights.iter().find(|(_, weight)| **weight > WEIGHT_MAX) {
        return Err(never(Code(550), format!("the weight of {name} is {weight}; HAProxy knows 0 to {WEIGHT_MAX}")));
    }
    Ok(input)
}

async fn attempt(router: &Router, input: &HaproxyInput) -> Result<Outcome, Outcome> {
    let fault = |fault| router.outcome(fault);
    let before = router.servers().await.map_err(fault)?;
    known(router, input, &before)?;
    as_expected(router, input, &before)?;
    // Raised ones first; sorting by the sign of the difference keeps the order of names otherwise.
    let mut order: Vec<(&String, u16)> = input.weights.iter().map(|(name, weight)| (name, *weight)).collect();
    order.sort_by_key(|(name, weight)| before.get(*name).is_some_and(|server| server.weight >= *weight));
    for (name, weight) in order {
        router.set_weight(name, weight).await.map_err(fault)?;
    }
    let after = router.servers().await.map_err(fault)?;
    read_back(router, input, &after)?;
    let sessions_left = drain(router, input).await.map_err(fault)?;
    let shown: Vec<String> =
        after.iter().map(|(name, server)| format!("{name}={}{}", server.weight, if server.up { "" } else { DOWN })).collect();
    Ok(Outcome::Done {
        outputs: BTreeMap::from([("text".to_owned(), json!(shown.join(SERVERS_APART))), ("sessionsLeft".to_owned(), json!(sessions_left))]),
    })
}

/// The weights in an answer of the action; servers that it cannot have told of are left out.
pub fn weights_in(answer: &str) -> BTreeMap<String, u16> {
    let servers = answer.split(SERVERS_APART).filter_map(|server| server.strip_suffix(DOWN).unwrap_or(server).split_once('='));
    servers.filter_map(|(name, weight)| Some((name.to_owned(), weight.parse().ok()?))).collect()
}

/// Every server that the input names is known.
fn known(router: &Router, input: &HaproxyInput, servers: &BTreeMap<String, Server>) -> Result<(), Outcome> {
    for name in input.expect_servers.iter().chain(input.expect_weights.keys()).chain(input.weights.keys()).chain(&input.drain) {
        if !servers.contains_key(name) {
            let names = servers.keys().map(String::as_str);
            let hint = match nearest(name, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
            };
            return Err(never(Code(582), format!("the backend {} has no server `{name}`; {hint}", router.backend)));
        }
    }
    Ok(())
}

/// Every server has the weight that the plan was made for: its way back sets that one.
fn as_expected(router: &Router, input: &HaproxyInput, servers: &BTreeMap<String, Server>) -> Result<(), Outcome> {
    for (name, expected) in &input.expect_weights {
        if let Some(server) = servers.get(name).filter(|server| server.weight != *expected) {
            let (backend, found) = (&router.backend, server.weight);
            let hint = format!("`set server {backend}/{name} weight {expected}` brings it back, or plan again with what is so now");
            return Err(never(Code(564), format!("the weight of {backend}/{name} reads {found}, and {expected} is expected; {hint}")));
        }
    }
    Ok(())
}

/// Every weight is what it was set to, and those that are to carry traffic may.
fn read_back(router: &Router, input: &HaproxyInput, servers: &BTreeMap<String, Server>) -> Result<(), Outcome> {
    for (name, weight) in &input.weights {
        match servers.get(name) {
            Some(server) if server.weight != *weight => {
                let found = server.weight;
                return Err(not_yet(
                    Code(583),
                    format!("the weight of {}/{name} was set to {weight} and reads {found}; something else sets it, too", router.backend),
                ));
            }
            Some(server) if *weight > 0 && server.admin_state & HELD_BACK != 0 => {
                let hint = format!("`set server {0}/{name} state ready` lets it have traffic", router.backend);
                return Err(never(
                    Code(586),
                    format!("{}/{name} is in maintenance or drain, so its weight of {weight} brings it no traffic; {hint}", router.backend),
                ));
            }
            Some(_) => {}
            None => return Err(not_yet(Code(583), format!("{}/{name} was there and is not any more", router.backend))),
        }
    }
    Ok(())
}

/// Waits until the servers have no session left; gives how many are left at the end of the time for it.
async fn drain(router: &Router, input: &HaproxyInput) -> Result<u64, Fault> {
    if input.drain.is_empty() {
        return Ok(0);
    }
    let until = Instant::now() + Millis::to_std(input.drain_max_ms);
    loop {
        let sessions = router.sessions().await?;
        let left: u64 = input.drain.iter().filter_map(|name| sessions.get(name)).sum();
        if left == 0 || Instant::now() >= until {
            return Ok(left);
        }
        tokio::time::sleep_until(until.min(Instant::now() + DRAIN_LOOK)).await;
    }
}

/// What `show servers state` says of a server.
#[derive(Debug, PartialEq, Eq)]
struct Server {
    weight: u16,
    admin_state: u32,
    up: bool,
}

/// What went wrong with the socket.
struct Fault {
    code: Code,
    text: String,
    retryable: bool,
}

impl Fault {
    fn new(code: u16, text: String, retryable: bool) -> Self {
        Self { code: Code(code), text, retryable }
    }
}

struct Router {
    path: PathBuf,
    backend: String,
    /// Whether a weight may have been set.
    touched: AtomicBool,
    /// Whether the answer to a weight is waited for.
    setting: AtomicBool,
    /// Why nothing more is asked.
    broken_off: OnceLock<&'static str>,
}

impl Router {
    fn new(path: PathBuf, backend: String) -> Self {
        Self { path, backend, touched: AtomicBool::new(false), setting: AtomicBool::new(false), broken_off: OnceLock::new() }
    }

    /// The end of an attempt that was broken off.
    fn end(&self, why: &str) -> Fault {
        Fault::new(587, format!("setting weights of {} {why}", self.backend), true)
    }

    /// What a fault means: before a weight was set nothing was done; afterwards some may be set and others not.
    fn outcome(&self, fault: Fault) -> Outcome {
        if self.touched.load(Ordering::Relaxed) {
            return unknown(fault.code, format!("{}; some weights may be set and others not; running it again is safe", fault.text));
        }
        Outcome::NotDone { reason: coded(fault.code, fault.text), retryable: fault.retryable }
    }

    /// The answer to one command.
    async fn ask(&self, command: &str) -> Result<String, Fault> {
        if let Some(why) = self.broken_off.get() {
            return Err(self.end(why));
        }
        let place = self.path.display();
        let exchange = async {
            let mut socket = UnixStream::connect(&self.path).await?;
            socket.write_all(format!("{command}\n").as_bytes()).await?;
            let mut answer = Vec::new();
            socket.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = match timeout(ANSWER_MAX, exchange).await {
            Err(_) => {
                return Err(Fault::new(
                    581,
                    format!("the router at {place} did not answer `{command}` within {} s", ANSWER_MAX.as_secs()),
                    true,
                ));
            }
            Ok(Err(error)) => {
                return Err(Fault::new(
                    580,
                    format!("the router's admin socket {place} cannot be used: {error}; is HAProxy running?"),
                    true,
                ));
            }
            Ok(Ok(answer)) => answer,
        };
        match String::from_utf8(answer) {
            Ok(text) if text.len() as u64 <= ANSWER_BYTES_MAX => Ok(text),
            _ => Err(Fault::new(581, format!("{place} answered `{command}` with something that is not HAProxy's"), true)),
        }
    }

    /// A sentence for an answer that was not expected.
    fn rubbish(&self, command: &str, answer: &str) -> Fault {
        let said = quoted(answer);
        if answer.contains("Permission denied") {
            return Fault::new(
                584,
                format!("the socket {} may not do `{command}`; give it `level admin` in HAProxy's configuration", self.path.display()),
                false,
            );
        }
        if answer.contains("find backend") || answer.contains("No such backend") {
            return Fault::new(582, format!("the router at {} has no backend `{}`", self.path.display(), self.backend), false);
        }
        if answer.contains("static LB algorithm") {
            return Fault::new(
                585,
                format!(
                    "the backend {} balances by an algorithm whose weights cannot be changed live; use `balance roundrobin` or `leastconn`",
                    self.backend
                ),
                false,
            );
        }
        Fault::new(581, format!("the router at {} answered `{command}` with `{said}`", self.path.display()), true)
    }

    async fn servers(&self) -> Result<BTreeMap<String, Server>, Fault> {
        let command = format!("show servers state {}", self.backend);
        let answer = self.ask(&command).await?;
        parse_servers(&answer).ok_or_else(|| self.rubbish(&command, &answer))
    }

    async fn set_weight(&self, server: &str, weight: u16) -> Result<(), Fault> {
        let command = format!("set server {}/{server} weight {weight}", self.backend);
        let touched_before = self.touched.swap(true, Ordering::Relaxed);
        self.setting.store(true, Ordering::Relaxed);
        let answer = self.ask(&command).await;
        self.setting.store(false, Ordering::Relaxed);
        let answer = answer?;
        if answer.trim().is_empty() {
            return Ok(());
        }
        // The router answered and refused, so this weight at least is not set.
        self.touched.store(touched_before, Ordering::Relaxed);
        Err(self.rubbish(&command, &answer))
    }

    /// Sessions and queued requests of each server.
    async fn sessions(&self) -> Result<BTreeMap<String, u64>, Fault> {
        let answer = self.ask("show stat").await?;
        parse_sessions(&answer, &self.backend).ok_or_else(|| self.rubbish("show stat", &answer))
    }
}

/// Columns are found by name: versions add some.
fn parse_servers(answer: &str) -> Option<BTreeMap<String, Server>> {
    let mut lines = answer.lines().map(str::trim).filter(|l| !l.is_empty()).skip_while(|l| !l.starts_with('#'));
    let head: Vec<&str> = lines.next()?.trim_start_matches('#').split_ascii_whitespace().collect();
    let column = |name: &str| head.iter().position(|h| *h == name);
    let (name, state, admin, weight) = (column("srv_name")?, column("srv_op_state")?, column("srv_admin_state")?, column("srv_uweight")?);
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let server = Server {
                weight: fields.get(weight)?.parse().ok()?,
                admin_state: fields.get(admin)?.parse().ok()?,
                up: *fields.get(state)? != "0",
            };
            Some(((*fields.get(name)?).to_owned(), server))
        })
        .collect()
}

fn parse_sessions(answer: &str, backend: &str) -> Option<BTreeMap<String, u64>> {
    let mut lines = answer.lines().map(str::trim).filter(|l| !l.is_empty());
    let head: Vec<&str> = lines.next()?.strip_prefix("# ")?.split(',').collect();
    let column = |name: &str| head.iter().position(|h| *h == name);
    let (proxy, server, current, queued) = (column("pxname")?, column("svname")?, column("scur")?, column("qcur")?);
    let rows = lines.map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter(|fields| fields.get(proxy) == Some(&backend))
        .filter(|fields| !matches!(fields.get(server), Some(&("FRONTEND" | "BACKEND"))))
        .map(|fields| {
            let number = |at: usize| fields.get(at).map_or(Some(0), |f| if f.is_empty() { Some(0) } else { f.parse::<u64>().ok() });
            Some(((*fields.get(server)?).to_owned(), number(current)? + number(queued)?))
        })
        .collect()
}
