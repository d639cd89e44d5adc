//! The admin socket: one command line per connection, answered in HAProxy's words, so that one adapter drives both.

use super::balance::{AdminState, Backend, Server};
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

/// Longest command line, in bytes.
const COMMAND_BYTES_MAX: u64 = 16 * 1024;
/// How long a peer may take to say its command.
const COMMAND_MAX: Duration = Duration::from_secs(5);
/// Greatest weight.
const WEIGHT_MAX: u32 = 256;
/// `srv_admin_state` of a server that an operator drains.
const FORCED_DRAIN: u32 = 0x08;
/// `srv_admin_state` of a server that an operator took out.
const FORCED_MAINTENANCE: u32 = 0x01;

pub(super) async fn serve_admin(socket: &Path, backends: Arc<Vec<Arc<Backend>>>) -> io::Result<()> {
    // A socket of an earlier router of the same folder: nobody listens there any more.
    if socket.exists() {
        std::fs::remove_file(socket)?;
    }
    let listener = UnixListener::bind(socket)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let backends = Arc::clone(&backends);
        tokio::spawn(async move { timeout(COMMAND_MAX, converse(stream, &backends)).await });
    }
}

async fn converse(stream: UnixStream, backends: &[Arc<Backend>]) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(COMMAND_BYTES_MAX)).read_line(&mut line).await?;
    let mut text = String::new();
    for command in line.trim().split(';') {
        text += &answer(command.trim(), backends);
        text.push('\n');
    }
    write.write_all(text.as_bytes()).await
}

fn answer(command: &str, backends: &[Arc<Backend>]) -> String {
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    match words.as_slice() {
        ["show", "servers", "state"] => states(backends),
        ["show", "servers", "state", name] => match backends.iter().find(|b| b.name == *name) {
            Some(backend) => states(std::slice::from_ref(backend)),
            None => "Can't find backend.\n".to_owned(),
        },
        ["show", "stat", ..] => statistics(backends),
        ["show", "info"] => "Name: glidepath-demo-router\n".to_owned(),
        ["get", "weight", place] => with_server(backends, place, |s| format!("{} (initial 100)\n", s.weight())),
        ["set", "server", place, "weight", weight] | ["set", "weight", place, weight] => set_weight(backends, place, weight),
        ["set", "server", place, "state", state] => set_state(backends, place, state),
        _ => format!("Unknown command: '{}'.\n", words.first().unwrap_or(&"")),
    }
}

fn with_server(backends: &[Arc<Backend>], place: &str, act: impl FnOnce(&Server) -> String) -> String {
    let Some((backend, server)) = place.split_once('/') else { return "Require 'backend/server'.\n".to_owned() };
    let Some(backend) = backends.iter().find(|b| b.name == backend) else { return "No such backend.\n".to_owned() };
    backend.server(server).map_or_else(|| "No such server.\n".to_owned(), act)
}

fn set_weight(backends: &[Arc<Backend>], place: &str, weight: &str) -> String {
    with_server(backends, place, |server| match weight.parse::<u32>() {
        Ok(weight) if weight <= WEIGHT_MAX => {
            server.set_weight(weight);
            String::new()
        }
        _ => format!("Absolute weight can only be between 0 and {WEIGHT_MAX} inclusive.\n"),
    })
}

fn set_state(backends: &[Arc<Backend>], place: &str, state: &str) -> String {
    let state = match state {
        "ready" => AdminState::Ready,
        "drain" => AdminState::Drain,
        "maint" => AdminState::Maint,
        _ => return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n".to_owned(),
    };
    with_server(backends, place, |server| {
        server.set_admin(state);
        String::new()
    })
}

/// Form 1 of HAProxy's server states; columns that mean nothing here are `-`.
fn states(backends: &[Arc<Backend>]) -> String {
    let mut text = String::from(
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord\n",
    );
    for (be_id, backend) in backends.iter().enumerate() {
        for (srv_id, server) in backend.servers.iter().enumerate() {
            let admin = match server.admin() {
                AdminState::Ready => 0,
                AdminState::Drain => FORCED_DRAIN,
                AdminState::Maint => FORCED_MAINTENANCE,
            };
            let state = if server.is_up() && server.admin() != AdminState::Maint { 2 } else { 0 };
            let _ = writeln!(
                text,
                "{} {} {} {} {} {state} {admin} {} 100 0 6 3 4 6 0 0 0 - {} -",
                be_id + 1,
                backend.name,
                srv_id + 1,
                server.name,
                server.address.ip(),
                server.weight(),
                server.address.port()
            );
        }
    }
    text
}

/// The first columns of HAProxy's statistics.
fn statistics(backends: &[Arc<Backend>]) -> String {
    let mut text = String::from("# pxname,svname,qcur,qmax,scur,smax,slim,stot,status,weight,\n");
    for backend in backends {
        for server in &backend.servers {
            let (current, ever) = server.sessions();
            let status = match (server.is_up(), server.admin()) {
                (_, AdminState::Maint) => "MAINT",
                (false, _) => "DOWN",
                (true, AdminState::Drain) => "DRAIN",
                (true, AdminState::Ready) => "UP",
            };
            let _ = writeln!(text, "{},{},0,0,{current},{current},,{ever},{status},{},", backend.name, server.name, server.weight());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::local;

    #[test]
    fn commands_are_answered_as_haproxy_does() {
        let backends = [Arc::new(Backend::new("payments", vec![Server::new("payments-1.eu", local(18_001))]))];
        let cases = [
            ("get weight payments/payments-1.eu", "100 (initial 100)\n"),
            ("set server payments/payments-1.eu weight 33", ""),
            ("get weight payments/payments-1.eu", "33 (initial 100)\n"),
            ("set server payments/payments-1.eu weight 257", "Absolute weight can only be between 0 and 256 inclusive.\n"),
            ("set server payments/nobody weight 1", "No such server.\n"),
            ("set server nothing/payments-1.eu weight 1", "No such backend.\n"),
            ("set server payments/payments-1.eu state gone", "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n"),
            ("set server payments/payments-1.eu state drain", ""),
            ("show servers state nothing", "Can't find backend.\n"),
            ("dance", "Unknown command: 'dance'.\n"),
        ];
        for (command, expected) in cases {
            assert_eq!(answer(command, &backends), expected, "{command}");
        }
        let shown = answer("show servers state payments", &backends);
        assert!(shown.contains(" payments-1.eu 127.0.0.1 0 8 33 100 "), "{shown}");
        assert!(answer("show stat", &backends).contains("payments,payments-1.eu,0,0,0,0,,0,DOWN,33,"));
    }
}
