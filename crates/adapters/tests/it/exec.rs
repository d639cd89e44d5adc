//! `exec` with real processes: whatever hangs, forks or dies, the outcome is what happened.

use crate::support::{Attempt, Journal, TRACEPARENT, WAIT_MAX, assert_told, eventually, number_in, told};
use glidepath_adapters::process::{ProcessState, mark_of, state_of};
use glidepath_adapters::{ExecAction, Supervisor};
use glidepath_model::event::{Direction, Outcome, ProcessMark};
use glidepath_ports::{Action, WorkTime};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn exec() -> ExecAction {
    ExecAction::new(Supervisor { program: env!("CARGO_BIN_EXE_glidepath-supervise").into(), args: Vec::new() })
}

fn shell(text: &str) -> Value {
    json!({"argv": [text], "shell": true})
}

async fn run(attempt: &Attempt, input: &Value) -> Outcome {
    exec().run(&attempt.context, input).await
}

/// Begins an attempt and drops it once `begun` holds: to the supervisor the owner is dead.
async fn abandon(attempt: &Attempt, input: &Value, begun: impl FnMut() -> bool) {
    let action = exec();
    tokio::select! {
        outcome = action.run(&attempt.context, input) => panic!("ended before it was abandoned: {outcome:?}"),
        () = eventually("the attempt to begin", begun) => {}
    }
}

fn alive(pid: u32) -> bool {
    mark_of(pid).is_ok_and(|mark| state_of(&mark) == ProcessState::Alive)
}

#[tokio::test]
async fn an_outcome_says_what_became_of_the_command() {
    let cases = [
        (json!({"argv": ["/bin/echo", "4.12.0"]}), "done", "4.12.0"),
        (json!({"argv": ["echo", "a b", "$HOME"]}), "done", "a b $HOME"),
        (
            shell("echo \"$V\"")
                .as_object()
                .map(|o| {
                    let mut o = o.clone();
                    o.insert("env".into(), json!({"V": "x; y"}));
                    json!(o)
                })
                .unwrap(),
            "done",
            "x; y",
        ),
        (json!({"argv": ["./deploy.sh", "host-1"]}), "done", "deployed host-1"),
        (json!({"argv": ["pwd"], "cwd": "sub"}), "done", "/sub"),
        (json!({"argv": ["echo", "4.11"], "expectText": "4.12"}), "not-done", "`4.12` was expected (GP0558)"),
        (json!({"argv": ["echo", " 4.12 "], "expectText": "4.12"}), "done", "4.12"),
        (
            shell("echo out; echo first >&2; echo no space left >&2; exit 3"),
            "not-done",
            "exit code 3; its last line: no space left (GP0556)",
        ),
        (shell("kill -9 $$"), "unknown", "signal 9"),
        (json!({"argv": ["./missing.sh"]}), "never", "`./missing.sh` was not found"),
        (json!({"argv": ["no-such-program-anywhere"]}), "never", "(GP0551)"),
        (json!({"argv": ["./not-executable"]}), "never", "executable bit (GP0552)"),
        (json!({"argv": ["./no-first-line"]}), "never", "`#!/bin/sh` as its first line (GP0552)"),
        (json!({"argv": ["pwd"], "cwd": "nowhere"}), "never", "nowhere is not there"),
        (json!({"argv": []}), "never", "(GP0550)"),
        (json!({"argv": ["a", "b"], "shell": true}), "never", "exactly one text"),
        (json!({"argv": ["a"], "arguments": 1}), "never", "unknown field `arguments`"),
        (json!({"argv": ["a\u{0}b"]}), "never", "(GP0552)"),
        (json!({"argv": ["true"], "secrets": {"T": "file:absent"}}), "never", "(GP0555)"),
    ];
    for (input, kind, part) in cases {
        let attempt = Attempt::new(LONG);
        std::fs::create_dir(attempt.path("sub")).unwrap();
        for (name, text, mode) in [
            ("deploy.sh", "#!/bin/sh\necho deployed \"$1\"\n", 0o755),
            ("not-executable", "#!/bin/sh\n", 0o644),
            ("no-first-line", "\x7fjunk", 0o755),
        ] {
            attempt.write(name, text);
            std::fs::set_permissions(attempt.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let outcome = run(&attempt, &input).await;
        let (told_kind, words) = told(&outcome);
        assert!(told_kind == kind && words.contains(part), "{input}: expected {kind} with `{part}`, got {told_kind}: {words}");
    }
}

/// Only an answer may say that a step was not done, or is not in place any more.
#[tokio::test]
async fn a_probe_without_an_answer_says_nothing() {
    let cases = [
        (json!({"argv": ["echo", "4.10"], "expectText": "4.10"}), "done"),
        (json!({"argv": ["echo", "4.9"], "expectText": "4.10"}), "not-done"),
        (json!({"argv": ["sh", "-c", "echo 4.9; exit 7"], "expectText": "4.10"}), "unknown"),
        (json!({"argv": ["false"]}), "not-done"),
        (json!({"argv": ["/no/such/probe"]}), "unknown"),
    ];
    for (input, kind) in cases {
        let mut attempt = Attempt::new(WAIT_MAX);
        attempt.context.attempt.direction = Direction::ProbeUndo;
        let (told_kind, words) = told(&run(&attempt, &input).await);
        assert_eq!(told_kind, kind, "{input}: {words}");
    }
}

#[tokio::test]
async fn a_command_gets_its_own_environment_and_nothing_else() {
    let attempt = Attempt::new(LONG);
    let outcome = run(&attempt, &json!({"argv": ["/usr/bin/env"], "env": {"COLOUR": "blue"}})).await;
    let (_, text) = told(&outcome);
    let names: Vec<&str> = text.lines().filter_map(|l| l.split('=').next()).collect();
    let allowed = [
        "PATH",
        "HOME",
        "LANG",
        "USER",
        "TMPDIR",
        "COLOUR",
        "GLIDEPATH_RUN_ID",
        "GLIDEPATH_PLAN_ID",
        "GLIDEPATH_IDEMPOTENCY_KEY",
        "GLIDEPATH_ATTEMPT",
        "TRACEPARENT",
        // Names the supervisor, so that a command can be found whose supervisor was killed.
        "GLIDEPATH_SUPERVISOR",
    ];
    assert!(names.iter().all(|n| allowed.contains(n)), "{names:?}");
    for line in [
        "COLOUR=blue",
        "GLIDEPATH_RUN_ID=run-000000000001",
        "GLIDEPATH_IDEMPOTENCY_KEY=run-000000000001/production/payments/eu/deploy/do/0",
        "GLIDEPATH_ATTEMPT=1",
        format!("TRACEPARENT={TRACEPARENT}").as_str(),
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
}

#[tokio::test]
async fn a_command_does_not_begin_when_its_process_cannot_be_journaled() {
    let attempt = Attempt::with(LONG, Journal::Fails);
    let outcome = run(&attempt, &shell("touch began")).await;
    assert_told(&outcome, "not-done", "could not be journaled");
    let mark = attempt.mark();
    eventually("the supervisor to end", || state_of(&mark) != ProcessState::Alive).await;
    assert!(!attempt.path("began").exists());
}

#[tokio::test]
async fn a_deadline_ends_the_whole_group_also_those_that_ignore_requests() {
    let attempt = Attempt::new(Duration::from_millis(1500));
    let begin = Instant::now();
    let text = "trap '' TERM; (trap '' TERM; sleep 300) & echo $! > child; echo $$ > main; echo working; sleep 300";
    let outcome = run(&attempt, &shell(text)).await;
    assert_told(&outcome, "unknown", "its process group was ended; its last line: working (GP0557)");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    for name in ["child", "main"] {
        let pid = number_in(&attempt.path(name)).await;
        eventually("the group to be gone", || !alive(pid)).await;
    }
}

#[tokio::test]
async fn a_cancelled_attempt_ends_its_group() {
    let attempt = Attempt::new(LONG);
    let main = attempt.path("main");
    let action = exec();
    let input = shell("echo $$ > main; sleep 300");
    let cancel = async {
        let pid = number_in(&main).await;
        attempt.context.cancel.cancel();
        pid
    };
    let (outcome, pid) = tokio::join!(action.run(&attempt.context, &input), cancel);
    assert_told(&outcome, "unknown", "was stopped");
    assert!(!alive(pid));
}

#[tokio::test]
async fn a_service_left_running_by_a_deploy_survives_it_and_may_go_on_writing() {
    let attempt = Attempt::new(LONG);
    let service = "(i=0; while [ $i -lt 3000 ]; do echo serving || exit; i=$((i+1)); echo $i > beat; sleep 0.02; done) & echo $! > service; echo deployed";
    let begin = Instant::now();
    let outcome = run(&attempt, &shell(service)).await;
    assert_told(&outcome, "done", "deployed");
    assert!(begin.elapsed() < Duration::from_secs(10), "a deploy must not wait for the service it starts: {:?}", begin.elapsed());
    let pid = number_in(&attempt.path("service")).await;
    let before = number_in(&attempt.path("beat")).await;
    let beat = attempt.path("beat");
    eventually("the service to write on", || {
        std::fs::read_to_string(&beat).ok().and_then(|t| t.trim().parse::<u32>().ok()).is_some_and(|b| b > before + 10)
    })
    .await;
    assert!(alive(pid));
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid as i32).unwrap(), rustix::process::Signal::KILL).unwrap();
    let supervisor = attempt.mark();
    eventually("the supervisor to end with the service", || state_of(&supervisor) != ProcessState::Alive).await;
}

#[tokio::test]
async fn a_flood_of_output_is_kept_in_bounded_memory() {
    let attempt = Attempt::new(LONG);
    let outcome =
        run(&attempt, &shell("echo first; head -c 100000000 /dev/zero | tr '\\0' 'x'; echo; grep VmHWM /proc/$PPID/status >&2; exit 1"))
            .await;
    let (_, words) = told(&outcome);
    let peak: u64 = words.split_ascii_whitespace().find_map(|w| w.parse().ok()).unwrap();
    assert!(peak < 40_000, "the supervisor took {peak} kB: {words}");
    let record: Value = serde_json::from_slice(&std::fs::read(attempt.path("attempt/exit.json")).unwrap()).unwrap();
    let stdout = &record["ending"]["stdout"];
    assert_eq!(stdout["bytesTotal"], 100_000_007);
    assert!(stdout["text"].as_str().unwrap().starts_with("first\n") && stdout["text"].as_str().unwrap().len() < 200_000);
}

#[tokio::test]
async fn an_output_that_is_cut_says_so_and_equals_no_text_of_a_condition() {
    for (words, bytes) in [("x", 4_096_u64), ("x", 4_097), ("x", 5_000_000)] {
        let attempt = Attempt::new(LONG);
        let (kind, text) = told(&run(&attempt, &shell(&format!("head -c {bytes} /dev/zero | tr '\\0' '{words}'"))).await);
        let is_whole = bytes == 4_096;
        assert_eq!(
            (kind, text == words.repeat(4_096), text.ends_with(" bytes left out]")),
            ("done", is_whole, !is_whole),
            "{bytes}: {text}"
        );
        assert!(text.len() <= 4_096);
    }
}

#[tokio::test]
async fn a_secret_reaches_the_command_and_nobody_else() {
    let attempt = Attempt::new(LONG);
    attempt.write("token", "s3cr3t/t0ken+value\n");
    let look = "test \"$TOKEN\" = 's3cr3t/t'0ken+value && echo reached; echo \"$TOKEN\"; \
                tr '\\0' '\\n' < /proc/$PPID/environ; tr '\\0' ' ' < /proc/$PPID/cmdline; ls attempt; cat attempt/* 2>/dev/null; echo \"bad $TOKEN\" >&2; exit 1";
    let mut input = shell(look);
    input["secrets"] = json!({"TOKEN": "file:token"});
    let outcome = run(&attempt, &input).await;
    assert_told(&outcome, "not-done", "bad [redacted]");
    let lines = attempt.recorder.lines.lock().unwrap().join("\n");
    assert!(lines.contains("reached") && lines.contains("[redacted]"), "{lines}");
    let mut seen = format!("{lines}{outcome:?}");
    for entry in std::fs::read_dir(&attempt.context.attempt_dir).unwrap() {
        seen.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    assert!(!seen.contains("t0ken+value"), "{seen}");
}

#[tokio::test]
async fn a_later_owner_learns_how_a_command_ended_whose_owner_died() {
    for (ending, kind, part) in [
        ("echo landed", "done", "landed"),
        ("echo broken >&2; exit 4", "not-done", "exit code 4; its last line: broken"),
        ("kill -15 $$", "unknown", "signal 15"),
    ] {
        let attempt = Attempt::new(LONG);
        let input = shell(&format!("touch began; while [ ! -e go ]; do sleep 0.02; done; {ending}"));
        let began = attempt.path("began");
        abandon(&attempt, &input, || began.exists()).await;
        let mark = attempt.mark();
        let action = exec();
        let go = async { attempt.write("go", "") };
        let (outcome, ()) = tokio::join!(action.adopt(&attempt.context, &input, &mark), go);
        assert_told(&outcome, kind, part);
        assert_eq!(told(&action.adopt(&attempt.context, &input, &mark).await), told(&outcome), "adopting twice tells the same");
        let worked = attempt.recorder.worked.lock().unwrap().clone();
        assert!(worked.len() == 2 && worked[0] == worked[1], "how long it worked is what its supervisor wrote down: {worked:?}");
    }
}

#[tokio::test]
async fn the_deadline_is_kept_although_the_owner_is_dead() {
    let attempt = Attempt::new(Duration::from_secs(2));
    let input = shell("echo $$ > main; sleep 300");
    let main = attempt.path("main");
    abandon(&attempt, &input, || main.exists()).await;
    let mark = attempt.mark();
    eventually("the supervisor to end", || state_of(&mark) != ProcessState::Alive).await;
    assert!(!alive(number_in(&main).await));
    assert_told(&exec().adopt(&attempt.context, &input, &mark).await, "unknown", "timed out");
}

#[tokio::test]
async fn a_command_whose_owner_died_before_the_go_ahead_has_certainly_not_begun() {
    let attempt = Attempt::with(LONG, Journal::Hangs);
    let input = shell("touch began");
    let recorder = attempt.recorder.clone();
    abandon(&attempt, &input, || !recorder.marks.lock().unwrap().is_empty()).await;
    assert_told(&exec().adopt(&attempt.context, &input, &attempt.mark()).await, "not-done", "was not begun");
    assert!(!attempt.path("began").exists());
}

/// Until when work may go on, that long from now; a negative time lies in the past.
fn write_work_time(attempt: &Attempt, millis_left: i64) {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let now = Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap());
    let left = Duration::from_millis(millis_left.unsigned_abs());
    let stop_at = if millis_left < 0 { now.saturating_sub(left) } else { now + left };
    let time = WorkTime { stop_at, gone_by: stop_at + Duration::from_secs(1) };
    // As a node does it, so that a reader never sees half a line.
    attempt.write("lease.part", &time.to_text());
    std::fs::rename(attempt.path("lease.part"), attempt.path("lease")).unwrap();
}

#[tokio::test]
async fn a_command_works_while_the_lease_of_its_node_is_renewed() {
    let attempt = Attempt::new(LONG);
    *attempt.recorder.work_time.lock().unwrap() = Some(attempt.path("lease"));
    write_work_time(&attempt, 600);
    let command = shell("for i in 1 2 3 4 5 6; do sleep 0.3; done; echo through");
    let renewed = async {
        loop {
            write_work_time(&attempt, 600);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        outcome = run(&attempt, &command) => assert_told(&outcome, "done", "through"),
        () = renewed => {}
    }
}

/// The owner is dead and renews nothing: another node may begin the step anew, so the command must be gone before.
#[tokio::test]
async fn a_command_ends_with_the_lease_of_its_node_though_nobody_is_there_to_end_it() {
    for is_removed in [false, true] {
        let attempt = Attempt::new(LONG);
        *attempt.recorder.work_time.lock().unwrap() = Some(attempt.path("lease"));
        write_work_time(&attempt, if is_removed { 60_000 } else { 800 });
        // It does not end when it is asked to.
        let command = shell("trap '' TERM; echo $$ > pid; while true; do sleep 0.1; done");
        abandon(&attempt, &command, || attempt.path("pid").exists()).await;
        let (pid, begin) = (number_in(&attempt.path("pid")).await, Instant::now());
        if is_removed {
            std::fs::remove_file(attempt.path("lease")).unwrap();
        }
        eventually("its end", || !alive(pid)).await;
        assert!(begin.elapsed() < Duration::from_secs(6), "it went on for {:?}", begin.elapsed());
        let mark = attempt.mark();
        let outcome = exec().adopt(&attempt.context, &command, &mark).await;
        assert_told(&outcome, "unknown", "the lease of the node that started it was over");
    }
}

#[tokio::test]
async fn a_command_does_not_begin_on_a_lease_that_is_over() {
    let attempt = Attempt::new(LONG);
    *attempt.recorder.work_time.lock().unwrap() = Some(attempt.path("lease"));
    write_work_time(&attempt, -1);
    assert_told(&run(&attempt, &shell("touch begun")).await, "not-done", "the lease of the node was over");
    assert!(!attempt.path("begun").exists());
}

#[tokio::test]
async fn a_killed_supervisor_leaves_no_orphan_and_an_honest_unknown() {
    let attempt = Attempt::new(LONG);
    let input = shell("sleep 300 & echo $! > child; echo $$ > main; wait");
    let main = attempt.path("main");
    let action = exec();
    let kill = async {
        number_in(&main).await;
        eventually("the command's own mark", || attempt.path("attempt/command.json").exists()).await;
        rustix::process::kill_process(rustix::process::Pid::from_raw(attempt.mark().pid as i32).unwrap(), rustix::process::Signal::KILL)
            .unwrap();
    };
    let (outcome, ()) = tokio::join!(action.run(&attempt.context, &input), kill);
    assert_told(&outcome, "unknown", "ended without a record");
    for name in ["main", "child"] {
        let pid = number_in(&attempt.path(name)).await;
        eventually("no orphan", || !alive(pid)).await;
    }
}

#[tokio::test]
async fn a_supervisor_killed_before_it_wrote_down_its_command_leaves_no_orphan() {
    let attempt = Attempt::new(LONG);
    let input = shell("echo $$ > main; sleep 300");
    let main = attempt.path("main");
    let action = exec();
    let kill = async {
        number_in(&main).await;
        let supervisor = rustix::process::Pid::from_raw(attempt.mark().pid as i32).unwrap();
        // Stopped first, so that the owner does not yet see its end while the file goes.
        rustix::process::kill_process(supervisor, rustix::process::Signal::STOP).unwrap();
        let _ = std::fs::remove_file(attempt.path("attempt/command.json"));
        rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
    };
    let (outcome, ()) = tokio::join!(action.run(&attempt.context, &input), kill);
    assert_told(&outcome, "unknown", "ended without a record");
    let pid = number_in(&main).await;
    eventually("no orphan", || !alive(pid)).await;
}

#[tokio::test]
async fn a_record_of_another_attempt_or_another_boot_is_not_believed() {
    let attempt = Attempt::new(LONG);
    let input = shell("echo one");
    assert_told(&run(&attempt, &input).await, "done", "one");
    let mark = attempt.mark();
    let later = ProcessMark { start_ticks: mark.start_ticks + 1, ..mark.clone() };
    assert_told(&exec().adopt(&attempt.context, &input, &later).await, "unknown", "without a record");
    let other = ProcessMark { boot_id: "another".to_owned(), ..mark };
    assert_told(&exec().adopt(&attempt.context, &input, &other).await, "unknown", "restarted");
}

#[tokio::test]
async fn a_missing_supervisor_is_a_clear_outcome() {
    let attempt = Attempt::new(LONG);
    let action = ExecAction::new(Supervisor { program: attempt.path("gone"), args: Vec::new() });
    assert_told(&action.run(&attempt.context, &shell("true")).await, "not-done", "(GP0554)");
}
